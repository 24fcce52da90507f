/**
 * Whether what is sent to another member arrives.
 * @module delivery
 */

/** @import { Body } from "./messages.js" */

/** Sends one member its messages, and knows if one of them may be lost. */
export class Delivery {
  #reachable;
  #send;
  #failed;
  #unheard;
  #missed = false;
  /** Messages that were neither delivered nor lost yet. */
  #open = 0;

  /**
   * @param {object} way
   * @param {() => boolean} way.reachable whether a message that is sent now reaches the member, at once or later
   * @param {(body: Body) => Promise<number>} way.send to this member; returns to how many connections
   * @param {(body: Body, error: unknown) => void} way.failed is told about messages that were not sent
   * @param {(body: Body) => void} way.unheard is told about messages that came while nobody was there to get them
   */
  constructor({ reachable, send, failed, unheard }) {
    this.#reachable = reachable;
    this.#send = send;
    this.#failed = failed;
    this.#unheard = unheard;
  }

  /** Whether a message did not reach the member. */
  get missed() {
    return this.#missed;
  }

  /** @param {Body} body */
  async send(body) {
    if (!this.#reachable()) {
      this.#missed = true;
      return;
    }
    this.#open += 1;
    try {
      const delivered = await this.#send(body);
      if (delivered > 0) return;
      this.#missed = true;
      this.#unheard(body);
    } catch (error) {
      this.#missed = true;
      this.#failed(body, error);
    } finally {
      this.#open -= 1;
    }
  }

  /**
   * Begin anew: what is on its way now will not arrive any more.
   * @returns {boolean} whether something may be lost that was sent before
   */
  reset() {
    const doubtful = this.#missed || this.#open > 0;
    this.#missed = false;
    return doubtful;
  }
}
