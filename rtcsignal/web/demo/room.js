/**
 * One room on the signalling server: being in it, who else is, and messages to them.
 * @module room
 */

import { Emitter, SignalingError } from "./ground.js";
import { Place } from "./place.js";
import { Roster } from "./roster.js";
import { PASSING } from "./socket.js";

/** @import { Message } from "./messages.js" */
/** @import { SendAck } from "./outbox.js" */
/** @import { JoinAck, Outcome, Refusal } from "./place.js" */
/** @import { Socket } from "./socket.js" */

/**
 * What comes with an event about a member.
 * @typedef {{roomName?: string, reason?: string, window?: number}} About
 */

/**
 * @typedef {object} RoomEvents
 * @property {[{members: string[], again: boolean, outcome: Outcome | null, ack: JoinAck}]} joined we are in; `members`
 *   are the others' userIds, `again` is true after a loss, `outcome` is null if the server keeps no memberships, `ack` is
 *   the server's whole answer
 * @property {[reason: string]} away the connection is lost; the socket is already trying again
 * @property {[userId: string, {again: boolean}]} member-joined `again` if they were here already, on another connection
 * @property {[userId: string, reason: string]} member-left
 * @property {[userId: string]} member-away the member's connection is lost, and the server waits for it
 * @property {[userId: string]} member-back the member has a connection again, and has missed nothing
 * @property {[body: Message]} message of another member; `body.userId` says whose
 * @property {[shape: object]} ice the server has given us ICE servers: `iceServers`, `ttl`, `iceTransportPolicy`
 * @property {[about: any]} verdict of the server about the connection with `about.peer`
 * @property {[error: SignalingError]} refused a request of ours was refused, the join or a later one
 * @property {[error: SignalingError]} ended we are out and stay out, because the join was refused or we were kicked
 */

/**
 * Reasons of a user-left that only tell of a lost connection: the member may well come back. After "left" it will not,
 * nor after any other reason: the others come from policies that remove members.
 */
export const LOST = new Set(["disconnect", "timeout", "slow-consumer", "flood", "shutdown"]);

const PRESENCE = new Set(["user-joined", "user-left", "user-away", "user-back"]);

/**
 * Joins at every connect of the socket, the first and each later one. A server that keeps memberships for a while gives
 * ours back then, with what we missed, and so nothing that we send meanwhile is lost either. To others a new connection
 * is a stranger, and nothing is kept for later. In both cases nothing is sent before the server has confirmed the join.
 *
 * A user may be in the room on several connections: on a new one while the server has not noticed yet that the old one is
 * lost. Each is announced and ends by itself; the user is gone when the last one ends.
 *
 * `state`: "outside" -> "joining" -> "joined"; "away" while the connection is lost.
 * @extends {Emitter<RoomEvents>}
 */
export class Room extends Emitter {
  #socket;
  #details;
  #replaces;
  #place;
  #roster;
  /**
   * Events that came before the answer to the join; `isSeen`: the server will not send it again.
   * @type {{name: string, args: any[], isSeen: boolean}[]}
   */
  #early = [];
  #wasIn = false;
  /** How many joins were not answered yet. */
  #asked = 0;
  /** Whether the server has told us of a new membership that nobody here has been told of. */
  #isUntold = false;
  /** Whether the server keeps our membership while we have no connection. */
  #isKept = false;
  /** Whether a policy has told us that another session of ours takes the place of this one. */
  #isReplaced = false;
  /** @type {(() => void)[]} */
  #stops = [];

  /** @type {"outside" | "joining" | "joined" | "away"} */
  state = "outside";

  /**
   * @param {Socket} socket opened by `join` if it is not open yet
   * @param {object} options
   * @param {string} options.roomName 1 to 256 characters
   * @param {string} options.userId 1 to 256 characters; unique in the room, best a `randomId()` for each page load
   * @param {object} [options.details] further keys of join-room, for policies of the server: `password`, `token`...
   * @param {string} [options.replaces] the `key` that a room had in an earlier life of this page: its membership, if it
   *   has not ended yet, ends before ours begins
   */
  constructor(socket, { roomName, userId, details = {}, replaces }) {
    super();
    this.#socket = socket;
    this.#details = details;
    this.#replaces = replaces;
    this.#place = Place.of(socket);
    this.#roster = new Roster(userId);
    this.roomName = roomName;
    this.userId = userId;
  }

  get joined() {
    return this.state === "joined";
  }

  /** Whether messages are taken: those of members who are away wait, if the server keeps the membership. */
  get canSend() {
    return this.#socket.state !== "closed" && (this.joined || this.#isKept);
  }

  /** userIds of the others. */
  get members() {
    return this.#roster.members;
  }

  /** userIds of those of them whose connection is lost, and whom the server waits for. */
  get away() {
    return this.#roster.away;
  }

  /** A secret that gives our membership back after a loss; the same for all rooms of the socket. */
  get key() {
    return this.#place.key;
  }

  /** Join, and join again after every loss until `leave`. */
  join() {
    if (this.state !== "outside") return;
    this.state = "joining";
    this.#wasIn = false;
    this.#asked = 0;
    this.#isUntold = false;
    this.#place.stay(this.roomName);
    this.#stops = [
      this.#socket.on("connect", () => this.#enter()),
      this.#socket.on("disconnect", (reason) => this.#lost(reason)),
      this.#socket.on("refused", (error) => this.#end(error)),
      this.#socket.on("event", (name, args) => this.#event(name, args)),
    ];
    if (this.#socket.connected) this.#enter();
    else this.#socket.open();
  }

  /**
   * Send a message to one member, or to all when `targetUserId` is null. While we are away it waits, if the server keeps
   * our membership.
   * @param {string | null} targetUserId
   * @param {object} body `msgType` and whatever belongs to it
   * @returns {Promise<number>} how many connections got it; 0 means that the member is not there at the moment
   * @throws {SignalingError} the server's refusal; "offline" while we are not in the room; "outbox-full" when too much
   *   waits already; "disconnected" when the membership ended before the server answered
   */
  async send(targetUserId, body) {
    if (!this.canSend) throw new SignalingError("offline", "You are not in the room at the moment.");
    const target = targetUserId === null ? {} : { targetUserId };
    const message = { userId: this.userId, roomName: this.roomName, ...target, ...body };
    /** @type {SendAck | undefined} */
    const ack = await (this.#isKept ? this.#place.outbox.add(this, message) : this.#socket.request("broadcast", message));
    if (ack?.ok === false) throw this.#refusal(ack.error);
    return ack?.delivered ?? 1;
  }

  /**
   * Leave the room; the others are told at once. The socket stays open.
   * @returns {Promise<void>} settled when the server has been told: that is later if we are away, and the server keeps
   *   our membership; or when the socket is closed
   */
  leave() {
    const { state } = this;
    const request = this.#request;
    const isInDoubt = this.#isKept || this.#asked > 0;
    if (state !== "outside") this.#reset();
    if (state === "joined") this.#socket.send("leave-room", request);
    return state === "away" && isInDoubt ? this.#place.leaveLater(request) : Promise.resolve();
  }

  /** Tell the server, which need not know what to do with it. @param {string} peer userId @param {object} report */
  report(peer, report) {
    if (this.joined) this.#socket.send("call-state", { roomName: this.roomName, peer, ...report });
  }

  /** Ask the server for other ICE servers; they come as the event "ice". */
  async askForIce() {
    const shape = await this.#socket.request("ice-servers", { roomName: this.roomName });
    if (shape?.ok === true && this.joined) this.fire("ice", shape);
  }

  get #request() {
    return { userId: this.userId, roomName: this.roomName };
  }

  #enter() {
    this.state = "joining";
    this.#early = this.#early.filter(({ isSeen }) => isSeen);
    this.#ask();
  }

  async #ask() {
    const names = { ...this.#request, connections: true };
    const replaces = this.#replaces === undefined ? {} : { replaces: this.#replaces };
    const request = { ...this.#details, ...names, ...this.#place.claim(), ...replaces };
    this.#asked += 1;
    /** @type {JoinAck | undefined} */
    let ack;
    try {
      ack = await this.#socket.request("join-room", request);
    } catch (error) {
      // A lost connection comes back by itself; one that is there but does not answer has to be given up.
      const unanswered = error instanceof SignalingError && error.code === "timeout";
      if (this.state === "outside") this.#place.leaveLater(this.#request);
      else if (unanswered && this.state === "joining") this.#socket.drop();
      return;
    }
    if (this.state !== "joining") this.#unwanted(ack);
    else if (ack?.ok === true) this.#entered(ack);
    else this.#kept(this.#refusal(ack?.error));
  }

  /**
   * The answer to a join comes when we have left again, and could not say so then.
   * @param {JoinAck} [ack]
   */
  #unwanted(ack) {
    if (this.state !== "outside" || ack?.ok !== true) return;
    this.#socket.send("leave-room", this.#request);
  }

  /** @param {JoinAck} ack */
  #entered(ack) {
    const isKept = ack.outcome !== undefined && ack.at !== undefined;
    if (isKept) this.#place.answered(ack);
    const isReplayed = isKept && ack.outcome === "joined" && this.#asked > 1;
    this.#asked = 0;
    this.#replaces = undefined;
    if (isReplayed) {
      // The answer to an earlier join was lost. What came behind it, of which this list knows, follows; the answer to
      // another join stands where that ends.
      this.#isUntold = true;
      this.#ask();
    } else {
      this.#begin(ack, isKept ? (this.#isUntold ? "joined" : ack.outcome ?? null) : null);
    }
  }

  /**
   * We are in the room.
   * @param {JoinAck} ack
   * @param {Outcome | null} outcome
   */
  #begin(ack, outcome) {
    const again = this.#wasIn;
    const resumed = again && outcome === "resumed";
    const isEchoed = outcome === null || (outcome === "joined" && !this.#isUntold);
    if (!resumed) this.#roster.take(ack, isEchoed);
    this.#wasIn = true;
    this.#isUntold = false;
    this.#isKept = outcome !== null;
    // Without this membership they have lost their sense, and the calls that they are about begin anew.
    if (!resumed) this.#place.outbox.forget(this);
    this.state = "joined";
    if (ack.ice !== undefined) this.fire("ice", ack.ice);
    this.fire("joined", { members: [...this.members], again, outcome, ack });
    const early = this.#early.splice(0);
    // A server that keeps memberships sends in order: the list of members knows of all that came before it.
    const isListed = outcome !== null && !resumed;
    for (const { name, args } of early) if (!isListed || !PRESENCE.has(name)) this.#event(name, args);
    if (resumed) for (const { userId, away } of ack.members) this.#setAway(userId, away === true);
    this.#place.outbox.flush();
  }

  /**
   * The join was refused: for a moment, or for good.
   * @param {SignalingError} error
   */
  #kept(error) {
    this.#asked -= 1;
    if (PASSING.has(error.code)) this.#socket.drop();
    else this.#end(error);
  }

  /** @param {string} reason */
  #lost(reason) {
    if (reason === "server-disconnect") {
      this.#end(new SignalingError(reason, "The server ended the connection."));
    } else if (reason !== "closed" && this.state !== "outside") {
      this.state = "away";
      this.fire("away", reason);
    }
  }

  /**
   * @param {string} name
   * @param {any[]} args
   */
  #event(name, args) {
    if (name === "refused") return this.#refusedLate(args[0] ?? {});
    if (this.state === "joining") return this.#early.push({ name, args, isSeen: this.#place.isFollowing });
    if (!this.joined) return undefined;
    if (name === "broadcast") return this.#message(args[0]);
    if (name === "call-verdict") return this.#isOurs(args[0]) ? this.fire("verdict", args[0] ?? {}) : undefined;
    if (name === "ice-servers") return this.fire("ice", args[0] ?? {});
    if (name === "replaced") return this.#replaced(args[0]);
    return this.#isOurs(args[1]) ? this.#presence(name, args[0], args[1]) : undefined;
  }

  /**
   * @param {string} name
   * @param {string} userId
   * @param {About} [about]
   */
  #presence(name, userId, about) {
    switch (name) {
      case "user-joined": return this.#memberJoined(userId);
      case "user-left": return this.#memberLeft(userId, about?.reason ?? "left");
      case "user-away": return this.#setAway(userId, true);
      case "user-back": return this.#setAway(userId, false);
      default: return undefined;
    }
  }

  /** @param {About | undefined} about */
  #isOurs(about) {
    return about?.roomName === undefined || about.roomName === this.roomName;
  }

  /** @param {string} userId */
  #memberJoined(userId) {
    const again = this.members.has(userId);
    if (this.#roster.joined(userId)) this.fire("member-joined", userId, { again });
  }

  /**
   * @param {string} userId
   * @param {string} reason
   */
  #memberLeft(userId, reason) {
    const { hasTwin } = this.#roster;
    const ended = this.#roster.ended(userId);
    if (ended) this.fire("member-left", userId, reason);
    if (userId !== this.userId || reason === "left" || LOST.has(reason)) return;
    // Of several connections with our userId, we are told by another event if it is ours that is replaced.
    if (reason === "replaced" && hasTwin && !this.#isReplaced) return;
    this.#end(new SignalingError(reason, "The server removed you from the room."));
  }

  /** @param {About | undefined} about */
  #replaced(about) {
    if (this.#isOurs(about)) this.#isReplaced = true;
  }

  /**
   * @param {string} userId
   * @param {boolean} away
   */
  #setAway(userId, away) {
    if (this.#roster.setAway(userId, away)) this.fire(away ? "member-away" : "member-back", userId);
  }

  /** @param {Message} body anything, until it was looked at */
  #message(body) {
    if (body === null || typeof body !== "object" || typeof body.userId !== "string") return;
    const forUs = body.targetUserId === undefined || body.targetUserId === this.userId;
    if (body.userId !== this.userId && forUs && this.#isOurs(body)) this.fire("message", body);
  }

  /**
   * A refusal that is no answer: of a request without an acknowledgement, or of our being connected at all.
   * @param {Refusal} body
   */
  #refusedLate(body) {
    const error = this.#refusal(body);
    if (body.event === "connect") this.#end(error);
  }

  /** @param {Refusal} [body] */
  #refusal({ code = "refused", message = "The server refused.", ...data } = {}) {
    const error = new SignalingError(code, message, data);
    this.fire("refused", error);
    return error;
  }

  /** @param {SignalingError} error */
  #end(error) {
    if (this.state === "outside") return;
    this.#reset();
    this.fire("ended", error);
  }

  #reset() {
    this.state = "outside";
    this.#isKept = false;
    this.#isReplaced = false;
    this.#roster.clear();
    this.#early = [];
    for (const stop of this.#stops.splice(0)) stop();
    this.#place.leave(this.roomName);
    this.#place.outbox.forget(this);
  }
}
