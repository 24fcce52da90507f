/** A clock that stands still until it is told to go on, and a chance that can be repeated. */

export class FakeClock {
  #now = 0;
  #next = 1;
  #calls = new Map();
  #seed;

  constructor(seed = 1) {
    this.#seed = seed;
  }

  now = () => this.#now;

  setTimeout = (call, ms) => {
    const handle = this.#next++;
    this.#calls.set(handle, { at: this.#now + ms, call });
    return handle;
  };

  clearTimeout = (handle) => {
    this.#calls.delete(handle);
  };

  // Mulberry32: small, and good enough to scatter delays.
  random = () => {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };

  /** How many delayed calls are due at some time. */
  get pending() {
    return this.#calls.size;
  }

  /** Let time pass, running what falls due in its order. */
  async advance(ms) {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const [handle, next] = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#calls.delete(handle);
      this.#now = Math.max(this.#now, next.at);
      next.call();
      await settled();
    }
    this.#now = end;
  }

  #earliest() {
    let first = [null, undefined];
    for (const entry of this.#calls) {
      if (first[1] === undefined || entry[1].at < first[1].at) first = entry;
    }
    return first;
  }
}

/** All promises that can settle have. */
function settled() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
