/**
 * The ICE servers of a call: those that the server gives us, which are good for a while, and what the application wants.
 * @module servers
 */

/** @import { Clock } from "./ground.js" */

/**
 * What the server gives: parts of an RTCConfiguration, and for how many seconds they are good.
 * @typedef {{iceServers: RTCIceServer[], ttl?: number, iceTransportPolicy?: RTCIceTransportPolicy}} IceShape
 */

/** Less than this, or this part of the whole time, is too little to begin something with. */
const LITTLE = 60000;
const LITTLE_OF = 0.1;
/** We wait no longer for others, and go on with what we have. Milliseconds. */
const WAIT = 2000;

/** Knows which servers connections are made with. */
export class Servers {
  #clock;
  #ask;
  #own;
  /** @type {RTCConfiguration} */
  #served = {};
  /** When what was served runs out, and for how long it was good. @type {{at: number, ttl: number} | null} */
  #end = null;
  /** @type {Promise<void> | null} */
  #asking = null;

  /**
   * @param {Clock} clock
   * @param {RTCConfiguration} own what the application wants; it wins over what is served
   * @param {() => Promise<unknown>} ask gets other ones from the server
   */
  constructor(clock, own, ask) {
    this.#clock = clock;
    this.#own = own;
    this.#ask = ask;
  }

  /** For a new connection. @returns {RTCConfiguration} */
  get configuration() {
    return { ...this.#served, ...this.#own };
  }

  /** @param {RTCIceServer[]} servers that the application wants from now on */
  choose(servers) {
    this.#own = { ...this.#own, iceServers: servers };
  }

  /**
   * The server has given us some.
   * @param {unknown} shape anything, until it was looked at
   * @returns {boolean} whether there is something for connections in it
   */
  take(shape) {
    const { iceServers, ttl, iceTransportPolicy } = /** @type {IceShape} */ (shape ?? {});
    if (!Array.isArray(iceServers)) return false;
    this.#served = iceTransportPolicy === "relay" ? { iceServers, iceTransportPolicy } : { iceServers };
    const isTimed = typeof ttl === "number" && ttl > 0;
    this.#end = isTimed ? { at: this.#clock.now() + ttl * 1000, ttl: ttl * 1000 } : null;
    return true;
  }

  /**
   * Let a connection use them from its next restart on; one that works is untouched.
   * @param {RTCPeerConnection} pc
   */
  applyTo(pc) {
    if (pc.signalingState === "closed") return;
    // Without the spread a relay-only connection would silently become an open one.
    pc.setConfiguration({ ...pc.getConfiguration(), ...this.configuration });
  }

  /**
   * Something is about to begin that uses them.
   * @returns {Promise<void> | null} null if they are good for long enough; otherwise settled when there are others, or
   *   none have come within two seconds
   */
  refresh() {
    if (this.#end === null || this.#own.iceServers !== undefined) return null;
    const left = this.#end.at - this.#clock.now();
    if (left >= LITTLE && left >= this.#end.ttl * LITTLE_OF) return null;
    this.#asking ??= this.#askOnce();
    return this.#asking;
  }

  async #askOnce() {
    /** @type {Promise<void>} */
    const late = new Promise((resolve) => { this.#clock.setTimeout(() => resolve(), WAIT); });
    await Promise.race([this.#ask().catch(() => {}), late]);
    this.#asking = null;
  }
}
