import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResumingServer } from "./resuming.mjs";
import { Stage } from "./stage.mjs";

const OFFER = 1;

/** Pages in a call with each other, on a server that keeps memberships. */
async function call(...userIds) {
  const stage = new Stage(1, ResumingServer);
  for (const userId of userIds) {
    stage.page(userId);
    await stage.clock.advance(500);
  }
  assert.deepEqual(stage.faults(), []);
  return stage;
}

const said = (stage) => stage.server.log.filter(({ name }) => name === "broadcast").length;
const eventsOf = (stage, userId) => stage.pages.get(userId).events;

describe("a call whose signalling is lost on a server that keeps memberships", () => {
  for (const how of ["cut", "swallow"]) {
    it(`is left alone after a ${how}: nothing is negotiated, dropped or said again`, async () => {
      const stage = await call("a", "b", "c");
      const before = said(stage);
      const connections = ["a", "b", "c"].map((userId) => stage.world.open(userId));
      stage.server[how]("b");
      await stage.clock.advance(100000);
      assert.deepEqual([stage.faults(), said(stage)], [[], before]);
      assert.deepEqual(["a", "b", "c"].map((userId) => stage.world.open(userId)), connections);
      assert.deepEqual(eventsOf(stage, "a"), ["+b", "+c", ...(how === "cut" ? ["?b", "!b"] : [])]);
      assert.deepEqual(eventsOf(stage, "b"), ["+a", "+c"]);
    });
  }

  it("survives a loss at any moment of its set-up, with one offer and one answer", async () => {
    for (let ms = 0; ms <= 120; ms += 1) {
      for (const [who, how] of [["a", "cut"], ["b", "cut"], ["a", "swallow"], ["b", "swallow"]]) {
        const stage = new Stage(ms + 1, ResumingServer);
        stage.page("a");
        await stage.clock.advance(100);
        stage.page("b");
        await stage.clock.advance(ms / 4);
        stage.server[how](who);
        await stage.clock.advance(6000);
        const what = `${how} of ${who} after ${ms / 4} ms`;
        assert.deepEqual(stage.faults(), [], what);
        const numbers = stage.sent(OFFER).map(({ userId, neg }) => `${userId}${neg}`);
        assert.deepEqual([...new Set(numbers)], ["b1"], what);
        for (const { events } of stage.pages.values()) assert.ok(!events.some((each) => each.startsWith("-")), `${what}: ${events}`);
      }
    }
  });

  it("offers after the return what was negotiated meanwhile, once", async () => {
    const stage = await call("a", "b");
    stage.server.cut("b");
    await stage.clock.advance(100);
    stage.pages.get("b").mesh.peers.get("a").connection.restartIce();
    await stage.clock.advance(8000);
    assert.deepEqual(stage.faults(), []);
    assert.deepEqual(stage.sent(OFFER).map(({ neg }) => neg), [1, 2]);
  });

  it("tells after the return what was told meanwhile", async () => {
    const stage = await call("a", "b");
    stage.server.cut("b");
    await stage.clock.advance(100);
    stage.pages.get("b").mesh.setInfo({ name: "B", audio: false });
    await stage.clock.advance(8000);
    assert.deepEqual(stage.pages.get("a").mesh.peers.get("b").info, { name: "B", audio: false });
  });

  it("restarts what more was said than can wait", async () => {
    const stage = await call("a", "b");
    stage.server.cut("b");
    await stage.clock.advance(100);
    const page = stage.pages.get("b");
    for (let count = 0; count < 256; count += 1) page.room.send("a", { msgType: "chat" }).catch(() => {});
    const [pc] = stage.world.open("b");
    pc.onicecandidate({ candidate: { candidate: "late", sdpMid: "0", sdpMLineIndex: 0 } });
    await stage.clock.advance(8000);
    assert.deepEqual([stage.faults(), stage.sent(OFFER, "b").map(({ neg }) => neg)], [[], [1, 2]]);
  });
});

describe("members for whom the server waits", () => {
  it("stay in the call while it does, although their media have stopped, and nothing is tried meanwhile", async () => {
    const stage = await call("a", "b");
    stage.world.blocked = (page) => page === "b" && stage.clock.now() < 55000;
    stage.world.review();
    stage.pages.get("b").socket.drop();
    stage.server.down = true;
    const before = said(stage);
    await stage.clock.advance(50000);
    assert.deepEqual([eventsOf(stage, "a"), said(stage)], [["+b", "?b"], before]);
    assert.equal(stage.pages.get("a").mesh.peers.get("b").state, "interrupted");
    stage.server.down = false;
    await stage.clock.advance(25000);
    assert.deepEqual([stage.faults(), eventsOf(stage, "a"), eventsOf(stage, "b")], [[], ["+b", "?b", "!b"], ["+a"]]);
  });

  for (const [window, ms] of [[60, 60000], [30, 60000], [90, 90000]]) {
    it(`are gone after ${ms} ms if it has waited for ${window} s in vain and media flow`, async () => {
      const stage = await call("a", "b");
      stage.server.window = window;
      const page = stage.pages.get("b");
      stage.server.down = true;
      page.socket.drop();
      await stage.clock.advance(ms - 100);
      assert.deepEqual(eventsOf(stage, "a"), ["+b", "?b"]);
      await stage.clock.advance(200);
      assert.deepEqual(eventsOf(stage, "a"), ["+b", "?b", "-b timeout"]);
    });
  }

  it("are gone with its waiting if their media have stopped", async () => {
    const stage = await call("a", "b");
    await stage.crash("b");
    stage.server.down = true;
    await stage.clock.advance(59000);
    const before = [...eventsOf(stage, "a")];
    await stage.clock.advance(2000);
    assert.deepEqual([before, eventsOf(stage, "a")], [["+b", "?b"], ["+b", "?b", "-b timeout"]]);
  });

  it("are offered a call by a newcomer, once, and take it when they are back", async () => {
    const stage = new Stage(1, ResumingServer);
    stage.page("a");
    await stage.clock.advance(500);
    stage.server.down = true;
    stage.server.cut("a");
    await stage.clock.advance(100);
    stage.server.down = false;
    stage.pages.get("a").socket.drop();
    stage.page("b");
    await stage.clock.advance(400);
    assert.deepEqual([eventsOf(stage, "b"), stage.sent(OFFER).length], [["+a", "?a"], 1]);
    await stage.clock.advance(6000);
    assert.deepEqual([stage.faults(), eventsOf(stage, "b"), stage.sent(OFFER).length], [[], ["+a", "?a", "!a"], 1]);
  });

  it("are not asked again and again, and not given up", async () => {
    const stage = new Stage(1, ResumingServer);
    stage.server.window = 600;
    stage.page("a");
    await stage.clock.advance(500);
    stage.server.cut("a");
    const late = { code: "unavailable", message: "Later." };
    stage.server.joinNow = ((join) => function joinNow(ws, request) {
      return request.userId === "a" && stage.clock.now() < 200000 ? { ok: false, error: late } : join.call(this, ws, request);
    })(stage.server.joinNow);
    stage.page("b");
    await stage.clock.advance(190000);
    const { state } = stage.pages.get("b").mesh.peers.get("a");
    assert.deepEqual([state, stage.sent(OFFER).length], ["connecting", 1]);
    await stage.clock.advance(30000);
    assert.deepEqual(stage.faults(), []);
  });

  it("are waited for by those who expect their offer", async () => {
    const stage = new Stage(1, ResumingServer);
    stage.page("a");
    await stage.clock.advance(500);
    stage.server.loses = (ws, name) => name === "broadcast";
    stage.page("b");
    await stage.clock.advance(20);
    stage.server.down = true;
    stage.server.cut("b");
    await stage.clock.advance(30000);
    assert.deepEqual([stage.sent(OFFER, "a"), eventsOf(stage, "a")], [[], ["+b", "?b"]]);
    stage.server.loses = () => false;
    stage.server.down = false;
    await stage.clock.advance(15000);
    assert.deepEqual([stage.faults(), stage.sent(OFFER, "a")], [[], []]);
  });
});

describe("a return to less than there was", () => {
  it("restarts what is in doubt when something was missed, and keeps calls that work", async () => {
    const stage = await call("a", "b");
    stage.server.packets = 2;
    stage.server.cut("b");
    await stage.clock.advance(10);
    for (let count = 0; count < 4; count += 1) stage.pages.get("a").room.send("b", { msgType: "chat" });
    await stage.clock.advance(6000);
    assert.deepEqual([stage.faults(), stage.sent(OFFER).length, eventsOf(stage, "b")], [[], 1, ["+a"]]);
    stage.server.cut("b");
    await stage.clock.advance(10);
    stage.pages.get("b").mesh.peers.get("a").connection.restartIce();
    for (let count = 0; count < 4; count += 1) stage.pages.get("a").room.send("b", { msgType: "chat" });
    await stage.clock.advance(6000);
    assert.deepEqual([stage.faults(), eventsOf(stage, "b")], [[], ["+a"]]);
    assert.equal(stage.sent(OFFER, "b").at(-1).neg, 2);
  });

  it("waits on for those who are still away", async () => {
    const stage = await call("a", "b", "c");
    stage.server.packets = 2;
    stage.server.window = 600;
    stage.server.down = true;
    for (const userId of ["a", "b"]) stage.pages.get(userId).socket.drop();
    await stage.clock.advance(100);
    for (let count = 0; count < 4; count += 1) stage.pages.get("c").room.send("b", { msgType: "chat" });
    await stage.clock.advance(60000);
    stage.server.down = false;
    stage.server.refuses = (ws, userId) => (userId === "a" ? { code: "unavailable", message: "Later." } : null);
    await stage.clock.advance(60000);
    assert.deepEqual([eventsOf(stage, "b"), eventsOf(stage, "c")], [["+a", "+c", "?a"], ["+a", "+b", "?a", "?b", "!b"]]);
    stage.server.down = true;
    stage.server.cut("b");
    await stage.clock.advance(100);
    for (let count = 0; count < 4; count += 1) stage.pages.get("c").room.send("b", { msgType: "chat" });
    stage.server.down = false;
    await stage.clock.advance(8000);
    assert.deepEqual(eventsOf(stage, "b"), ["+a", "+c", "?a"]);
    stage.server.refuses = () => null;
    await stage.clock.advance(8000);
    assert.deepEqual([stage.faults(), eventsOf(stage, "b")], [[], ["+a", "+c", "?a", "!a"]]);
  });

  it("says after the return of those who are still away what it could not say before", async () => {
    const stage = await call("a", "b", "c");
    stage.server.packets = 2;
    stage.server.window = 600;
    stage.server.cut("a");
    stage.server.refuses = (ws, userId) => (userId === "a" ? { code: "unavailable", message: "Later." } : null);
    stage.server.cut("b");
    await stage.clock.advance(10);
    for (let count = 0; count < 4; count += 1) stage.pages.get("c").room.send("b", { msgType: "chat" });
    await stage.clock.advance(6000);
    const before = stage.server.log.filter(({ from, body }) => from === "b" && body.targetUserId === "a").length;
    assert.deepEqual(eventsOf(stage, "b"), ["+a", "+c", "?a"]);
    stage.server.refuses = () => null;
    await stage.clock.advance(8000);
    const after = stage.server.log.filter(({ from, body }) => from === "b" && body.targetUserId === "a").length;
    assert.deepEqual([stage.faults(), eventsOf(stage, "b"), after > before], [[], ["+a", "+c", "?a", "!a"], true]);
  });

  it("does not give up those whom the server waits for again", async () => {
    const stage = await call("a", "b", "c");
    stage.server.packets = 2;
    const { room } = stage.pages.get("b");
    stage.server.members.get(room.key).ws.event("user-left", "a", { roomName: "kitchen", reason: "timeout" });
    await stage.clock.advance(10);
    assert.deepEqual(eventsOf(stage, "b"), ["+a", "+c", "?a"]);
    stage.server.window = 600;
    stage.server.refuses = (ws, userId) => (userId === "a" ? { code: "unavailable", message: "Later." } : null);
    stage.server.cut("a");
    stage.server.cut("b");
    await stage.clock.advance(10);
    for (let count = 0; count < 4; count += 1) stage.pages.get("c").room.send("b", { msgType: "chat" });
    await stage.clock.advance(100000);
    assert.deepEqual([eventsOf(stage, "b"), [...room.away]], [["+a", "+c", "?a"], ["a"]]);
    stage.server.refuses = () => null;
    await stage.clock.advance(8000);
    assert.deepEqual([stage.faults(), eventsOf(stage, "b")], [[], ["+a", "+c", "?a", "!a"]]);
  });

  it("replaces the candidates that were forgotten with what waited", async () => {
    const stage = await call("a", "b");
    stage.server.packets = 2;
    stage.server.cut("b");
    await stage.clock.advance(10);
    const [pc] = stage.world.open("b");
    pc.onicecandidate({ candidate: { candidate: "late", sdpMid: "0", sdpMLineIndex: 0 } });
    for (let count = 0; count < 4; count += 1) stage.pages.get("a").room.send("b", { msgType: "chat" });
    await stage.clock.advance(8000);
    assert.deepEqual([stage.faults(), stage.sent(OFFER, "b").map(({ neg }) => neg)], [[], [1, 2]]);
  });

  it("begins calls anew when the membership is a new one", async () => {
    const stage = await call("a", "b");
    const before = stage.world.open("a");
    stage.server.down = true;
    stage.server.cut("b");
    await stage.clock.advance(70000);
    stage.server.down = false;
    await stage.clock.advance(8000);
    assert.deepEqual(eventsOf(stage, "b"), ["+a", "-a lost", "+a"]);
    assert.deepEqual(eventsOf(stage, "a"), ["+b", "?b", "-b timeout", "+b"]);
    assert.deepEqual(stage.faults(), []);
    assert.ok(!before.includes(stage.world.open("a")[0]));
  });
});
