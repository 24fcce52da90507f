import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResumingServer } from "./resuming.mjs";
import { modules, Stage } from "./stage.mjs";

const { Room } = modules;
const KINDS = ["joined", "member-joined", "member-left", "member-away", "member-back", "message"];

const newStage = () => new Stage(1, ResumingServer);

function member(stage, userId, { socket = stage.socket(), roomName = "kitchen" } = {}) {
  const room = new Room(socket, { roomName, userId });
  room.socket = socket;
  room.seen = [];
  for (const name of KINDS) room.on(name, (what) => room.seen.push([name, what?.text ?? what?.outcome ?? what]));
  room.join();
  return room;
}

async function members(stage, ...userIds) {
  const rooms = [];
  for (const userId of userIds) {
    rooms.push(member(stage, userId));
    await stage.clock.advance(50);
  }
  for (const room of rooms) room.seen = [];
  return rooms;
}

/** Two rooms on one socket, and somebody else in both. */
async function twoRooms(stage) {
  const socket = stage.socket();
  const rooms = ["kitchen", "cellar"].map((roomName) => member(stage, "a", { socket, roomName }));
  const others = ["kitchen", "cellar"].map((roomName) => member(stage, "b", { roomName }));
  await stage.clock.advance(50);
  for (const room of [...rooms, ...others]) room.seen = [];
  return { socket, rooms, others };
}

/** Joins of a room by "a" reach the server that much later. */
function delay(stage, roomName, ms) {
  const received = stage.server.received.bind(stage.server);
  stage.server.received = (ws, text) => {
    const isLate = ["join-room", '"userId":"a"', `"${roomName}"`].every((each) => text.includes(each));
    if (!isLate) return received(ws, text);
    return stage.clock.setTimeout(() => { if (stage.server.connections.has(ws)) received(ws, text); }, ms);
  };
  return () => { stage.server.received = received; };
}

/** The answer to the next join of somebody is lost with the connection. */
function loseAnswer(stage, userId) {
  const { answer } = stage.server;
  stage.server.answer = (ws, id, ack) => {
    if (ack?.outcome === undefined || ack.userId !== userId) return answer.call(stage.server, ws, id, ack);
    stage.server.answer = answer;
    ws.fall("disconnect");
    ws.behind.length = 0;
    return undefined;
  };
}

const settled = (promise) => {
  const watched = { isSettled: false };
  promise.then(() => { watched.isSettled = true; });
  return watched;
};

describe("leaving while away", () => {
  it("is told as soon as there is a connection, which gives the place back for that alone", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    await stage.clock.advance(10);
    const told = settled(a.leave());
    await stage.clock.advance(10);
    assert.deepEqual([a.state, told.isSettled, b.seen], ["outside", false, [["member-away", "a"]]]);
    await stage.clock.advance(5000);
    assert.deepEqual([told.isSettled, [...b.members], b.seen.at(-1)], [true, [], ["member-left", "a"]]);
    assert.deepEqual([b.seen.filter(([name]) => name === "member-joined"), a.seen], [[], []]);
  });

  it("is told also if the answer to the only join was lost", async () => {
    const stage = newStage();
    const [b] = await members(stage, "b");
    loseAnswer(stage, "a");
    const a = member(stage, "a");
    await stage.clock.advance(30);
    assert.deepEqual([a.state, [...b.away]], ["away", ["a"]]);
    a.leave();
    await stage.clock.advance(5000);
    assert.deepEqual([...b.members], []);
  });

  it("is told also if the connection was lost after the leaving, and before the answer", async () => {
    const stage = newStage();
    const [b] = await members(stage, "b");
    const socket = stage.socket();
    socket.open();
    await stage.clock.advance(20);
    loseAnswer(stage, "a");
    const a = member(stage, "a", { socket });
    a.leave();
    await stage.clock.advance(5000);
    assert.deepEqual([a.state, [...b.members]], ["outside", []]);
  });

  it("is over when the socket is closed, and when the room is entered again", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.cut("a");
    await stage.clock.advance(10);
    const left = settled(a.leave());
    a.join();
    await stage.clock.advance(5000);
    assert.deepEqual([a.joined, b.seen.map(([name]) => name)], [true, ["member-away", "member-back"]]);
    stage.server.cut("a");
    await stage.clock.advance(10);
    const again = settled(a.leave());
    a.socket.close();
    await stage.clock.advance(10);
    assert.deepEqual([left.isSettled, again.isSettled], [true, true]);
    await a.leave();
  });
});

describe("an answer behind which what was sent before follows", () => {
  it("is asked for again, so that nobody is counted twice", async () => {
    const stage = newStage();
    const [b] = await members(stage, "b");
    loseAnswer(stage, "a");
    const a = member(stage, "a");
    await stage.clock.advance(30);
    const [twin, c] = await members(stage, "b", "c");
    b.send("a", { text: "hello" });
    await stage.clock.advance(5000);
    assert.deepEqual([a.seen, [...a.members].sort()], [[["joined", "joined"], ["message", "hello"]], ["b", "c"]]);
    for (const each of [twin, c]) each.leave();
    await stage.clock.advance(50);
    assert.deepEqual([[...a.members], a.seen.slice(2)], [["b"], [["member-left", "c"]]]);
    b.leave();
    const [second] = await members(stage, "a");
    await stage.clock.advance(50);
    assert.deepEqual([[...a.members], [...second.members]], [[], []]);
  });

  it("stays one of a new membership if that is interrupted as well", async () => {
    const stage = newStage();
    const [a, b] = await members(stage, "a", "b");
    stage.server.down = true;
    stage.server.cut("a");
    await stage.clock.advance(61000);
    stage.server.down = false;
    loseAnswer(stage, "a");
    let joins = 0;
    stage.server.loses = (ws, name, { userId }) => {
      if (name !== "join-room" || userId !== "a" || (joins += 1) !== 3) return false;
      ws.fall("disconnect");
      return true;
    };
    await stage.clock.advance(20000);
    assert.deepEqual([joins, a.seen.filter(([name]) => name === "joined")], [4, [["joined", "joined"]]]);
    assert.deepEqual([[...a.members], [...b.members]], [["b"], ["a"]]);
  });
});

describe("several rooms that come back one after the other", () => {
  it("count nobody twice who comes before the answer of the second one", async () => {
    const stage = newStage();
    const { rooms: [kitchen, cellar], others } = await twoRooms(stage);
    stage.server.packets = 1;
    stage.server.cut("a");
    await stage.clock.advance(10);
    for (let text = 0; text < 3; text += 1) for (const each of others) each.send("a", { text });
    delay(stage, "cellar", 500);
    await stage.clock.advance(10);
    kitchen.socket.retryNow();
    await stage.clock.advance(100);
    assert.deepEqual([kitchen.joined, cellar.joined], [true, false]);
    const c = member(stage, "c", { roomName: "cellar" });
    await stage.clock.advance(1000);
    assert.deepEqual([kitchen.seen, cellar.seen], [[["joined", "resync"]], [["joined", "resync"]]]);
    assert.deepEqual([...cellar.members].sort(), ["b", "c"]);
    c.leave();
    await stage.clock.advance(50);
    assert.deepEqual([...cellar.members], ["b"]);
  });

  it("lose nothing that came before the answer of the second one, which never did", async () => {
    const stage = newStage();
    const { rooms: [kitchen, cellar], others } = await twoRooms(stage);
    stage.server.cut("a");
    await stage.clock.advance(10);
    others[1].send("a", { text: "down there" });
    others[0].send("a", { text: "up here" });
    const mend = delay(stage, "cellar", 500);
    await stage.clock.advance(10);
    kitchen.socket.retryNow();
    await stage.clock.advance(100);
    assert.deepEqual([kitchen.joined, cellar.joined], [true, false]);
    mend();
    stage.server.cut("a");
    await stage.clock.advance(6000);
    assert.deepEqual([kitchen.joined, cellar.joined], [true, true]);
    for (const [room, text] of [[kitchen, "up here"], [cellar, "down there"]]) {
      assert.deepEqual(room.seen.filter(([name]) => name === "message"), [["message", text]]);
    }
  });
});
