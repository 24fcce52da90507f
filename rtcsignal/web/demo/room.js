/**
 * One room on the signalling server: being in it, who else is, and messages to them.
 * @module room
 */

import { Emitter, SignalingError } from "./ground.js";
import { PASSING } from "./socket.js";

/** @import { Message } from "./messages.js" */
/** @import { Socket } from "./socket.js" */

/**
 * Why the server refused a request.
 * @typedef {{code?: string, message?: string, [key: string]: unknown}} Refusal
 */

/**
 * The server's answer to a join.
 * @typedef {object} JoinAck
 * @property {boolean} ok
 * @property {{userId: string}[]} members everyone in the room once, ourselves included; missing if we are refused
 * @property {{[userId: string]: number}} [connections] of those who are there on several: on how many
 * @property {boolean} [resumed] whether a server that keeps places kept ours
 * @property {Refusal} [error]
 */

/**
 * What comes with a user-joined or user-left.
 * @typedef {{roomName?: string, reason?: string}} Place
 */

/**
 * @typedef {object} RoomEvents
 * @property {[{members: string[], again: boolean, ack: JoinAck}]} joined we are in; `members` are the others' userIds,
 *   `again` is true after a loss, `ack` is the server's whole answer
 * @property {[reason: string]} away the connection is lost; the socket is already trying again
 * @property {[userId: string, {again: boolean}]} member-joined `again` if they were here already, on another connection
 * @property {[userId: string, reason: string]} member-left
 * @property {[body: Message]} message of another member; `body.userId` says whose
 * @property {[error: SignalingError]} refused a request of ours was refused, the join or a later one
 * @property {[error: SignalingError]} ended we are out and stay out, because the join was refused or we were kicked
 */

/**
 * Reasons of a user-left that only tell of a lost connection: the member may well come back. After "left" it will not,
 * nor after any other reason: the others come from policies that remove members.
 */
export const LOST = new Set(["disconnect", "timeout", "slow-consumer", "flood", "shutdown"]);

/**
 * Joins at every connect of the socket, the first and each later one, because a new connection is a stranger to the
 * server. Nothing is sent before the server has confirmed the join, and nothing is kept for later.
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
  /** Events that came before the answer to the join. @type {[name: string, args: any[]][]} */
  #early = [];
  #wasIn = false;
  /** @type {(() => void)[]} */
  #stops = [];
  /** How many connections each of the others has. @type {Map<string, number>} */
  #connections = new Map();

  /** @type {"outside" | "joining" | "joined" | "away"} */
  state = "outside";

  /** userIds of the others. @type {Set<string>} */
  members = new Set();

  /**
   * @param {Socket} socket opened by `join` if it is not open yet
   * @param {object} options
   * @param {string} options.roomName 1 to 256 characters
   * @param {string} options.userId 1 to 256 characters; unique in the room, best a `randomId()` for each page load
   * @param {object} [options.details] further keys of join-room, for policies of the server: `password`, `token`...
   */
  constructor(socket, { roomName, userId, details = {} }) {
    super();
    this.#socket = socket;
    this.#details = details;
    this.roomName = roomName;
    this.userId = userId;
  }

  get joined() {
    return this.state === "joined";
  }

  /** Join, and join again after every loss until `leave`. */
  join() {
    if (this.state !== "outside") return;
    this.state = "joining";
    this.#wasIn = false;
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
   * Send a message to one member, or to all when `targetUserId` is null.
   * @param {string | null} targetUserId
   * @param {object} body `msgType` and whatever belongs to it
   * @returns {Promise<number>} how many connections got it; 0 means that the member is not there at the moment
   * @throws {SignalingError} the server's refusal; "offline" while we are not in the room
   */
  async send(targetUserId, body) {
    if (!this.joined) throw new SignalingError("offline", "You are not in the room at the moment.");
    const target = targetUserId === null ? {} : { targetUserId };
    const message = { userId: this.userId, roomName: this.roomName, ...target, ...body };
    /** @type {{ok?: boolean, delivered?: number, error?: Refusal} | undefined} */
    const ack = await this.#socket.request("broadcast", message);
    if (ack?.ok === false) throw this.#refusal(ack.error);
    return ack?.delivered ?? 1;
  }

  /** Leave the room; the others are told at once. The socket stays open. */
  leave() {
    if (this.state === "outside") return;
    if (this.joined) this.#socket.send("leave-room", { userId: this.userId, roomName: this.roomName });
    this.#reset();
  }

  async #enter() {
    this.state = "joining";
    this.#early = [];
    const request = { ...this.#details, userId: this.userId, roomName: this.roomName, connections: true };
    /** @type {JoinAck | undefined} */
    let ack;
    try {
      ack = await this.#socket.request("join-room", request);
    } catch (error) {
      // A lost connection comes back by itself; one that is there but does not answer has to be given up.
      const unanswered = error instanceof SignalingError && error.code === "timeout";
      if (unanswered && this.state === "joining") this.#socket.drop();
      return;
    }
    if (this.state !== "joining") return;
    if (ack?.ok === true) this.#entered(ack);
    else this.#kept(this.#refusal(ack?.error));
  }

  /** @param {JoinAck} ack */
  #entered(ack) {
    const again = this.#wasIn;
    this.#wasIn = true;
    this.state = "joined";
    this.#connections = new Map(ack.members.map(({ userId }) => [userId, 1]));
    for (const [userId, count] of Object.entries(ack.connections ?? {})) this.#connections.set(userId, count);
    this.#connections.delete(this.userId);
    this.members = new Set(this.#connections.keys());
    this.fire("joined", { members: [...this.members], again, ack });
    // What came while the answer was under way is newer than the answer's list.
    for (const [name, args] of this.#early.splice(0)) this.#event(name, args);
  }

  /**
   * The join was refused: for a moment, or for good.
   * @param {SignalingError} error
   */
  #kept(error) {
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
    if (this.state === "joining") return this.#early.push([name, args]);
    if (!this.joined) return undefined;
    switch (name) {
      case "user-joined": return this.#memberJoined(args[0], args[1]);
      case "user-left": return this.#memberLeft(args[0], args[1]);
      case "broadcast": return this.#message(args[0]);
      default: return undefined;
    }
  }

  /** @param {Place | undefined} place */
  #isOurs(place) {
    return place?.roomName === undefined || place.roomName === this.roomName;
  }

  /**
   * @param {string} userId
   * @param {Place} [place]
   */
  #memberJoined(userId, place) {
    if (!this.#isOurs(place) || userId === this.userId) return;
    const again = this.members.has(userId);
    this.#connections.set(userId, (this.#connections.get(userId) ?? 0) + 1);
    this.members.add(userId);
    this.fire("member-joined", userId, { again });
  }

  /**
   * @param {string} userId
   * @param {Place} [place]
   */
  #memberLeft(userId, place) {
    if (!this.#isOurs(place)) return;
    const reason = place?.reason ?? "left";
    if (userId === this.userId) {
      // "left" and a loss are about another connection with our userId: ours is here.
      if (reason !== "left" && !LOST.has(reason)) this.#end(new SignalingError(reason, "The server removed you from the room."));
    } else if (this.members.has(userId)) {
      this.#connectionEnded(userId, reason);
    }
  }

  /**
   * @param {string} userId
   * @param {string} reason
   */
  #connectionEnded(userId, reason) {
    const left = (this.#connections.get(userId) ?? 1) - 1;
    if (left > 0) {
      this.#connections.set(userId, left);
      return;
    }
    this.#connections.delete(userId);
    this.members.delete(userId);
    this.fire("member-left", userId, reason);
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
    this.members.clear();
    this.#connections.clear();
    this.#early = [];
    for (const stop of this.#stops.splice(0)) stop();
  }
}
