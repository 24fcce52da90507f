/**
 * Something done again and again, but not at the cost of everything else.
 * @module pulse
 */

import { systemClock, Timer } from "./ground.js";

/** @import { Clock } from "./ground.js" */

/** The share of the time that a step may take. */
const SHARE = 0.05;

/** Repeats a step. One that takes long, as on a busy machine, is repeated less often. */
export class Pulse {
  #clock;
  #every;
  #step;
  #timer;
  #round = 0;

  /**
   * @param {number} every milliseconds between two steps, at least
   * @param {() => unknown} step may return a promise; the next step waits for it
   * @param {Clock} [clock]
   */
  constructor(every, step, clock = systemClock) {
    this.#clock = clock;
    this.#every = every;
    this.#step = step;
    this.#timer = new Timer(clock);
  }

  /** The first step is taken at once. */
  start() {
    this.#round += 1;
    this.#beat(this.#round);
  }

  /** Take no further step. */
  stop() {
    this.#round += 1;
    this.#timer.clear();
  }

  /** @param {number} round */
  async #beat(round) {
    const began = this.#clock.now();
    try {
      await this.#step();
    } finally {
      const took = this.#clock.now() - began;
      if (round === this.#round) this.#timer.set(Math.max(this.#every, took / SHARE), () => this.#beat(round));
    }
  }
}
