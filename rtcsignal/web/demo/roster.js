/**
 * Who is in a room.
 * @module roster
 */

/** @import { JoinAck } from "./place.js" */

/**
 * The users in a room but ourselves. A user may be there on several connections, each of which is announced and ends by
 * itself; the user is gone when the last one ends.
 */
export class Roster {
  #self;
  /** How many connections each of the others has. @type {Map<string, number>} */
  #connections = new Map();
  /** Other connections with our own userId. */
  #twins = 0;
  /** Whether the server tells us next that we have joined. */
  #echo = false;

  /** userIds. @type {Set<string>} */
  members = new Set();

  /** Those of them whom the server waits for. @type {Set<string>} */
  away = new Set();

  /** @param {string} self our userId */
  constructor(self) {
    this.#self = self;
  }

  /** Whether there are other connections with our own userId. */
  get hasTwin() {
    return this.#twins > 0;
  }

  /**
   * Take everyone from the answer to a join.
   * @param {JoinAck} ack
   * @param {boolean} echo whether we are told next that we have joined
   */
  take({ members, connections = {} }, echo) {
    this.#connections = new Map(members.map(({ userId }) => [userId, 1]));
    for (const [userId, count] of Object.entries(connections)) this.#connections.set(userId, count);
    this.#twins = (this.#connections.get(this.#self) ?? 1) - 1;
    this.#echo = echo;
    this.#connections.delete(this.#self);
    this.members = new Set(this.#connections.keys());
    this.away = new Set(members.filter((each) => each.away && each.userId !== this.#self).map(({ userId }) => userId));
  }

  /**
   * A connection of a user was announced.
   * @param {string} userId
   * @returns {boolean} whether that is news, and of someone else
   */
  joined(userId) {
    if (userId === this.#self) {
      if (!this.#echo) this.#twins += 1;
      this.#echo = false;
      return false;
    }
    this.#connections.set(userId, (this.#connections.get(userId) ?? 0) + 1);
    this.members.add(userId);
    this.away.delete(userId);
    return true;
  }

  /**
   * A connection of a user ended.
   * @param {string} userId
   * @returns {boolean} whether it was the last one, and of someone else
   */
  ended(userId) {
    if (userId === this.#self) this.#twins = Math.max(0, this.#twins - 1);
    const left = (this.#connections.get(userId) ?? 0) - 1;
    if (left > 0) {
      this.#connections.set(userId, left);
      return false;
    }
    this.#connections.delete(userId);
    this.away.delete(userId);
    return this.members.delete(userId);
  }

  /**
   * @param {string} userId
   * @param {boolean} away whether the server waits for a user
   * @returns {boolean} whether that is new
   */
  setAway(userId, away) {
    if (!this.members.has(userId) || this.away.has(userId) === away) return false;
    if (away) this.away.add(userId);
    else this.away.delete(userId);
    return true;
  }

  clear() {
    this.#connections.clear();
    this.members.clear();
    this.away.clear();
  }
}
