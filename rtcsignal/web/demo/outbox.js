/**
 * The messages that the server has not answered yet.
 * @module outbox
 */

import { SignalingError } from "./ground.js";

/** @import { Message } from "./messages.js" */
/** @import { Socket } from "./socket.js" */

const AT_MOST = 256;

/**
 * The server's answer to a message.
 * @typedef {object} SendAck
 * @property {boolean} ok
 * @property {number} [delivered] how many connections got it
 * @property {boolean} [duplicate] whether the server had it already, and delivers it no second time
 * @property {import("./place.js").Refusal} [error]
 */

/**
 * Whose message it is; it waits while its sender is not in the room.
 * @typedef {{readonly joined: boolean}} Sender
 */

/**
 * `isSent`: on the connection of the moment.
 * @typedef {object} Entry
 * @property {number} n
 * @property {Sender} sender
 * @property {Message} body
 * @property {boolean} isSent
 * @property {(ack: SendAck) => void} resolve
 * @property {(error: SignalingError) => void} reject
 */

/**
 * Numbers the messages of all rooms of a socket, and keeps each until the server is known to have it. After a loss it
 * sends the rest again, in the same order and with the same numbers, so that the server can tell which it has.
 */
export class Outbox {
  #socket;
  #n = 0;
  /** In the order of their numbers. @type {Entry[]} */
  #entries = [];

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.on("disconnect", () => this.#lost());
    socket.on("closed", () => this.#giveUp());
  }

  /**
   * Send a message, at once or as soon as its sender is in the room again.
   * @param {Sender} sender
   * @param {Message} body
   * @returns {Promise<SendAck>} also when the server has the message and its answer was lost
   * @throws {SignalingError} "outbox-full", "offline" or "disconnected"
   */
  add(sender, body) {
    if (this.#entries.length >= AT_MOST) {
      return Promise.reject(new SignalingError("outbox-full", "Too many messages wait for the connection."));
    }
    return new Promise((resolve, reject) => {
      this.#n += 1;
      this.#entries.push({ n: this.#n, sender, body, isSent: false, resolve, reject });
      this.flush();
    });
  }

  /**
   * Send what waits. The server takes a message with a lower number than the one before for a repetition, so those
   * behind one that has to wait for its room wait as well.
   */
  flush() {
    for (const entry of [...this.#entries]) {
      if (!this.#socket.connected || !entry.sender.joined) return;
      if (!entry.isSent) this.#send(entry);
    }
  }

  /**
   * The server has everything up to a number; the answers to that were lost with the connection.
   * @param {number} received
   */
  settle(received) {
    const had = this.#entries.filter(({ n, isSent }) => n <= received && !isSent);
    for (const entry of had) this.#settled(entry, { ok: true });
  }

  /**
   * Messages of a sender are not sent any more: its membership has ended, and they belong to that.
   * @param {Sender} sender
   */
  forget(sender) {
    const theirs = this.#entries.filter((entry) => entry.sender === sender);
    this.#entries = this.#entries.filter((entry) => entry.sender !== sender);
    const error = new SignalingError("disconnected", "The membership ended before the server answered.");
    for (const { reject } of theirs) reject(error);
    this.flush();
  }

  /** @param {Entry} entry */
  async #send(entry) {
    entry.isSent = true;
    try {
      /** @type {SendAck | undefined} */
      const ack = await this.#socket.request("broadcast", entry.body, { n: entry.n });
      // A repetition is delivered to no one, but the message was.
      this.#settled(entry, ack === undefined || ack.duplicate ? { ok: true } : ack);
    } catch (error) {
      // The next connection tells whether the server has it; one that does not answer has to be given up for that.
      if (error instanceof SignalingError && error.code === "timeout") this.#socket.drop();
    }
  }

  /**
   * @param {Entry} entry
   * @param {SendAck} ack
   */
  #settled(entry, ack) {
    this.#entries = this.#entries.filter((each) => each !== entry);
    entry.resolve(ack);
  }

  #lost() {
    for (const entry of this.#entries) entry.isSent = false;
  }

  #giveUp() {
    const error = new SignalingError("offline", "The connection was closed.");
    for (const { reject } of this.#entries.splice(0)) reject(error);
  }
}
