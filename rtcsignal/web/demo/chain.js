/**
 * Steps that run strictly one after the other.
 * @module chain
 */

/** The chain was cut: what the step was waiting for will never come. */
class Cut extends Error {}

/** A step that fails does not stop those behind it. */
export class Chain {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #ended = false;
  #failed;
  /** @type {((reason: Cut) => void) | undefined} */
  #cut;
  #broken;

  /** @param {(label: string, error: unknown) => void} failed is told about steps that fail, but not about cut ones */
  constructor(failed) {
    this.#failed = failed;
    this.#broken = this.#whole();
  }

  /**
   * Run a step when all before it are done.
   * @param {string} label
   * @param {() => unknown} step may return a promise; the next step waits for it
   */
  add(label, step) {
    this.#last = this.#last.then(() => (this.#ended ? undefined : step())).catch((error) => {
      if (!(error instanceof Cut)) this.#failed(label, error);
    });
  }

  /**
   * Wait, within a step, for something that may never settle, as the operations of a closed connection do not.
   * @template T
   * @param {Promise<T>} operation
   * @returns {Promise<T>} rejected when the chain is cut
   */
  live(operation) {
    return Promise.race([operation, this.#broken]);
  }

  /** End the step that is waiting now; those behind it follow. */
  cut() {
    this.#cut?.(new Cut());
    this.#broken = this.#whole();
  }

  /** Run no further step. */
  end() {
    this.#ended = true;
    this.cut();
  }

  /** @returns {Promise<never>} rejected by the next cut */
  #whole() {
    /** @type {Promise<never>} */
    const broken = new Promise((_, reject) => {
      this.#cut = reject;
    });
    broken.catch(() => {});
    return broken;
  }
}

/** @param {unknown} error @returns {boolean} whether it only says that the chain was cut */
export function isCut(error) {
  return error instanceof Cut;
}
