/**
 * Watches one peer connection and brings it back: an ICE restart while there is hope, a new connection after that.
 * @module healer
 */

import { Timer } from "./ground.js";

/** @import { Clock } from "./ground.js" */

/**
 * Milliseconds until the first step, [impolite end, polite end]: the two do not restart at the same moment.
 * - failed: ICE gave up; interrupted: no packets at the moment, which often passes by itself
 * - stuck: negotiated but never connected; a browser without a candidate pair waits forever and says nothing
 * - rejected: ICE works and DTLS does not; a restart cannot cure that
 * @typedef {"failed" | "interrupted" | "stuck" | "rejected"} Trouble
 * @type {Record<Trouble, [number, number]>}
 */
const PATIENCE = {
  failed: [0, 1500],
  interrupted: [3000, 4500],
  stuck: [5000, 8000],
  rejected: [200, 3000],
};
const AGAIN_AFTER = [5000, 10000, 15000];
const REBUILDS = 3;
const REBUILDS_PER = 60000;

/**
 * What a healer needs to know of a connection, and may do with it.
 * @typedef {object} Patient
 * @property {Clock} clock
 * @property {() => boolean} polite whether this end gives way when both make an offer
 * @property {() => boolean} ready whether an offer could be sent now
 * @property {() => void} restart restarts ICE
 * @property {() => void} rebuild replaces the connection with a new one
 * @property {() => void} giveUp called when rebuilding did not help either
 * @property {(decision: string, details?: object) => void} tell is told each decision
 */

/** Takes one step after another until the connection works again. */
export class Healer {
  #patient;
  #timer;
  /** @type {Trouble | null} */
  #trouble = null;
  #restarts = 0;
  /** When the latest connections were replaced. @type {number[]} */
  #rebuilt = [];
  #due = false;

  /** @param {Patient} patient */
  constructor(patient) {
    this.#patient = patient;
    this.#timer = new Timer(patient.clock);
  }

  /**
   * Look at the connection after any change of its states.
   * @param {RTCPeerConnection} pc
   */
  review(pc) {
    const trouble = troubleOf(pc);
    if (pc.connectionState === "connected") this.#restarts = 0;
    if (trouble !== this.#trouble) this.#face(trouble);
    else if (this.#due) this.resume();
  }

  /**
   * Signalling may work again: take the step that had to wait for it.
   * @returns {boolean} whether there was one
   */
  resume() {
    if (!this.#due || !this.#patient.ready()) return false;
    this.#act();
    return true;
  }

  /** Forget what was tried. */
  forgive() {
    this.#rebuilt = [];
    this.#restarts = 0;
  }

  /** Stop watching, until the next review. */
  rest() {
    this.#timer.clear();
    this.#trouble = null;
    this.#due = false;
    this.#restarts = 0;
  }

  /** @param {Trouble | null} trouble */
  #face(trouble) {
    this.#trouble = trouble;
    this.#due = false;
    this.#timer.clear();
    if (trouble === null) return;
    const first = PATIENCE[trouble][this.#patient.polite() ? 1 : 0];
    const delay = this.#restarts === 0 ? first : AGAIN_AFTER[Math.min(this.#restarts, AGAIN_AFTER.length) - 1];
    this.#timer.set(delay, () => this.#act());
  }

  #act() {
    this.#due = !this.#patient.ready();
    if (this.#due) return;
    const trouble = this.#trouble;
    if (trouble === "rejected" || this.#restarts >= AGAIN_AFTER.length) {
      this.#rebuild(trouble);
      return;
    }
    this.#restarts += 1;
    this.#patient.tell("restart", { trouble, restarts: this.#restarts });
    this.#patient.restart();
    this.#timer.set(AGAIN_AFTER[this.#restarts - 1], () => this.#act());
  }

  /** @param {Trouble | null} trouble */
  #rebuild(trouble) {
    const now = this.#patient.clock.now();
    this.#rebuilt = this.#rebuilt.filter((when) => now - when < REBUILDS_PER);
    if (this.#rebuilt.length >= REBUILDS) {
      this.#patient.giveUp();
      return;
    }
    this.#rebuilt.push(now);
    this.#patient.tell("rebuild", { trouble });
    this.#patient.rebuild();
  }
}

/**
 * @param {RTCPeerConnection} pc
 * @returns {Trouble | null} null: it works, or is in the middle of a negotiation
 */
function troubleOf({ connectionState, iceConnectionState, signalingState, remoteDescription }) {
  switch (connectionState) {
    case "failed":
      return ["connected", "completed"].includes(iceConnectionState) ? "rejected" : "failed";
    case "disconnected": return "interrupted";
    case "new":
    case "connecting": return signalingState === "stable" && remoteDescription !== null ? "stuck" : null;
    default: return null;
  }
}
