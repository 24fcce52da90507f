import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const { TabKey } = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/tab.js`));

/** Locks of one browser, for pages that can be closed. */
class Locks {
  #held = new Map();

  page() {
    const held = [];
    const request = async (name, ...rest) => {
      const [options, call] = rest.length > 1 ? rest : [{}, rest[0]];
      while (this.#held.has(name)) {
        const aborted = new Promise((_, reject) => {
          options.signal?.addEventListener("abort", () => reject(options.signal.reason));
        });
        await Promise.race([this.#held.get(name).over, aborted]);
      }
      let end;
      const over = new Promise((resolve) => { end = resolve; });
      const release = () => { this.#held.delete(name); end(); };
      this.#held.set(name, { over });
      held.push(release);
      await call();
      release();
    };
    return { request, close: () => held.splice(0).forEach((release) => release()) };
  }
}

function memory(content = {}) {
  return { getItem: (key) => content[key] ?? null, setItem: (key, value) => { content[key] = value; }, content };
}

/** Wait for a promise that a timer may settle for which Node alone would not wait. */
async function awaited(promise) {
  const awake = setInterval(() => {}, 1000);
  await promise;
  clearInterval(awake);
}

describe("the key of a tab", () => {
  it("is known after a reload, when the page before has ended", async () => {
    const [locks, storage] = [new Locks(), memory()];
    const before = locks.page();
    new TabKey(() => storage, before).keep("first");
    const after = new TabKey(() => storage, locks.page());
    const early = after.earlier;
    before.close();
    await after.ready;
    assert.deepEqual([early, after.earlier], [undefined, "first"]);
  });

  it("is that of the latest membership in this page, once there was one", async () => {
    const [locks, storage] = [new Locks(), memory()];
    const key = new TabKey(() => storage, locks.page());
    await key.ready;
    assert.equal(key.earlier, undefined);
    key.keep("first");
    key.keep("second");
    assert.deepEqual([key.earlier, Object.values(storage.content)], ["second", ["second"]]);
  });

  it("is not taken from a page that lives on in the tab that was duplicated", async () => {
    const [locks, storage] = [new Locks(), memory()];
    new TabKey(() => storage, locks.page()).keep("first");
    const twin = new TabKey(() => memory({ ...storage.content }), locks.page());
    await awaited(twin.ready);
    assert.equal(twin.earlier, undefined);
  });

  it("is not known where there is no storage or no lock, and nothing fails there", async () => {
    const forbidden = new TabKey(() => { throw new Error("forbidden"); }, new Locks().page());
    const insecure = new TabKey(() => memory({ "rtcsignal-key": "first" }), null);
    await Promise.all([forbidden.ready, insecure.ready]);
    assert.deepEqual([forbidden.earlier, insecure.earlier], [undefined, undefined]);
    for (const key of [forbidden, insecure]) key.keep("second");
    assert.deepEqual([forbidden.earlier, insecure.earlier], ["second", undefined]);
  });
});
