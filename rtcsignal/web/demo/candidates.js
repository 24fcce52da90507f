/**
 * The ICE candidates of another member, and when they can be used.
 * @module candidates
 */

import { isCut } from "./chain.js";

/** @import { Chain } from "./chain.js" */
/** @import { Body } from "./messages.js" */
/** @import { Negotiation } from "./negotiation.js" */

const QUEUED_AT_MOST = 256;

/** Candidates may come before the description they belong to: then they wait for it. */
export class Candidates {
  #chain;
  #failed;
  /** @type {Body[]} */
  #early = [];

  /**
   * @param {Chain} chain of the steps that this is part of
   * @param {(error: unknown) => void} failed is told about candidates that the browser does not accept
   */
  constructor(chain, failed) {
    this.#chain = chain;
    this.#failed = failed;
  }

  /**
   * Use a candidate, or keep it. When too many wait, the oldest is dropped.
   * @param {Negotiation | null} negotiation
   * @param {Body} body
   */
  async add(negotiation, body) {
    if (negotiation?.isAbout(body)) {
      await this.#use(negotiation, body);
      return;
    }
    this.#early.push(body);
    if (this.#early.length > QUEUED_AT_MOST) this.#early.shift();
  }

  /**
   * The description has come: use what waited for it, in its order, and forget the rest.
   * @param {Negotiation} negotiation
   */
  async useEarly(negotiation) {
    for (const body of this.#early.splice(0)) {
      if (negotiation.isAbout(body) && !negotiation.isForeign(body)) await this.#use(negotiation, body);
    }
  }

  /**
   * @param {Negotiation} negotiation
   * @param {Body} body
   */
  async #use({ pc, ignoring }, { id = null, label = null, candidate }) {
    try {
      await this.#chain.live(pc.addIceCandidate({ candidate, sdpMid: id, sdpMLineIndex: label }));
    } catch (error) {
      if (isCut(error)) throw error;
      if (!ignoring) this.#failed(error);
    }
  }
}
