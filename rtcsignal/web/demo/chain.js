/**
 * Steps that run strictly one after the other.
 * @module chain
 */

/** What a step was waiting for will never come: the chain was cut. */
class Cut extends Error {}

/** A step that fails does not stop those behind it. */
export class Chain {
  #last = Promise.resolve();
  #ended = false;
  #failed;
  #cut;
  #broken;

  /** @param {(label: string, error: Error) => void} failed told about steps that fail, but not about cut ones */
  constructor(failed) {
    this.#failed = failed;
    this.cut();
  }

  /**
   * Run a step when all before it are done.
   * @param {string} label
   * @param {() => any} step
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
    this.#broken = new Promise((_, reject) => {
      this.#cut = reject;
    });
    this.#broken.catch(() => {});
  }

  /** Run nothing any more. */
  end() {
    this.#ended = true;
    this.cut();
  }
}

/** @param {Error} error @returns {boolean} whether it only says that the chain was cut */
export function isCut(error) {
  return error instanceof Cut;
}
