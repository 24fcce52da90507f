/**
 * Our place on the server, which it keeps for a while when the connection is lost.
 * @module place
 */

import { randomId } from "./ground.js";
import { Outbox } from "./outbox.js";

/** @import { JoinAck } from "./room.js" */
/** @import { Socket } from "./socket.js" */

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
  /** Whether events on the connection of the moment carry offsets. */
  #following = false;
  /** Rooms that were left while the server could not be told. @type {Map<string, object>} */
  #left = new Map();

  /** Whoever knows it can take our place, so nobody is told but the server. */
  key = randomId(KEY_BYTES);

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    this.outbox = new Outbox(socket);
    socket.on("connect", () => { this.#following = false; });
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
    if (!this.#following || isLater(at, this.#seen)) this.#seen = at;
    this.#following = true;
    if (received !== undefined) this.outbox.settle(received);
    for (const request of this.#left.values()) this.#socket.send("leave-room", request);
    this.#left.clear();
  }

  /**
   * A room is left while we are away. With the place the server gives back its membership, which then ends.
   * @param {{roomName: string, userId: string}} request
   */
  leaveLater(request) {
    this.#left.set(request.roomName, request);
  }

  /**
   * A room is entered, and so it is not left.
   * @param {string} roomName
   */
  stay(roomName) {
    this.#left.delete(roomName);
  }

  /** @param {unknown} offset what stands last in an event */
  #heard(offset) {
    if (this.#following && typeof offset === "string" && OFFSET.test(offset)) this.#seen = offset;
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
