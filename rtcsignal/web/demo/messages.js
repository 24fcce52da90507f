/**
 * What members of a room say to each other: the numbers are those of the server's API, anything else passes too.
 * @module messages
 */

export const MESSAGE = Object.freeze({ offer: 1, answer: 2, candidate: 3, hangup: 4, info: "info" });

const QUEUED_CANDIDATES = 256;

/**
 * The text of an offer or answer: most clients send it as it is, some the whole description.
 * @param {{sdp: string | RTCSessionDescriptionInit}} body
 * @returns {string}
 */
export function sdpOf({ sdp }) {
  return typeof sdp === "object" && sdp !== null ? sdp.sdp : sdp;
}

/** Candidates that came before the description they belong to. Full, it forgets the oldest. */
export class CandidateQueue {
  #bodies = [];

  /** @param {object} body a candidate message */
  add(body) {
    this.#bodies.push(body);
    if (this.#bodies.length > QUEUED_CANDIDATES) this.#bodies.shift();
  }

  /**
   * Empty the queue.
   * @param {string | null} pc id of the sender's connection, null for senders that name none
   * @returns {object[]} the candidates of that connection, in their order
   */
  take(pc) {
    return this.#bodies.splice(0).filter((body) => (body.pc ?? null) === pc);
  }
}
