import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const modules = pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/`);
const { Candidates } = await import(new URL("candidates.js", modules));
const { Chain } = await import(new URL("chain.js", modules));
const { Negotiation } = await import(new URL("negotiation.js", modules));

/** A negotiation whose connection notes its candidates, and refuses bad ones. */
function negotiationWith(remoteId) {
  const used = [];
  const pc = {
    remoteDescription: {},
    async addIceCandidate({ candidate }) {
      if (candidate === "bad") throw new Error("bad");
      used.push(candidate);
    },
  };
  const negotiation = new Negotiation(pc, new Chain(() => {}));
  negotiation.remoteId = remoteId;
  return { negotiation, used };
}

describe("candidates", () => {
  it("that come early wait for the description of their own connection, in their order", async () => {
    const candidates = new Candidates(new Chain(() => {}), assert.fail);
    for (const [candidate, pc] of [["a", "one"], ["b", "other"], ["c", "one"]]) await candidates.add(null, { candidate, pc });
    const { negotiation, used } = negotiationWith("one");
    await candidates.useEarly(negotiation);
    await candidates.add(negotiation, { candidate: "d", pc: "one" });
    assert.deepEqual(used, ["a", "c", "d"]);
  });

  it("that were sent to an earlier connection of ours are forgotten", async () => {
    const candidates = new Candidates(new Chain(() => {}), assert.fail);
    const { negotiation, used } = negotiationWith("one");
    await candidates.add(null, { candidate: "a", pc: "one", to: "gone" });
    await candidates.add(null, { candidate: "b", pc: "one", to: negotiation.id });
    await candidates.useEarly(negotiation);
    assert.deepEqual(used, ["b"]);
  });

  it("are kept up to 256, the latest of them", async () => {
    const candidates = new Candidates(new Chain(() => {}), assert.fail);
    for (let number = 0; number < 300; number += 1) await candidates.add(null, { candidate: `${number}` });
    const { negotiation, used } = negotiationWith(null);
    await candidates.useEarly(negotiation);
    assert.deepEqual([used.length, used[0], used.at(-1)], [256, "44", "299"]);
  });

  it("that the browser does not accept stop nothing, and are reported unless their offer was ignored", async () => {
    const failed = [];
    const candidates = new Candidates(new Chain(() => {}), (error) => failed.push(error.message));
    const { negotiation, used } = negotiationWith("one");
    await candidates.add(negotiation, { candidate: "bad", pc: "one" });
    negotiation.ignoring = true;
    await candidates.add(negotiation, { candidate: "bad", pc: "one" });
    await candidates.add(negotiation, { candidate: "good", pc: "one" });
    assert.deepEqual([failed, used], [["bad"], ["good"]]);
  });
});
