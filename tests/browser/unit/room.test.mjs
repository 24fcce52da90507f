import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { modules, Stage } from "./stage.mjs";

const { Room } = modules;

function member(stage, userId, details = undefined) {
  const socket = stage.socket();
  const room = new Room(socket, { roomName: "kitchen", userId, details });
  room.seen = [];
  room.socket = socket;
  for (const name of ["joined", "away", "member-joined", "member-left", "message", "refused", "ended"]) {
    room.on(name, (...args) => room.seen.push([name, ...args]));
  }
  room.join();
  return room;
}

const kinds = (room) => room.seen.map(([name]) => name);

describe("being in a room", () => {
  it("joins with the details for the server's policies and learns who is there", async () => {
    const stage = new Stage();
    member(stage, "a");
    await stage.clock.advance(50);
    const room = member(stage, "b", { password: "secret" });
    await stage.clock.advance(50);
    const [[name, { members, again, ack }]] = room.seen;
    assert.deepEqual([name, members, again, ack.ok], ["joined", ["a"], false, true]);
    const { resume, ...body } = stage.server.log.at(-1).body;
    assert.deepEqual(body, { password: "secret", userId: "b", roomName: "kitchen", connections: true });
    assert.deepEqual([resume, /^[\w-]{22,64}$/.test(resume)], [room.key, true]);
  });

  it("tells who comes and goes, each once, and not of itself", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    const other = member(stage, "b");
    await stage.clock.advance(50);
    other.leave();
    await stage.clock.advance(50);
    assert.deepEqual(room.seen.slice(1), [["member-joined", "b", { again: false }], ["member-left", "b", "left"]]);
  });

  it("holds back what arrives before the answer to the join until it knows the members", async () => {
    const stage = new Stage();
    const answer = stage.server.answer;
    stage.server.answer = (ws, id, result) => {
      ws.event("user-joined", "late", { roomName: "kitchen" });
      answer.call(stage.server, ws, id, result);
    };
    const room = member(stage, "a");
    await stage.clock.advance(50);
    assert.deepEqual(kinds(room), ["joined", "member-joined"]);
    assert.deepEqual([...room.members], ["late"]);
  });

  it("ignores other rooms, its own echoes and messages for others", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    const [ws] = stage.server.connections;
    ws.event("user-joined", "x", { roomName: "cellar" });
    ws.event("user-left", "x", { roomName: "cellar", reason: "left" });
    ws.event("broadcast", { userId: "a", msgType: 1 });
    ws.event("broadcast", { userId: "b", msgType: 1, targetUserId: "c" });
    ws.event("broadcast", { userId: "b", msgType: 1, roomName: "cellar" });
    ws.event("broadcast", "text");
    ws.event("broadcast", { userId: "b", msgType: 1 });
    await stage.clock.advance(50);
    assert.deepEqual(room.seen.slice(1), [["message", { userId: "b", msgType: 1 }]]);
  });

  it("says how many got a message, and why one was refused", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    member(stage, "b");
    await stage.clock.advance(50);
    const sent = Promise.all([room.send("b", { msgType: 9 }), room.send("nobody", { msgType: 9 })]);
    await stage.clock.advance(50);
    assert.deepEqual(await sent, [1, 0]);
    stage.server.broadcast = () => ({ ok: false, error: { code: "too-many", message: "Slow down.", retryAfter: 3 } });
    const refused = room.send("b", { msgType: 9 }).catch((error) => error);
    await stage.clock.advance(50);
    const error = await refused;
    assert.deepEqual([error.code, error.message, error.data], ["too-many", "Slow down.", { retryAfter: 3 }]);
    assert.equal(room.seen.at(-1)[0], "refused");
  });

  it("sends nothing before it is in the room, and keeps nothing for later", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    const code = await room.send(null, { msgType: 1 }).catch((error) => error.code);
    await stage.clock.advance(5000);
    assert.equal(code, "offline");
    assert.deepEqual(stage.server.log.map(({ name }) => name), ["join-room"]);
  });
});

describe("users on several connections", () => {
  const twin = async (stage) => {
    const room = member(stage, "b");
    await stage.clock.advance(50);
    return room;
  };

  it("are gone with the last one", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    const first = await twin(stage);
    const second = await twin(stage);
    first.leave();
    await stage.clock.advance(50);
    assert.deepEqual([...room.members], ["b"]);
    second.leave();
    await stage.clock.advance(50);
    const heard = [["member-joined", "b", { again: false }], ["member-joined", "b", { again: true }], ["member-left", "b", "left"]];
    assert.deepEqual([room.seen.slice(1), [...room.members]], [heard, []]);
  });

  it("are known to be there several times to those who come later", async () => {
    const stage = new Stage();
    const [first, second] = [await twin(stage), await twin(stage)];
    const room = member(stage, "a");
    await stage.clock.advance(50);
    first.leave();
    await stage.clock.advance(50);
    assert.deepEqual([kinds(room), [...room.members]], [["joined"], ["b"]]);
    second.leave();
    await stage.clock.advance(50);
    assert.deepEqual(kinds(room), ["joined", "member-left"]);
  });

  it("stay when the server notices the loss of the old connection after they came back on a new one", async () => {
    for (const late of [false, true]) {
      const stage = new Stage();
      const room = late ? null : member(stage, "a");
      const other = await twin(stage);
      stage.server.swallow("b");
      await stage.clock.advance(10000);
      const observer = room ?? member(stage, "a");
      await stage.clock.advance(120000);
      assert.equal(other.joined, true);
      assert.deepEqual([kinds(observer).includes("member-left"), [...observer.members]], [false, ["b"]]);
    }
  });

  it("are counted again after our own return", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    const [first, second] = [await twin(stage), await twin(stage)];
    stage.server.cut("a");
    first.leave();
    await stage.clock.advance(10000);
    assert.deepEqual([room.joined, [...room.members]], [true, ["b"]]);
    second.leave();
    await stage.clock.advance(50);
    assert.deepEqual([...room.members], []);
  });
});

describe("losing the connection", () => {
  it("joins again at every connect", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    for (let round = 0; round < 3; round += 1) {
      stage.server.cut();
      await stage.clock.advance(10000);
    }
    assert.deepEqual(kinds(room), ["joined", "away", "joined", "away", "joined", "away", "joined"]);
    const joined = room.seen.filter(([name]) => name === "joined");
    assert.deepEqual(joined.map(([, { again }]) => again), [false, true, true, true]);
  });

  it("tries again when the join is not answered, or refused for a moment", async () => {
    const stage = new Stage();
    stage.server.loses = () => stage.clock.now() < 9000;
    stage.server.refuses = () => (stage.clock.now() < 20000 ? { code: "rate-limited", message: "Too fast." } : null);
    const room = member(stage, "a");
    await stage.clock.advance(60000);
    assert.equal(room.joined, true);
    assert.ok(kinds(room).includes("refused"));
    assert.ok(!kinds(room).includes("ended"));
  });
});

describe("the end", () => {
  it("is final when the join is refused", async () => {
    const stage = new Stage();
    stage.server.refuses = () => ({ code: "not-a-member", message: "This room is for members." });
    const room = member(stage, "a");
    await stage.clock.advance(60000);
    assert.deepEqual(kinds(room), ["refused", "ended"]);
    assert.equal(room.seen[1][1].code, "not-a-member");
    assert.equal(stage.server.log.length, 1);
  });

  it("is final when the server takes us out, and only then", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    const [ws] = stage.server.connections;
    ws.event("user-left", "a", { roomName: "kitchen", reason: "shutdown" });
    await stage.clock.advance(50);
    assert.equal(room.joined, true);
    ws.event("user-left", "a", { roomName: "kitchen", reason: "spam" });
    await stage.clock.advance(50);
    assert.deepEqual([room.state, room.seen.at(-1)[1].code], ["outside", "spam"]);
  });

  it("is final when the server disconnects the namespace", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    [...stage.server.connections][0].put("41");
    await stage.clock.advance(60000);
    assert.deepEqual(kinds(room), ["joined", "ended"]);
  });

  it("hands on a refusal that no request waits for", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    [...stage.server.connections][0].event("refused", { event: "broadcast", code: "bad-arguments", message: "No." });
    await stage.clock.advance(50);
    assert.deepEqual([room.seen.at(-1)[0], room.seen.at(-1)[1].code], ["refused", "bad-arguments"]);
    assert.equal(room.joined, true);
  });

  it("is over when the server says that we may not be connected any more, with the reason", async () => {
    const stage = new Stage();
    const room = member(stage, "a");
    await stage.clock.advance(50);
    [...stage.server.connections][0].event("refused", { event: "connect", code: "expired", message: "Sign in again." });
    await stage.clock.advance(50);
    const heard = room.seen.slice(1).map(([name, error]) => [name, error.code]);
    assert.deepEqual(heard, [["refused", "expired"], ["ended", "expired"]]);
    assert.equal(room.state, "outside");
  });
});
