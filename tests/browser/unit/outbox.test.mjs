import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResumingServer } from "./resuming.mjs";
import { modules, Stage } from "./stage.mjs";

const { Room } = modules;

const newStage = (seed = 1) => new Stage(seed, ResumingServer);

function member(stage, userId, { socket = stage.socket(), roomName = "kitchen" } = {}) {
  const room = new Room(socket, { roomName, userId });
  room.socket = socket;
  room.heard = [];
  room.seen = [];
  room.on("message", ({ text }) => room.heard.push(text));
  for (const name of ["member-joined", "member-left"]) room.on(name, (user) => room.seen.push([name, user]));
  room.join();
  return room;
}

async function pair(stage) {
  const [a, b] = [member(stage, "a"), member(stage, "b")];
  await stage.clock.advance(50);
  a.seen = [];
  b.seen = [];
  return [a, b];
}

const codeOf = (promise) => promise.then((delivered) => delivered, (error) => error.code);
const sent = (stage, from = undefined) => stage.server.log.filter((entry) => entry.name === "broadcast" && (!from || entry.from === from));

describe("messages while we are away", () => {
  it("wait, and go out in their order when the join is answered", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    stage.server.cut("a");
    await stage.clock.advance(10);
    const answers = [1, 2, 3].map((text) => a.send("b", { text }));
    const before = sent(stage).length;
    await stage.clock.advance(5000);
    assert.deepEqual([before, b.heard, await Promise.all(answers)], [0, [1, 2, 3], [1, 1, 1]]);
    const names = stage.server.log.filter(({ from }) => from === "a").map(({ name }) => name);
    assert.deepEqual(names, ["join-room", "join-room", "broadcast", "broadcast", "broadcast"]);
  });

  it("are refused before the first join is answered, and after the room was left", async () => {
    const stage = newStage();
    const a = member(stage, "a");
    const early = codeOf(a.send(null, { text: 1 }));
    await stage.clock.advance(50);
    a.leave();
    const late = codeOf(a.send(null, { text: 2 }));
    await stage.clock.advance(50);
    assert.deepEqual([await early, await late, sent(stage)], ["offline", "offline", []]);
  });

  it("are at most 256", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    stage.server.cut("a");
    await stage.clock.advance(10);
    const answers = Array.from({ length: 257 }, (_, text) => codeOf(a.send("b", { text })));
    await stage.clock.advance(5000);
    const codes = await Promise.all(answers);
    assert.deepEqual([codes[255], codes[256], b.heard.length, b.heard.at(-1)], [1, "outbox-full", 256, 255]);
  });

  it("are given up when the socket is closed or the room left", async () => {
    const ends = [["close", "offline", true], ["leave", "disconnected", true], ["close", "offline", false]];
    for (const [end, code, away] of ends) {
      const stage = newStage();
      const [a, b] = await pair(stage);
      if (away) stage.server.cut("a");
      else stage.server.loses = () => true;
      await stage.clock.advance(10);
      const answer = codeOf(a.send("b", { text: 1 }));
      if (end === "close") a.socket.close();
      else a.leave();
      await stage.clock.advance(10000);
      assert.deepEqual([await answer, b.heard], [code, []]);
      assert.equal(await codeOf(a.send("b", { text: 2 })), "offline");
    }
  });
});

describe("messages whose answer was lost", () => {
  it("are not sent again if the server has them", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    const answer = codeOf(a.send("b", { text: 1 }));
    await stage.clock.advance(3);
    stage.server.swallow("a");
    await stage.clock.advance(5000);
    assert.deepEqual([b.heard, await answer, sent(stage).length], [[1], 1, 1]);
  });

  it("are sent again with their number if it has not", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    stage.server.loses = (ws, name) => name === "broadcast";
    const answers = [codeOf(a.send("b", { text: 1 })), codeOf(a.send("b", { text: 2 }))];
    await stage.clock.advance(10);
    stage.server.loses = () => false;
    stage.server.cut("a");
    await stage.clock.advance(5000);
    assert.deepEqual([b.heard, await Promise.all(answers), sent(stage).length], [[1, 2], [1, 1], 4]);
  });

  it("are delivered, even if the server calls them a repetition", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    const { joinNow } = stage.server;
    stage.server.joinNow = (...args) => ({ ...joinNow.apply(stage.server, args), received: 0 });
    const answer = codeOf(a.send("b", { text: 1 }));
    await stage.clock.advance(3);
    stage.server.swallow("a");
    await stage.clock.advance(5000);
    assert.deepEqual([b.heard, await answer, sent(stage).length], [[1], 1, 2]);
  });

  it("cost the connection if it stays but does not answer", async () => {
    const stage = newStage();
    const [a, b] = await pair(stage);
    const since = stage.clock.now();
    stage.server.loses = (ws, name) => name === "broadcast" && stage.clock.now() < since + 5000;
    const answer = codeOf(a.send("b", { text: 1 }));
    await stage.clock.advance(9000);
    assert.deepEqual([a.joined, b.heard], [true, []]);
    await stage.clock.advance(3000);
    assert.deepEqual([await answer, b.heard, b.seen], [1, [1], []]);
  });

  it("are refused with the server's words, once", async () => {
    const stage = newStage();
    const [a] = await pair(stage);
    stage.server.numbered = (from, body, { n }) => ({ ok: false, n, error: { code: "too-big", message: "No." } });
    const answer = codeOf(a.send("b", { text: 1 }));
    await stage.clock.advance(50);
    assert.deepEqual([await answer, sent(stage).length], ["too-big", 1]);
  });

  it("are forgotten with the membership", async () => {
    for (const [packets, ms] of [[256, 61000], [1, 10]]) {
      const stage = newStage();
      const [a, b] = await pair(stage);
      stage.server.packets = packets;
      stage.server.down = true;
      stage.server.cut("a");
      for (let text = 0; text < 3; text += 1) b.send("a", { text }).catch(() => {});
      await stage.clock.advance(10);
      const answer = codeOf(a.send("b", { text: "stale" }));
      await stage.clock.advance(ms);
      stage.server.down = false;
      await stage.clock.advance(6000);
      const fresh = codeOf(a.send("b", { text: "fresh" }));
      await stage.clock.advance(50);
      assert.deepEqual([await answer, await fresh, b.heard], ["disconnected", 1, ["fresh"]]);
    }
  });
});

describe("several rooms of one socket", () => {
  const open = async (stage) => {
    const socket = stage.socket();
    const [kitchen, cellar] = ["kitchen", "cellar"].map((roomName) => member(stage, "a", { socket, roomName }));
    const others = ["kitchen", "cellar"].map((roomName) => member(stage, "b", { roomName }));
    await stage.clock.advance(50);
    return { socket, kitchen, cellar, others };
  };

  it("have one key and one count, and come back together", async () => {
    const stage = newStage();
    const { kitchen, cellar, others } = await open(stage);
    assert.equal(kitchen.key, cellar.key);
    stage.server.cut("a");
    await stage.clock.advance(10);
    const answers = [cellar.send("b", { text: 1 }), kitchen.send("b", { text: 2 }), cellar.send("b", { text: 3 })];
    for (const other of others) other.send("a", { text: other.roomName });
    await stage.clock.advance(5000);
    assert.deepEqual(await Promise.all(answers), [1, 1, 1]);
    assert.deepEqual(others.map(({ heard }) => heard), [[2], [1, 3]]);
    assert.deepEqual([kitchen.heard, cellar.heard], [["kitchen"], ["cellar"]]);
    stage.server.cut("a");
    await stage.clock.advance(5000);
    assert.deepEqual([kitchen.heard, cellar.heard, others.flatMap(({ seen }) => seen)], [["kitchen"], ["cellar"], []]);
  });

  it("do not overtake each other while one waits for its answer, nor wait for one that was left", async () => {
    const stage = newStage();
    const { kitchen, cellar, others } = await open(stage);
    stage.server.cut("a");
    await stage.clock.advance(10);
    const { answer } = stage.server;
    stage.server.answer = (ws, id, ack) => {
      if (ack?.outcome === undefined || ack.roomName !== "cellar") answer.call(stage.server, ws, id, ack);
    };
    const lost = codeOf(cellar.send("b", { text: 1 }));
    const kept = codeOf(kitchen.send("b", { text: 2 }));
    await stage.clock.advance(2000);
    assert.deepEqual([kitchen.joined, cellar.joined, others[0].heard], [true, false, []]);
    cellar.leave();
    await stage.clock.advance(50);
    assert.deepEqual([await lost, await kept, others[0].heard, others[1].heard], ["disconnected", 1, [2], []]);
  });

  it("leave the server later what was left while away", async () => {
    const stage = newStage();
    const { kitchen, cellar, others } = await open(stage);
    stage.server.cut("a");
    await stage.clock.advance(10);
    cellar.leave();
    await stage.clock.advance(5000);
    assert.deepEqual([kitchen.joined, [...others[1].members], [...others[0].members]], [true, [], ["a"]]);
  });
});

describe("lines that are cut at any time", () => {
  it("lose nothing, repeat nothing, mix up nothing, and nobody is seen to leave", async () => {
    for (let seed = 1; seed <= 80; seed += 1) {
      const stage = newStage(seed);
      const names = ["a", "b", "c"];
      const rooms = names.map((userId) => member(stage, userId));
      await stage.clock.advance(50);
      for (const room of rooms) room.seen = [];
      const dice = stage.clock.random;
      const answers = [];
      for (let text = 0; text < 120; text += 1) {
        const room = rooms[Math.floor(dice() * 3)];
        answers.push(codeOf(room.send(null, { text: `${room.userId}${text}` })));
        const what = dice();
        if (what < 0.06) stage.server.cut(names[Math.floor(dice() * 3)]);
        else if (what < 0.12) stage.server.swallow(names[Math.floor(dice() * 3)]);
        await stage.clock.advance(dice() * (what < 0.5 ? 3 : 300));
      }
      await stage.clock.advance(10000);
      assert.ok((await Promise.all(answers)).every((each) => typeof each === "number"), `seed ${seed}`);
      for (const room of rooms) {
        for (const other of names.filter((each) => each !== room.userId)) {
          const from = room.heard.filter((text) => text.startsWith(other)).map((text) => Number(text.slice(1)));
          const all = sent(stage, other).map(({ body }) => Number(body.text.slice(1)));
          assert.deepEqual(from, [...new Set(all)].sort((one, two) => one - two), `seed ${seed}: ${other} to ${room.userId}`);
        }
        assert.deepEqual([room.seen, room.joined, room.members.size], [[], true, 2], `seed ${seed}`);
      }
    }
  });
});
