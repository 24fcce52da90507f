/** Reports and verdicts: what the server is told of connections, and what it says of calls. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { Stage } from "./stage.mjs";

const { whyNoCall } = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/words.js`));

const reports = (stage, from) => stage.server.log
  .filter((entry) => entry.name === "call-state" && entry.from === from).map(({ body }) => body);

describe("reports", () => {
  it("tell the states of a connection, and nothing once it works", async () => {
    const stage = new Stage();
    stage.page("a");
    await stage.clock.advance(100);
    stage.page("b");
    await stage.clock.advance(500);
    const states = reports(stage, "b").map(({ state }) => state);
    assert.equal(states.at(-1), "connected");
    assert.ok(reports(stage, "b").every(({ peer, roomName, ev }) => peer === "a" && roomName === "kitchen" && ev === "state"));
    const { length } = states;
    await stage.clock.advance(60000);
    assert.equal(reports(stage, "b").length, length);
  });

  it("come again every ten seconds while it does not work", async () => {
    const stage = new Stage();
    stage.world.blocked = () => true;
    stage.page("a");
    await stage.clock.advance(100);
    stage.page("b");
    await stage.clock.advance(45000);
    assert.ok(reports(stage, "b").length >= 4);
    assert.ok(reports(stage, "b").length < 40);
  });
});

describe("verdicts", () => {
  it("are kept until the call comes about", async () => {
    const stage = new Stage();
    stage.world.blocked = () => true;
    stage.page("a");
    await stage.clock.advance(100);
    const { mesh } = stage.page("b");
    await stage.clock.advance(2000);
    const told = [];
    const peer = mesh.peers.get("a");
    peer.on("verdict", (verdict) => told.push(verdict));
    const about = { roomName: "kitchen", peer: "a", verdict: "ice-failed", side: null, why: "no path" };
    for (const ws of stage.server.connections) ws.event("call-verdict", about);
    for (const ws of stage.server.connections) ws.event("call-verdict", { ...about, roomName: "hall", peer: "a" });
    await stage.clock.advance(100);
    assert.deepEqual(peer.verdict, { verdict: "ice-failed", side: null, why: "no path" });
    stage.world.blocked = () => false;
    stage.world.review();
    await stage.clock.advance(60000);
    assert.deepEqual(told, [{ verdict: "ice-failed", side: null, why: "no path" }, null]);
  });

  it("end when the server says that the call came about", async () => {
    const stage = new Stage();
    stage.page("a");
    await stage.clock.advance(100);
    const { mesh } = stage.page("b");
    await stage.clock.advance(1000);
    const peer = mesh.peers.get("a");
    for (const verdict of ["codec-mismatch", "connected"]) {
      for (const ws of stage.server.connections) ws.event("call-verdict", { roomName: "kitchen", peer: "a", verdict });
      await stage.clock.advance(100);
      assert.equal(peer.verdict?.verdict, verdict === "connected" ? undefined : verdict);
    }
  });

  it("have a sentence for the one whom they are about, for the other, and for both", () => {
    const say = (verdict, side) => whyNoCall({ verdict, side, why: "" }, "b", "Bob");
    assert.match(say("turn-refused", "a"), /^Your relay refuses the password that this server gave out/);
    assert.match(say("turn-never-issued", "b"), /^Bob’s network lets no direct connection through, and this server has no relay/);
    assert.match(say("codec-mismatch", null), /^You hear Bob, but your browsers know no picture format in common/);
    assert.equal(say("something-new", null), "");
    assert.match(whyNoCall({ verdict: "no-answer", side: "b", why: "" }, "b", ""), /^The other person does not answer/);
  });
});
