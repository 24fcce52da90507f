/** A signalling server in memory and the WebSockets that lead to it: the wire's text, with delays of a fake clock. */

const LATENCY = 2;

export class FakeServer {
  clock;
  connections = new Set();
  /** While true no new connection is made; while "silent" whoever tries hears nothing. */
  down = false;
  /** Whether a member whose connection was cut is not announced as gone. */
  keepsPlaces = false;
  /** Asked about every event of a client; a truthy answer loses it. */
  loses = () => false;
  /** Asked at every join; an error object refuses it. */
  refuses = () => null;
  pingInterval = 25000;
  pingTimeout = 20000;
  log = [];

  constructor(clock) {
    this.clock = clock;
  }

  /** A WebSocket class whose instances lead here. */
  get WebSocket() {
    const server = this;
    return class extends FakeWebSocket {
      constructor(url) {
        super(server, url);
      }
    };
  }

  /** Cut the connections of a user without a word, as a lost network does; null cuts everyone's. */
  cut(userId = null) {
    for (const ws of [...this.connections]) {
      if (userId === null || ws.userId === userId) ws.fall("disconnect");
    }
  }

  /** Cut the connections of a user as `cut` does, but the server does not notice before its heartbeat is not answered. */
  swallow(userId) {
    for (const ws of this.connections) if (ws.userId === userId) ws.fallSilent();
  }

  member(userId) {
    return [...this.connections].find((ws) => ws.room !== null && ws.userId === userId);
  }

  received(ws, text) {
    if (text === "2") {
      ws.put("3");
    } else if (text === "3") {
      ws.ponged = true;
    } else if (text.startsWith("40")) {
      ws.auth = text.length > 2 ? JSON.parse(text.slice(2)) : null;
      ws.put(`40{"sid":"${ws.number}"}`);
    } else if (text === "41") {
      this.left(ws, "left");
    } else {
      const [, id, body] = /^42(\d*)(.*)$/.exec(text);
      const [name, ...args] = JSON.parse(body);
      this.log.push({ at: this.clock.now(), from: ws.userId ?? args[0]?.userId, name, body: args[0] });
      if (this.loses(ws, name, args[0])) return;
      this.answer(ws, id, this.event(ws, name, ...args));
      for (const frame of ws.behind.splice(0)) ws.event(...frame);
    }
  }

  answer(ws, id, result) {
    if (id !== "") ws.put(`43${id}${JSON.stringify([result])}`);
  }

  event(ws, name, body) {
    switch (name) {
      case "join-room": return this.join(ws, body);
      case "leave-room": return this.left(ws, "left");
      case "broadcast": return this.broadcast(ws, body);
      default: return { ok: true };
    }
  }

  join(ws, { userId, roomName }) {
    const error = this.refuses(ws, userId);
    if (error !== null) return { ok: false, error };
    ws.userId = userId;
    ws.behind.push(["user-joined", userId, { roomName }]);
    ws.room = roomName;
    for (const other of this.inRoom(roomName)) if (other !== ws) other.event("user-joined", userId, { roomName });
    const counts = new Map();
    for (const each of this.inRoom(roomName)) counts.set(each.userId, (counts.get(each.userId) ?? 0) + 1);
    const several = [...counts].filter(([, count]) => count > 1);
    const more = several.length > 0 ? { connections: Object.fromEntries(several) } : {};
    return { ok: true, roomName, userId, members: [...counts.keys()].map((each) => ({ userId: each })), ...more };
  }

  left(ws, reason) {
    if (ws.room === null) return { ok: true };
    const { room, userId } = ws;
    if (reason !== "left") ws.room = null;
    for (const other of this.inRoom(room)) other.event("user-left", userId, { roomName: room, reason });
    ws.room = null;
    return { ok: true };
  }

  broadcast(ws, body) {
    if (ws.room === null) return { ok: false, error: { code: "not-in-room", message: "You are not in the room." } };
    const target = body.targetUserId;
    const meant = (each) => target === undefined || (each.userId === target && each !== ws);
    const readers = this.inRoom(ws.room).filter(meant);
    for (const reader of readers) reader.event("broadcast", body);
    return { ok: true, delivered: readers.length };
  }

  inRoom(room) {
    return [...this.connections].filter((ws) => ws.room === room);
  }
}

let numbers = 0;

class FakeWebSocket {
  onmessage = null;
  onclose = null;
  userId = null;
  room = null;
  auth = null;
  ponged = false;
  /** Events that follow the answer. */
  behind = [];
  number = ++numbers;
  #server;
  #open = true;

  constructor(server, url) {
    this.#server = server;
    this.url = url;
    server.clock.setTimeout(() => this.#accept(), LATENCY);
  }

  /** Browser to server. What was sent before a close still arrives. */
  send(text) {
    this.#server.clock.setTimeout(() => {
      if (this.#server.connections.has(this)) this.#server.received(this, text);
    }, LATENCY);
  }

  close() {
    if (!this.#open) return;
    this.#open = false;
    this.onclose = null;
    this.#server.clock.setTimeout(() => this.fall("disconnect"), LATENCY);
  }

  /** Server to browser. */
  put(text) {
    this.#server.clock.setTimeout(() => {
      if (this.#open) this.onmessage?.({ data: text });
    }, LATENCY);
  }

  event(name, ...args) {
    this.put(`42${JSON.stringify([name, ...args])}`);
  }

  /** The line is cut: both ends learn it. */
  fall(reason) {
    const known = this.#server.connections.delete(this);
    if (known && this.#server.keepsPlaces) this.room = null;
    if (known) this.#server.left(this, reason);
    if (!this.#open) return;
    this.#open = false;
    this.#server.clock.setTimeout(() => this.onclose?.({ code: 1006 }), LATENCY);
  }

  /** The line is cut, and only the browser learns it. */
  fallSilent() {
    if (!this.#open) return;
    this.#open = false;
    this.#server.clock.setTimeout(() => this.onclose?.({ code: 1006 }), LATENCY);
    const { pingInterval, pingTimeout } = this.#server;
    this.#server.clock.setTimeout(() => this.fall("timeout"), pingInterval + pingTimeout);
  }

  #accept() {
    if (!this.#open || this.#server.down === "silent") return;
    if (this.#server.down) {
      this.fall("disconnect");
      return;
    }
    this.#server.connections.add(this);
    const { pingInterval, pingTimeout } = this.#server;
    this.put(`0${JSON.stringify({ sid: "x", upgrades: [], pingInterval, pingTimeout, maxPayload: 1000000 })}`);
    this.#beat();
  }

  #beat() {
    this.#server.clock.setTimeout(() => {
      if (!this.#server.connections.has(this)) return;
      if (!this.mute) this.put("2");
      this.#beat();
    }, this.#server.pingInterval);
  }
}
