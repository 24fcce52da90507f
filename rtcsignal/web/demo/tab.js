/**
 * What this tab remembers of its memberships when the page is reloaded.
 * @module tab
 */

const ITEM = "rtcsignal-key";

/** Milliseconds to wait for the end of the page before; a copy of the tab does not end. */
const PATIENCE = 1000;

/**
 * The key of the latest membership. After a reload the one before is of no use any more, and its end need not be waited
 * for: the new one `replaces` it. But a tab that is duplicated has the same memory as its twin, whose call goes on. So a
 * page holds a lock with the name of its key for as long as it lives; the key of a page that lives replaces nothing.
 */
export class TabKey {
  #storage;
  #locks;

  /** The key of an earlier membership in this tab; undefined if there is none, or as long as that may be in use. */
  earlier = /** @type {string | undefined} */ (undefined);

  /** Settled as soon as `earlier` is known. @type {Promise<void>} */
  ready;

  /**
   * @param {() => Storage} [storage] throws where storage is forbidden; then nothing is remembered
   * @param {LockManager | null} [locks] null on insecure pages; then nobody knows who is alive, and nothing is replaced
   */
  constructor(storage = () => sessionStorage, locks = navigator.locks ?? null) {
    this.#storage = storage;
    this.#locks = locks;
    this.ready = this.#find();
  }

  /**
   * Remember the key of a new membership.
   * @param {string} key
   */
  keep(key) {
    this.earlier = this.#locks === null ? undefined : key;
    this.#locks?.request(nameOf(key), () => new Promise(() => {})).catch(() => {});
    try {
      this.#storage().setItem(ITEM, key);
    } catch {}
  }

  async #find() {
    const key = this.#stored();
    if (key === null || this.#locks === null) return;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      await this.#locks.request(nameOf(key), { signal }, () => {});
      this.earlier ??= key;
    } catch {}
  }

  #stored() {
    try {
      return this.#storage().getItem(ITEM);
    } catch {
      return null;
    }
  }
}

/** @param {string} key */
function nameOf(key) {
  return `rtcsignal-${key}`;
}
