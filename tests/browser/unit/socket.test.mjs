import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { modules, Stage } from "./stage.mjs";

const { Socket } = modules;

function watched(stage, options) {
  const socket = stage.socket(options);
  socket.seen = [];
  for (const name of ["connect", "disconnect", "retry", "refused", "event"]) {
    socket.on(name, (...args) => socket.seen.push([name, ...args]));
  }
  return socket;
}

describe("connecting", () => {
  it("asks for EIO 4 over a WebSocket of the same host, secure where the page is", async () => {
    const urls = [];
    class Recorder {
      constructor(url) {
        urls.push(url);
      }
      close() {}
    }
    for (const page of ["http://host:8080/a/b?c=1#d", "https://host/"]) {
      const socket = new Socket(page, { WebSocket: Recorder, network: {} });
      socket.open();
      socket.close();
    }
    assert.deepEqual(urls, [
      "ws://host:8080/socket.io/?EIO=4&transport=websocket",
      "wss://host/socket.io/?EIO=4&transport=websocket",
    ]);
  });

  it("opens the namespace with its auth data and says so", async () => {
    const stage = new Stage();
    const socket = watched(stage, { auth: { token: "t" } });
    socket.open();
    await stage.clock.advance(20);
    assert.deepEqual(socket.seen, [["connect"]]);
    assert.deepEqual([...stage.server.connections].map(({ auth }) => auth), [{ token: "t" }]);
  });

  it("answers pings, and holds a connection whose pings stop for lost", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(100000);
    const [ws] = stage.server.connections;
    assert.equal(ws.ponged, true);
    assert.deepEqual(socket.seen, [["connect"]]);
    ws.mute = true;
    await stage.clock.advance(44000);
    assert.equal(socket.state, "connected");
    await stage.clock.advance(2000);
    assert.deepEqual(socket.seen[1], ["disconnect", "ping-timeout"]);
  });

  it("gives up an attempt that leads nowhere and makes another", async () => {
    const stage = new Stage();
    let made = 0;
    class Silent {
      constructor() {
        made += 1;
      }
      close() {}
    }
    const socket = watched(stage, { WebSocket: Silent });
    socket.open();
    await stage.clock.advance(10000);
    assert.equal(socket.seen[0][1].reason, "connect-timeout");
    await stage.clock.advance(2000);
    assert.equal(made, 2);
  });

  it("stops when the server refuses the namespace, with the server's words", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    stage.server.received = (ws) => ws.put('44{"message":"Not today","data":{"code":"closed"}}');
    socket.open();
    await stage.clock.advance(60000);
    const [[name, error]] = socket.seen;
    assert.deepEqual([name, error.code, error.message], ["refused", "closed", "Not today"]);
    assert.equal(socket.state, "closed");
    assert.equal(socket.seen.length, 1);
  });
});

describe("coming back", () => {
  it("tries again after a refusal that may be over in a moment", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    const { received } = stage.server;
    stage.server.received = (ws) => ws.put('44{"message":"A plugin was slow","data":{"code":"timeout"}}');
    socket.open();
    await stage.clock.advance(100);
    assert.equal(socket.seen[0][1].reason, "refused");
    stage.server.received = received;
    await stage.clock.advance(2000);
    assert.equal(socket.connected, true);
  });

  it("doubles the delay up to ten seconds, scattered by half of it either way", async () => {
    const stage = new Stage();
    stage.server.down = true;
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(120000);
    const delays = socket.seen.filter(([name]) => name === "retry").map(([, { delay }]) => delay);
    const plain = [1000, 2000, 4000, 8000, 10000, 10000];
    plain.forEach((ms, index) => assert.ok(delays[index] >= ms / 2 && delays[index] <= ms * 1.5, `${delays}`));
    assert.equal(new Set(delays.map((delay, index) => delay / plain[Math.min(index, 5)])).size, delays.length);
  });

  it("connects again after a loss and starts with the shortest delay after a good connection", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.open();
    for (let round = 0; round < 4; round += 1) {
      await stage.clock.advance(10000);
      stage.server.cut();
    }
    await stage.clock.advance(10000);
    const delays = socket.seen.filter(([name]) => name === "retry").map(([, { delay }]) => delay);
    assert.equal(delays.length, 4);
    assert.ok(delays.every((delay) => delay <= 1500), `${delays}`);
    assert.equal(socket.connected, true);
  });

  it("grows the delay when connections break as soon as they are made", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.on("connect", () => stage.server.cut());
    socket.open();
    await stage.clock.advance(60000);
    const delays = socket.seen.filter(([name]) => name === "retry").map(([, { delay }]) => delay);
    assert.ok(delays[4] >= 5000, `${delays}`);
  });

  it("closes at once when the browser goes offline and returns at once when it is online", async () => {
    const stage = new Stage();
    const network = new EventTarget();
    const socket = watched(stage, { network });
    socket.open();
    await stage.clock.advance(100);
    network.dispatchEvent(new Event("offline"));
    assert.deepEqual(socket.seen[1], ["disconnect", "offline"]);
    network.dispatchEvent(new Event("online"));
    await stage.clock.advance(20);
    assert.equal(socket.connected, true);
  });

  it("does not return after the server ended the connection, nor after close", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    [...stage.server.connections][0].put("41");
    await stage.clock.advance(60000);
    assert.deepEqual(socket.seen, [["connect"], ["disconnect", "server-disconnect"]]);
    socket.open();
    await stage.clock.advance(20);
    socket.close();
    await stage.clock.advance(60000);
    assert.deepEqual(socket.seen.slice(2), [["connect"], ["disconnect", "closed"]]);
    assert.equal(stage.server.connections.size, 0);
  });

  it("returns after an orderly close of the engine, and after a packet that is none", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    [...stage.server.connections][0].put("1");
    await stage.clock.advance(3000);
    [...stage.server.connections].at(-1).put("42[");
    await stage.clock.advance(5000);
    const reasons = socket.seen.filter(([name]) => name === "disconnect").map(([, reason]) => reason);
    assert.deepEqual(reasons, ["server-close", "parse-error"]);
    assert.equal(socket.connected, true);
  });
});

describe("events and acknowledgements", () => {
  it("resolves a request with the first argument of its acknowledgement", async () => {
    const stage = new Stage();
    const socket = stage.socket();
    socket.open();
    await stage.clock.advance(20);
    const place = { userId: "a", roomName: "r" };
    const answers = Promise.all([socket.request("join-room", place), socket.request("other")]);
    await stage.clock.advance(20);
    assert.deepEqual(await answers, [{ ok: true, ...place, members: [{ userId: "a" }] }, { ok: true }]);
  });

  it("rejects requests that cannot be sent, are not answered, or lose their connection", async () => {
    const stage = new Stage();
    stage.server.loses = () => true;
    const socket = stage.socket();
    const code = (promise) => promise.then(() => "answered", (error) => error.code);
    const offline = code(socket.request("x"));
    socket.open();
    await stage.clock.advance(20);
    const late = code(socket.request("x"));
    await stage.clock.advance(10001);
    const cut = code(socket.request("x"));
    stage.server.cut();
    await stage.clock.advance(10);
    assert.deepEqual(await Promise.all([offline, late, cut]), ["offline", "timeout", "disconnected"]);
  });

  it("hands on events with all their arguments, binary parts in their places", async () => {
    const stage = new Stage();
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    const [ws] = stage.server.connections;
    const part = new Uint8Array([1, 2]).buffer;
    ws.put('42["a",{"b":["c"]},1]');
    ws.put('451-["d",{"e":{"_placeholder":true,"num":0}}]');
    ws.put(part);
    ws.put('42/other,["not ours"]');
    await stage.clock.advance(20);
    assert.deepEqual(socket.seen.slice(1), [["event", "a", [{ b: ["c"] }, 1]], ["event", "d", [{ e: part }]]]);
  });

  it("leaves no timer behind", async () => {
    const stage = new Stage();
    const socket = stage.socket();
    socket.open();
    await stage.clock.advance(20);
    socket.request("x").catch(() => {});
    socket.close();
    await stage.clock.advance(60000);
    assert.equal(stage.clock.pending, 0);
  });
});

describe("a server that recovers lost connections", () => {
  /** A server that gives everyone the same place, as long as it is `kept`, and keeps what it is told. */
  function recovering(stage) {
    const server = { auths: [], places: 0, kept: true, ws: null };
    stage.server.received = (ws, text) => {
      if (!text.startsWith("40")) return;
      server.ws = ws;
      server.auths.push(text.length > 2 ? JSON.parse(text.slice(2)) : null);
      if (!server.kept) server.places += 1;
      ws.put(`40{"sid":"s${server.places}","pid":"p${server.places}"}`);
    };
    return server;
  }

  it("is told the key and the last offset, beside the auth data", async () => {
    const stage = new Stage();
    const server = recovering(stage);
    const socket = watched(stage, { auth: { token: "t" } });
    socket.open();
    await stage.clock.advance(20);
    assert.equal(socket.recovered, false);
    for (let loss = 0; loss < 2; loss += 1) {
      stage.server.cut();
      await stage.clock.advance(5000);
      assert.equal(socket.recovered, true);
      server.ws.put(`42["x",1,"0123abcd.${loss}"]`);
      await stage.clock.advance(20);
    }
    stage.server.cut();
    await stage.clock.advance(5000);
    assert.deepEqual(server.auths, [
      { token: "t" },
      { pid: "p0", token: "t" },
      { pid: "p0", offset: "0123abcd.0", token: "t" },
      { pid: "p0", offset: "0123abcd.1", token: "t" },
    ]);
    const events = socket.seen.filter(([name]) => name === "event");
    assert.deepEqual(events, [["event", "x", [1]], ["event", "x", [1]]]);
  });

  it("may have forgotten us", async () => {
    const stage = new Stage();
    const server = recovering(stage);
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    server.ws.put('42["x","0123abcd.1"]');
    server.kept = false;
    await stage.clock.advance(20);
    for (let loss = 0; loss < 2; loss += 1) {
      stage.server.cut();
      await stage.clock.advance(5000);
      assert.equal(socket.recovered, false);
    }
    assert.deepEqual(server.auths, [null, { pid: "p0", offset: "0123abcd.1" }, { pid: "p1" }]);
  });

  it("is a stranger once we have left", async () => {
    const stage = new Stage();
    const server = recovering(stage);
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    socket.close();
    socket.open();
    await stage.clock.advance(20);
    assert.deepEqual(server.auths, [null, null]);
  });

  it("sends no offset where it asks for an answer", async () => {
    const stage = new Stage();
    const server = recovering(stage);
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(20);
    server.ws.put('427["x",1]');
    await stage.clock.advance(20);
    assert.deepEqual(socket.seen.at(-1), ["event", "x", [1]]);
  });
});
