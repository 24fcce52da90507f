/**
 * Our place on the server, which it keeps for a while when the connection is lost.
 * @module place
 */

import { randomId } from "./ground.js";
import { Outbox } from "./outbox.js";

/** @import { Socket } from "./socket.js" */

/**
 * Why the server refused a request.
 * @typedef {{code?: string, message?: string, [key: string]: unknown}} Refusal
 */

/**
 * What became of our membership while the connection was lost, as a server says that keeps it for a while:
 * "resumed": it is the same, and what we missed follows; "resync": it is the same, but what we missed is not known any
 * more; "joined": it is a new one.
 * @typedef {"resumed" | "resync" | "joined"} Outcome
 */

/**
 * The server's answer to a join.
 * @typedef {object} JoinAck
 * @property {boolean} ok
 * @property {{userId: string, away?: boolean}[]} members everyone in the room once, ourselves included; `away` if the
 *   server waits for a lost connection; missing if we are refused
 * @property {{[userId: string]: number}} [connections] of those who are there on several: on how many
 * @property {Outcome} [outcome]
 * @property {string} [at] the offset behind which events follow; missing if the server keeps no memberships
 * @property {number} [received] the highest number of our messages that the server has
 * @property {number} [window] for how many seconds the server keeps the membership without a connection
 * @property {object} [ice] our ICE servers
 * @property {Refusal} [error]
 */

/** Of randomness; 24 characters. */
const KEY_BYTES = 18;

const OFFSET = /^[0-9a-z]+\.\d+$/i;

/** @type {WeakMap<Socket, Place>} */
const places = new WeakMap();

/** What the server has to be told so that it gives a connection back what the one before it had. All rooms share it. */
export class Place {
  #socket;
  /** The offset of the last event that we have, in whatever room. @type {string | undefined} */
  #seen;
  /** Names of the rooms that we are in, or are about to enter. @type {Set<string>} */
  #rooms = new Set();
  /** Rooms that were left while the server could not be told. @type {Map<string, object>} */
  #left = new Map();
  /** Of those who wait until it is told. @type {(() => void)[]} */
  #told = [];

  /** Whether what comes on the connection of the moment is not sent again on the next one. */
  isFollowing = false;

  /** Whoever knows it can take our place, so nobody is told but the server. */
  key = randomId(KEY_BYTES);

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    this.outbox = new Outbox(socket);
    // With no room to enter nothing else would give us the place back, in which we still are somewhere.
    socket.claim = () => (this.#rooms.size === 0 && this.#left.size > 0 ? this.claim() : undefined);
    socket.on("connect", () => {
      this.isFollowing = false;
      if (this.#rooms.size === 0) this.#leaveNow();
    });
    socket.on("closed", () => this.#forget());
    socket.on("event", (_, args) => this.#heard(args.at(-1)));
  }

  /**
   * The one place of a socket.
   * @param {Socket} socket
   */
  static of(socket) {
    const place = places.get(socket) ?? new Place(socket);
    places.set(socket, place);
    return place;
  }

  /** What a join says of it. */
  claim() {
    return { resume: this.key, seen: this.#seen };
  }

  /**
   * The server has answered a join.
   * @param {JoinAck} ack
   */
  answered({ at, received }) {
    if (at === undefined) return;
    // The answer for a second room may be behind the events that followed the first.
    if (!this.isFollowing || isLater(at, this.#seen)) this.#seen = at;
    this.isFollowing = true;
    if (received !== undefined) this.outbox.settle(received);
    this.#leaveNow();
  }

  /**
   * A room is left while we are away. With the place the server gives back its membership, which then ends.
   * @param {{roomName: string, userId: string}} request
   * @returns {Promise<void>} settled when the server has been told, or will not be
   */
  leaveLater(request) {
    if (this.#socket.state === "closed" || this.#rooms.has(request.roomName)) return Promise.resolve();
    this.#left.set(request.roomName, request);
    return new Promise((resolve) => { this.#told.push(resolve); });
  }

  /**
   * A room is entered, and so it is not left.
   * @param {string} roomName
   */
  stay(roomName) {
    this.#rooms.add(roomName);
    this.#left.delete(roomName);
  }

  /**
   * A room is not to be entered any more.
   * @param {string} roomName
   */
  leave(roomName) {
    this.#rooms.delete(roomName);
  }

  #leaveNow() {
    for (const request of this.#left.values()) this.#socket.send("leave-room", request);
    this.#forget();
  }

  #forget() {
    this.#left.clear();
    for (const resolve of this.#told.splice(0)) resolve();
  }

  /** @param {unknown} offset what stands last in an event */
  #heard(offset) {
    if (this.isFollowing && typeof offset === "string" && OFFSET.test(offset)) this.#seen = offset;
  }
}

/**
 * @param {string} offset
 * @param {string} [than]
 */
function isLater(offset, than = "") {
  const [[epoch, number], [epochThan, numberThan]] = [offset.split("."), than.split(".")];
  return epoch !== epochThan || Number(number) > Number(numberThan);
}
