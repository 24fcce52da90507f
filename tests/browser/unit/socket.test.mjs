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

/** What a browser tells of its network, and by which events. */
function browser() {
  const target = (event, more = {}) => Object.assign(new EventTarget(), { event, ...more });
  return {
    network: target("online"),
    document: target("visibilitychange", { visibilityState: "visible" }),
    connection: target("change"),
  };
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
    await stage.clock.advance(5000);
    assert.equal(socket.seen[0][1].reason, "connect-timeout");
    await stage.clock.advance(500);
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

  it("doubles the delay, scattered by half of it either way, up to five seconds", async () => {
    const stage = new Stage();
    stage.server.down = true;
    const socket = watched(stage);
    socket.open();
    await stage.clock.advance(120000);
    const delays = socket.seen.filter(([name]) => name === "retry").map(([, { delay }]) => delay);
    const plain = (index) => Math.min(1000 * 2 ** index, 10000 / 3);
    delays.forEach((delay, index) => {
      assert.ok(delay >= plain(index) / 2 - 5 && delay <= plain(index) * 1.5 && delay <= 5000, `${delays}`);
    });
    assert.ok(new Set(delays).size > delays.length - 3, `${delays}`);
  });

  it("waits less after an attempt that took long: five and a half seconds from one beginning to the next", async () => {
    const stage = new Stage();
    const begun = [];
    class Silent {
      constructor() {
        begun.push(stage.clock.now());
      }
      close() {}
    }
    const socket = watched(stage, { WebSocket: Silent });
    socket.open();
    await stage.clock.advance(120000);
    const gaps = begun.slice(1).map((when, index) => when - begun[index]);
    assert.ok(gaps.length > 20 && gaps.every((gap) => gap >= 5000 && gap <= 5500), `${gaps}`);
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
    assert.ok(delays.slice(2).every((delay) => delay >= 1666), `${delays}`);
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

  it("returns at once when the network changes or the page becomes visible, and soon again if that was too early", async () => {
    for (const [what, target] of Object.entries(browser())) {
      const stage = new Stage();
      const page = browser();
      const network = Object.assign(page.network, { document: page.document, navigator: { connection: page.connection } });
      stage.server.down = true;
      const socket = watched(stage, { network });
      socket.open();
      await stage.clock.advance(60000);
      socket.seen = [];
      const fire = () => page[what].dispatchEvent(new Event(target.event));
      fire();
      await stage.clock.advance(10);
      assert.equal(socket.seen[0][1].attempt, 2, what);
      assert.ok(socket.seen[0][1].delay <= 1500, what);
      stage.server.down = false;
      fire();
      await stage.clock.advance(10);
      assert.equal(socket.connected, true, what);
    }
  });

  it("does not mind a page that is hidden", async () => {
    const stage = new Stage();
    const { network, document } = browser();
    document.visibilityState = "hidden";
    stage.server.down = true;
    const socket = watched(stage, { network: Object.assign(network, { document }) });
    socket.open();
    await stage.clock.advance(60000);
    const { state } = socket;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.deepEqual([state, socket.state], ["waiting", "waiting"]);
  });

  it("gives up an attempt that has been going on for a while when the network changes, and no other", async () => {
    const stage = new Stage();
    const network = new EventTarget();
    let made = 0;
    class Silent {
      constructor() {
        made += 1;
      }
      close() {}
    }
    const socket = watched(stage, { WebSocket: Silent, network });
    socket.open();
    for (const [ms, attempts] of [[500, 1], [600, 2], [100, 2]]) {
      await stage.clock.advance(ms);
      network.dispatchEvent(new Event("online"));
      assert.equal(made, attempts);
    }
  });

  it("asks whether the server is still there when the network changes", async () => {
    const stage = new Stage();
    const network = new EventTarget();
    const socket = watched(stage, { network });
    socket.open();
    await stage.clock.advance(10000);
    network.dispatchEvent(new Event("online"));
    await stage.clock.advance(60000);
    assert.deepEqual(socket.seen, [["connect"]]);
    stage.server.received = () => {};
    network.dispatchEvent(new Event("online"));
    await stage.clock.advance(3000);
    assert.deepEqual(socket.seen[1], ["disconnect", "ping-timeout"]);
  });

  it("hears nothing of the network once it is closed", async () => {
    const stage = new Stage();
    const network = new EventTarget();
    const socket = watched(stage, { network });
    socket.open();
    await stage.clock.advance(20);
    socket.close();
    network.dispatchEvent(new Event("online"));
    await stage.clock.advance(20);
    assert.equal(socket.state, "closed");
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
