import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { FakeClock } from "./clock.mjs";

const { Pulse } = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/pulse.js`));

const EVERY = 200;

/** A pulse whose steps take so many milliseconds. */
function pulsing(takes) {
  const clock = new FakeClock();
  const began = [];
  const pulse = new Pulse(EVERY, () => {
    began.push(clock.now());
    return new Promise((resolve) => {
      clock.setTimeout(resolve, takes);
    });
  }, clock);
  return { clock, began, pulse };
}

describe("a step that is repeated", () => {
  it("is taken at once, and then in its time", async () => {
    const { clock, began, pulse } = pulsing(0);
    pulse.start();
    await clock.advance(3 * EVERY);
    assert.deepEqual(began, [0, 200, 400, 600]);
  });

  it("takes a twentieth of the time at most, however long it takes", async () => {
    const { clock, began, pulse } = pulsing(100);
    pulse.start();
    await clock.advance(4500);
    assert.deepEqual(began, [0, 2100, 4200]);
  });

  it("is not taken any more after the end, also if it was just being taken", async () => {
    const { clock, began, pulse } = pulsing(50);
    pulse.start();
    await clock.advance(20);
    pulse.stop();
    await clock.advance(5000);
    assert.deepEqual(began, [0]);
    assert.equal(clock.pending, 0);
  });

  it("begins again after an end, and only once", async () => {
    const { clock, began, pulse } = pulsing(50);
    pulse.start();
    await clock.advance(20);
    pulse.stop();
    pulse.start();
    await clock.advance(1100);
    assert.deepEqual(began, [0, 20, 1070]);
  });
});
