/**
 * What the other modules build on: events, time, random ids, errors.
 * @module ground
 */

/**
 * A refusal or a failure with a stable, machine-readable code.
 * `code` is the server's (for example "bad-arguments") or one of this client:
 * "offline" (not joined at the moment), "timeout" (no answer in time), "disconnected" (the connection ended first).
 */
export class SignalingError extends Error {
  /**
   * @param {string} code stable kebab-case word
   * @param {string} message one sentence for people
   * @param {{[key: string]: unknown}} [data] whatever else the server said
   */
  constructor(code, message, data = {}) {
    super(message);
    this.name = "SignalingError";
    this.code = code;
    this.data = data;
  }
}

/**
 * Named events with any number of listeners.
 * @template {{[name: string]: any[]}} Events what the listeners of each event are called with
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(...args: any[]) => unknown>>} */
  #listeners = new Map();

  /**
   * Call `listener` at every event of that name.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(...args: Events[Name]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => { listeners.delete(listener); };
  }

  /**
   * Call every listener. One that throws neither stops the others nor the caller;
   * its error is reported like any uncaught one.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} args
   */
  fire(name, ...args) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}

/**
 * Time and chance, in one object so that tests can hand in their own.
 * @typedef {object} Clock
 * @property {() => number} now milliseconds, never going back
 * @property {(call: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random 0 <= n < 1
 */

/** The real clock. @type {Clock} */
export const systemClock = Object.freeze({
  now: () => performance.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
});

/** One delayed call that can be set again and again; setting it cancels the one before. */
export class Timer {
  #clock;
  /** What the clock returned for the call that is due. @type {any} */
  #handle = null;

  /** @param {Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /** True while a call is due. */
  get pending() {
    return this.#handle !== null;
  }

  /**
   * @param {number} ms
   * @param {() => void} call
   */
  set(ms, call) {
    this.clear();
    this.#handle = this.#clock.setTimeout(() => {
      this.#handle = null;
      call();
    }, ms);
  }

  clear() {
    if (this.#handle !== null) this.#clock.clearTimeout(this.#handle);
    this.#handle = null;
  }
}

/**
 * An id that no one can guess, of letters, digits, "_" and "-". Works on insecure pages too.
 * @param {number} [bytes] of randomness
 * @returns {string}
 */
export function randomId(bytes = 12) {
  const raw = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
