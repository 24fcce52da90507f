/**
 * Sees to it that offers get answered.
 * @module watchdog
 */

import { Timer } from "./ground.js";

/** @import { Clock } from "./ground.js" */

/** How long an offer may stay unanswered before it is sent again; the last one repeats. Milliseconds. */
const AGAIN_AFTER = [1500, 3000, 6000, 8000];
const TIMES = 8;
/** The same for one that nobody got, at the first times. */
const AGAIN_SOON = 400;
const SOON_TIMES = 2;
/** A newcomer that has not made an offer by then will not: pages of the original server wait for the older member. */
const WAIT_FOR_OFFER = 4000;

/**
 * Only the end that made an offer can know that the offer or its answer was lost, whoever's connection was down: the
 * other end has never seen the offer, or takes its answer for delivered.
 */
export class OfferWatchdog {
  #timer;
  #again;
  #giveUp;
  #ready;
  #times = 0;

  /**
   * @param {Clock} clock
   * @param {{again: () => void, giveUp: () => void, ready: () => boolean}} owner `again` sends the offer again and calls
   *   `sent`, if there is still no answer; while it is not `ready`, there can be none, and nothing is repeated
   */
  constructor(clock, { again, giveUp, ready }) {
    this.#timer = new Timer(clock);
    this.#again = again;
    this.#giveUp = giveUp;
    this.#ready = ready;
  }

  /**
   * The other end makes the first offer.
   * @param {() => void} call what to do if it does not come
   */
  expect(call) {
    this.#timer.set(WAIT_FOR_OFFER, () => {
      if (this.#ready()) call();
      else this.expect(call);
    });
  }

  /** A new offer is going to be sent. */
  begin() {
    this.#times = 0;
  }

  /** The offer was sent, for the first time or again. */
  sent() {
    this.#timer.set(AGAIN_AFTER[Math.min(this.#times, AGAIN_AFTER.length - 1)], () => this.#unanswered());
  }

  /** Nobody got the offer: the member was not there for a moment. */
  unheard() {
    if (this.#times < SOON_TIMES && this.#timer.pending) this.#timer.set(AGAIN_SOON, () => this.#unanswered());
  }

  /** There is nothing to wait for. */
  rest() {
    this.#timer.clear();
  }

  #unanswered() {
    if (!this.#ready()) {
      this.sent();
      return;
    }
    this.#times += 1;
    if (this.#times > TIMES) this.#giveUp();
    else this.#again();
  }
}
