import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { FakeClock } from "./clock.mjs";

const { Healer } = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/healer.js`));

function ward({ polite = false } = {}) {
  const clock = new FakeClock();
  const steps = [];
  const state = { ready: true };
  const note = (what) => () => steps.push([Math.round(clock.now()), what]);
  const healer = new Healer({
    clock,
    polite: () => polite,
    ready: () => state.ready,
    restart: note("restart"),
    rebuild: note("rebuild"),
    giveUp: note("give up"),
    tell: () => {},
  });
  const pc = (connectionState, others = {}) => (
    { connectionState, iceConnectionState: "new", signalingState: "stable", remoteDescription: {}, ...others }
  );
  return { clock, steps, state, healer, pc };
}

describe("when a connection is in trouble", () => {
  const cases = [
    ["failed", {}, "restart", [0, 1500]],
    ["disconnected", {}, "restart", [3000, 4500]],
    ["new", {}, "restart", [5000, 8000]],
    ["failed", { iceConnectionState: "connected" }, "rebuild", [200, 3000]],
  ];
  for (const [connectionState, others, step, delays] of cases) {
    for (const polite of [false, true]) {
      const delay = delays[Number(polite)];
      const ice = others.iceConnectionState ?? "new";
      const end = polite ? "polite" : "impolite";
      it(`${connectionState} (ICE ${ice}): the ${end} end does a ${step} after ${delay} ms`, async () => {
        const { clock, steps, healer, pc } = ward({ polite });
        healer.review(pc(connectionState, others));
        await clock.advance(4900 > delay ? 4900 : delay);
        assert.deepEqual(steps, [[delay, step]]);
      });
    }
  }

  it("waits while an offer is under way, and forever when nothing is wrong", async () => {
    const { clock, steps, healer, pc } = ward();
    healer.review(pc("connecting", { signalingState: "have-local-offer" }));
    healer.review(pc("connected"));
    await clock.advance(60000);
    assert.deepEqual(steps, []);
  });

  it("forgets an interruption that passes by itself", async () => {
    const { clock, steps, healer, pc } = ward();
    healer.review(pc("disconnected"));
    await clock.advance(2900);
    healer.review(pc("connected"));
    await clock.advance(60000);
    assert.deepEqual(steps, []);
  });

  it("restarts again after 5, 10 and 15 seconds, then makes a new connection", async () => {
    const { clock, steps, healer, pc } = ward();
    healer.review(pc("failed"));
    await clock.advance(60000);
    assert.deepEqual(steps, [[0, "restart"], [5000, "restart"], [15000, "restart"], [30000, "rebuild"]]);
  });

  it("gives up at the fourth new connection in a minute, and may be forgiven", async () => {
    const { clock, steps, healer, pc } = ward();
    const rejected = async () => {
      healer.rest();
      healer.review(pc("failed", { iceConnectionState: "connected" }));
      await clock.advance(1000);
      return steps.at(-1)[1];
    };
    const seen = [];
    for (let round = 0; round < 4; round += 1) seen.push(await rejected());
    healer.forgive();
    seen.push(await rejected());
    await clock.advance(60000);
    seen.push(await rejected());
    assert.deepEqual(seen, ["rebuild", "rebuild", "rebuild", "give up", "rebuild", "rebuild"]);
  });

  it("takes the step as soon as it can be told to the other end", async () => {
    const { clock, steps, state, healer, pc } = ward();
    state.ready = false;
    healer.review(pc("failed"));
    await clock.advance(4000);
    assert.deepEqual([steps, healer.resume()], [[], false]);
    state.ready = true;
    healer.review(pc("failed"));
    assert.deepEqual([steps, healer.resume()], [[[4000, "restart"]], false]);
  });
});
