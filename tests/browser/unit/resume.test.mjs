import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResumingServer } from "./resuming.mjs";
import { modules, Stage } from "./stage.mjs";

const { Room } = modules;
const KINDS = ["joined", "away", "member-joined", "member-left", "member-away", "member-back", "message", "refused", "ended"];

const newStage = () => new Stage(1, ResumingServer);

function member(stage, userId, { socket = stage.socket(), roomName = "kitchen", ...options } = {}) {
  const room = new Room(socket, { roomName, userId, ...options });
  room.socket = socket;
  room.seen = [];
  for (const name of KINDS) room.on(name, (...args) => room.seen.push([name, ...args]));
  room.join();
  return room;
}

/** Members of one room, who joined one after the other and whose memories are empty. */
async function members(stage, ...userIds) {
  const rooms = [];
  for (const userId of userIds) {
    rooms.push(member(stage, userId));
    await stage.clock.advance(50);
  }
  for (const room of rooms) room.seen = [];
  return rooms;
}

const kinds = (room) => room.seen.map(([name]) => name);
const outcomes = (room) => room.seen.filter(([name]) => name === "joined").map(([, { outcome }]) => outcome);
const heard = (room) => room.seen.filter(([name]) => name === "message").map(([, { text }]) => text);
const joins = (stage, from) => stage.server.log.filter(({ name, body }) => name === "join-room" && body.userId === from);

/** Cut the line that often when a join would be answered. */
function losesAnswers(stage, times) {
  const answer = stage.server.answer.bind(stage.server);
  stage.server.answer = (ws, id, result) => {
    if (result?.outcome === undefined || times-- <= 0) return answer(ws, id, result);
    ws.fall("disconnect");
    ws.behind.length = 0;
    return undefined;
  };
}

describe("a server that keeps memberships", () => {
  it("is told the key at each join, and then the offset of the last event", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    b.send("a", { text: 1 });
    await stage.clock.advance(50);
    stage.server.cut("a");
    await stage.clock.advance(5000);
    const [first, second] = joins(stage, "a").map(({ body }) => body);
    assert.deepEqual([first.resume, first.seen, second.resume, second.seen], [a.key, undefined, a.key, "0a1b2c3d.3"]);
    assert.notEqual(a.key, b.key);
  });

  it("gives back the membership and what was missed, and others see that we were away", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    await stage.clock.advance(10);
    const missed = [b.send("a", { text: 1 }), b.send(null, { text: 2 })];
    await stage.clock.advance(5000);
    assert.deepEqual([outcomes(a), heard(a), [...a.members]], [["resumed"], [1, 2], ["b"]]);
    assert.deepEqual(b.seen, [["member-away", "a"], ["member-back", "a"]]);
    assert.deepEqual(await Promise.all(missed), [1, 1]);
  });

  for (const down of [true, "silent"]) {
    it(`gives it back within six seconds of the network, after up to 55 s (${down === true ? "refused" : down})`, async () => {
      for (let seconds = 1; seconds <= 55; seconds += 1) {
        const stage = new Stage(seconds, ResumingServer);
        const [a, b] = await members(stage, "a", "b");
        stage.server.down = down;
        stage.server.cut("a");
        await stage.clock.advance(seconds * 1000 - 50);
        stage.server.down = false;
        await stage.clock.advance(6000);
        assert.deepEqual([outcomes(a), kinds(b)], [["resumed"], ["member-away", "member-back"]], `${seconds} s`);
      }
    });
  }

  it("takes over a connection whose loss it has not noticed, and nobody sees anything", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.swallow("a");
    b.send("a", { text: 1 });
    await stage.clock.advance(300000);
    assert.deepEqual([outcomes(a), heard(a), b.seen], [["resumed"], [1], []]);
  });

  it("tells who came, went and lost the connection meanwhile, each once", async () => {
    const stage = newStage();
    const [a, b, c] = await members(stage, "a", "b", "c");
    stage.server.cut("a");
    await stage.clock.advance(10);
    b.leave();
    stage.server.down = true;
    stage.server.cut("c");
    member(stage, "d");
    await stage.clock.advance(10);
    stage.server.down = false;
    a.socket.retryNow();
    await stage.clock.advance(100);
    const missed = a.seen.filter(([name]) => name.startsWith("member-"));
    assert.deepEqual(missed, [["member-away", "c"], ["member-left", "b", "left"]]);
    assert.deepEqual([[...a.members], [...a.away]], [["c"], ["c"]]);
    await stage.clock.advance(10000);
    assert.deepEqual([[...a.members].sort(), [...a.away]], [["c", "d"], []]);
    assert.deepEqual([a.seen.at(-1)[0], c.joined], ["member-joined", true]);
  });

  it("tells who is away even if it does not say so again", async () => {
    const stage = newStage();
    const [a, , c] = await members(stage, "a", "b", "c");
    stage.server.down = true;
    a.socket.drop();
    await stage.clock.advance(10);
    c.socket.drop();
    await stage.clock.advance(10);
    const { trail } = stage.server.members.get(a.key);
    trail.splice(0, trail.length, ...trail.filter(({ frame: [name] }) => name !== "user-away"));
    c.socket.close();
    stage.server.down = false;
    await stage.clock.advance(6000);
    assert.deepEqual([outcomes(a), [...a.away], a.seen.at(-1)], [["resumed"], ["c"], ["member-away", "c"]]);
  });

  it("is not told of anything but its own offsets, which follow its answer", async () => {
    const stage = newStage();
    stage.server.loses = (ws, name) => {
      if (name === "join-room") ws.event("news", "ffffffff.99");
      return name === "join-room";
    };
    const a = member(stage, "a");
    for (let round = 0; round < 2; round += 1) {
      await stage.clock.advance(5000);
      stage.server.cut("a");
      await stage.clock.advance(5000);
      const { loses } = stage.server;
      stage.server.loses = () => false;
      stage.server.cut();
      await stage.clock.advance(6000);
      assert.equal(a.joined, true);
      stage.server.loses = loses;
      stage.server.cut();
    }
    const told = joins(stage, "a").map(({ body }) => body.seen);
    assert.ok(told.length >= 4 && told.every((seen) => !seen?.startsWith("ffffffff")), `${told}`);
  });

  it("lists those who are away to those who come", async () => {
    const stage = newStage();
    await members(stage, "a");
    stage.server.cut("a");
    const b = member(stage, "b");
    await stage.clock.advance(100);
    assert.deepEqual([[...b.members], [...b.away]], [["a"], ["a"]]);
    await stage.clock.advance(5000);
    assert.deepEqual([[...b.members], [...b.away], kinds(b)], [["a"], [], ["joined", "member-back"]]);
  });

  it("tells once how the waiting for a member ends", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    b.socket.drop();
    stage.server.down = true;
    await stage.clock.advance(59000);
    assert.deepEqual([a.seen, [...a.members], [...a.away]], [[["member-away", "b"]], ["b"], ["b"]]);
    await stage.clock.advance(2000);
    assert.deepEqual(a.seen.slice(1), [["member-left", "b", "timeout"]]);
    assert.deepEqual([[...a.members], [...a.away]], [[], []]);
  });
});

describe("outcomes", () => {
  it("is a resync when more was missed than is kept: the answer's members count, and nothing follows", async () => {
    const stage = newStage();
    stage.server.packets = 4;
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    await stage.clock.advance(10);
    for (let text = 0; text < 6; text += 1) b.send("a", { text });
    member(stage, "c");
    await stage.clock.advance(5000);
    assert.deepEqual([outcomes(a), heard(a), [...a.members]], [["resync"], [], ["b", "c"]]);
    b.send("a", { text: "live" });
    await stage.clock.advance(50);
    stage.server.cut("a");
    await stage.clock.advance(5000);
    assert.deepEqual([outcomes(a), heard(a)], [["resync", "resumed"], ["live"]]);
  });

  it("is joined when the server has waited in vain", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    a.socket.drop();
    stage.server.down = true;
    await stage.clock.advance(61000);
    stage.server.down = false;
    await stage.clock.advance(6000);
    assert.deepEqual([outcomes(a), [...a.members]], [["joined"], ["b"]]);
    assert.deepEqual(kinds(b), ["member-away", "member-left", "member-joined"]);
  });

  for (const times of [1, 3]) {
    it(`is joined, once and with what followed, when ${times} answers to the first join are lost`, async () => {
      const stage = newStage();
      const [b] = await members(stage, "b");
      losesAnswers(stage, times);
      const a = member(stage, "a");
      await stage.clock.advance(10);
      b.send("a", { text: "hello" });
      const c = member(stage, "c");
      await stage.clock.advance(20000);
      assert.deepEqual([outcomes(a), heard(a), [...a.members].sort()], [["joined"], ["hello"], ["b", "c"]]);
      c.leave();
      await stage.clock.advance(50);
      assert.deepEqual([...a.members], ["b"]);
      assert.equal(kinds(b).filter((name) => name === "member-joined").length, 2);
    });
  }

  it("stays resumed when the answer to the return is lost", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    losesAnswers(stage, 2);
    b.send("a", { text: 1 });
    await stage.clock.advance(20000);
    assert.deepEqual([outcomes(a), heard(a)], [["resumed"], [1]]);
  });

  it("is none where the answer does not name one, whatever else it says", async () => {
    const stage = newStage();
    const { joinNow } = stage.server;
    stage.server.joinNow = (...args) => ({ ...joinNow.apply(stage.server, args), outcome: undefined });
    const [a] = await members(stage, "a");
    stage.server.cut("a");
    await stage.clock.advance(5000);
    assert.deepEqual([outcomes(a), joins(stage, "a").map(({ body }) => body.seen)], [[null], [undefined, undefined]]);
  });

  it("is none where the server keeps nothing, and messages have no numbers there", async () => {
    const stage = newStage();
    stage.server.window = 0;
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    await stage.clock.advance(10);
    const code = await a.send("b", { text: 1 }).catch((error) => error.code);
    await stage.clock.advance(5000);
    const delivered = a.send("b", { text: 2 });
    await stage.clock.advance(50);
    assert.deepEqual([code, await delivered, outcomes(a), heard(b)], ["offline", 1, [null], [2]]);
  });

  it("does not keep us from returning when a later connection is said to have our place", async () => {
    const stage = newStage();
    const [a] = await members(stage, "a");
    stage.server.refuses = () => ({ code: "stale-resume", message: "A later connection has it." });
    stage.server.cut("a");
    await stage.clock.advance(5000);
    assert.equal(a.joined, false);
    stage.server.refuses = () => null;
    await stage.clock.advance(6000);
    assert.deepEqual([a.joined, kinds(a).includes("ended")], [true, false]);
  });
});

describe("leaving and coming back with a key", () => {
  it("ends the membership at once", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    a.leave();
    await stage.clock.advance(50);
    assert.deepEqual(b.seen, [["member-left", "a", "left"]]);
    a.join();
    await stage.clock.advance(50);
    assert.deepEqual([outcomes(a), [...a.members]], [["joined"], ["b"]]);
  });

  it("ends the membership of an earlier life of the page before the new one begins", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.swallow("a");
    await stage.clock.advance(10);
    a.socket.close();
    member(stage, "a2", { replaces: a.key });
    await stage.clock.advance(50);
    assert.deepEqual(b.seen, [["member-left", "a", "replaced"], ["member-joined", "a2", { again: false }]]);
  });

  it("names the earlier life until the server has heard of it, and no longer", async () => {
    const stage = newStage();
    losesAnswers(stage, 1);
    member(stage, "a", { replaces: "an-earlier-key-of-this-tab" });
    await stage.clock.advance(6000);
    stage.server.cut("a");
    await stage.clock.advance(6000);
    const named = joins(stage, "a").map(({ body }) => body.replaces !== undefined);
    // The third one asks where the replay ends whose answer was lost.
    assert.deepEqual(named, [true, true, false, false]);
  });

  it("does not stay in a room that was left before the join was answered", async () => {
    const stage = newStage();
    const [b] = await members(stage, "b");
    const socket = stage.socket();
    socket.open();
    await stage.clock.advance(20);
    const a = member(stage, "a", { socket });
    a.leave();
    await stage.clock.advance(50);
    assert.deepEqual([kinds(b), [...b.members], a.seen], [["member-joined", "member-left"], [], []]);
  });

  it("is over when our place was taken from us", async () => {
    const stage = newStage();
    const [a] = await members(stage, "a");
    member(stage, "a2", { replaces: a.key });
    await stage.clock.advance(60000);
    assert.deepEqual([kinds(a), a.state], [["ended"], "outside"]);
  });
});

describe("two memberships of one user", () => {
  it("are ours as well: the end of the other one does not end this one, unless we are told that it is this one", async () => {
    for (const told of [false, true]) {
      const stage = newStage();
      const [a, twin] = await members(stage, "a", "a");
      const place = { roomName: "kitchen", userId: "a" };
      const ws = stage.server.members.get(a.key).ws;
      if (told) ws.event("replaced", place, "0a1b2c3d.90");
      ws.event("user-left", "a", { roomName: "kitchen", reason: "replaced" }, "0a1b2c3d.91");
      await stage.clock.advance(50);
      assert.deepEqual([a.joined, twin.joined], [!told, true]);
      ws.event("user-left", "a", { roomName: "kitchen", reason: "replaced" }, "0a1b2c3d.92");
      await stage.clock.advance(50);
      assert.deepEqual([a.state, kinds(a)], ["outside", ["ended"]]);
    }
  });

  it("are ours after a resync too", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.packets = 1;
    stage.server.cut("a");
    await stage.clock.advance(10);
    for (let text = 0; text < 3; text += 1) b.send("a", { text });
    await stage.clock.advance(6000);
    await members(stage, "a");
    const { ws } = stage.server.members.get(a.key);
    ws.event("user-left", "a", { roomName: "kitchen", reason: "replaced" }, "0a1b2c3d.91");
    await stage.clock.advance(50);
    assert.deepEqual([outcomes(a), a.joined], [["resync"], true]);
  });

  it("are counted although the first join was refused for a moment", async () => {
    const stage = newStage();
    const [first] = await members(stage, "b");
    stage.server.refuses = (ws, userId) => (userId === "a" ? { code: "rate-limited", message: "Too fast." } : null);
    const a = member(stage, "a");
    await stage.clock.advance(50);
    stage.server.refuses = () => null;
    await stage.clock.advance(5000);
    await members(stage, "b");
    first.leave();
    await stage.clock.advance(50);
    assert.deepEqual([outcomes(a), [...a.members]], [["joined"], ["b"]]);
  });

  it("are one member, which is not away any more when it has a new one", async () => {
    const stage = newStage();
    const [a, first] = await members(stage, "a", "b");
    first.socket.drop();
    await stage.clock.advance(10);
    first.socket.close();
    const [second] = await members(stage, "b");
    assert.deepEqual([a.seen.slice(1), [...a.away]], [[["member-joined", "b", { again: true }]], []]);
    await stage.clock.advance(61000);
    assert.deepEqual([second.joined, [...a.members], a.seen.length], [true, ["b"], 2]);
  });

  it("are one member, which is away when both are and gone when both are", async () => {
    const stage = newStage();
    const [a, first, second] = await members(stage, "a", "b", "b");
    a.seen = [];
    stage.server.down = true;
    first.socket.drop();
    await stage.clock.advance(100);
    assert.deepEqual([a.seen, [...a.away]], [[], []]);
    second.socket.drop();
    await stage.clock.advance(100);
    assert.deepEqual([...a.away], ["b"]);
    await stage.clock.advance(61000);
    assert.deepEqual(a.seen, [["member-away", "b"], ["member-left", "b", "timeout"]]);
  });
});
