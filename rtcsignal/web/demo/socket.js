/**
 * A small Socket.IO client: protocol 5 over Engine.IO 4, WebSocket only, one namespace.
 * It keeps itself connected: after a loss it comes back with growing, scattered delays.
 * @module socket
 */

import { Emitter, SignalingError, systemClock, Timer } from "./ground.js";
import { watchNetwork } from "./network.js";

/** @import { Clock } from "./ground.js" */
/** @import { Surroundings } from "./network.js" */

const ENGINE = { open: "0", close: "1", ping: "2", pong: "3", message: "4" };
const PACKET = { connect: "0", disconnect: "1", event: "2", ack: "3", refusal: "4", binaryEvent: "5", binaryAck: "6" };

/** Refusals that may be over in a moment: a new connection is made, after the usual growing delays. */
export const PASSING = new Set(["timeout", "internal", "unavailable", "rate-limited", "stale-resume"]);

/** A connection that lived this long counts as a good one: the next loss starts with the shortest delay again. */
const SETTLED_AFTER = 5000;

/** An attempt that is older than this when the network changes is one on the network of before, which leads nowhere. */
const STALE_AFTER = 1000;

/** Milliseconds that the server has to answer when we ask whether it is still there. */
const PROBED_FOR = 3000;

/**
 * A packet of Socket.IO; its body is whatever JSON says.
 * @typedef {{type: string, id: string, body: any}} Packet
 */

/**
 * @typedef {object} SocketEvents
 * @property {[]} connect we are in the namespace; whatever has to be said again after a loss is said here
 * @property {[reason: string]} disconnect we are no longer; reason "transport-close", "ping-timeout", "connect-timeout",
 *   "offline", "server-close", "parse-error", "dropped", or, when it will not come back by itself, "closed",
 *   "server-disconnect"
 * @property {[]} closed it does not come back by itself, whether it was connected or not
 * @property {[{attempt: number, delay: number, reason: string}]} retry the next attempt follows in `delay` milliseconds
 * @property {[error: SignalingError]} refused the server does not let us into this namespace; no further attempt
 * @property {[name: string, args: any[]]} event an event of the server
 * @property {[decision: string, details: object]} debug for tests and logs
 */

/**
 * @typedef {object} SocketOptions
 * @property {string} [path] where the server listens for Socket.IO
 * @property {string} [namespace]
 * @property {object | (() => object)} [auth] sent with every connect; a function is asked each time
 * @property {number} [connectTimeout] milliseconds until an attempt to reach the server is given up
 * @property {number} [ackTimeout] milliseconds until `request` gives up, and an attempt that the server does not answer
 * @property {{first?: number, longest?: number, jitter?: number}} [retry] delays in milliseconds, from the beginning of
 *   one attempt to that of the next; jitter 0..1
 * @property {Clock} [clock]
 * @property {typeof WebSocket} [WebSocket]
 * @property {Surroundings} [network] tells of the network; the window by default
 */

/**
 * A connection to one namespace.
 *
 * `state`: "closed" -> "opening" (WebSocket) -> "connecting" (namespace) -> "connected"; "waiting" between attempts.
 * @extends {Emitter<SocketEvents>}
 */
export class Socket extends Emitter {
  #url;
  #namespace;
  #auth;
  #clock;
  #WebSocket;
  #network;
  #connectTimeout;
  #ackTimeout;
  #retry;
  /** @type {WebSocket | null} */
  #ws = null;
  #watch;
  #again;
  #attempt = 0;
  #dialledAt = 0;
  #connectedAt = 0;
  #patience = 0;
  #nextAck = 0;
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: SignalingError) => void}>} */
  #acks = new Map();
  /** A packet whose binary parts are still coming. @type {{packet: Packet, missing: number, parts: ArrayBuffer[]} | null} */
  #incomplete = null;
  /** @type {() => void} */
  #unwatch = () => {};

  /** @type {"closed" | "opening" | "connecting" | "connected" | "waiting"} */
  state = "closed";

  /** Further keys of `auth`. */
  claim = /** @type {() => object | undefined} */ (() => undefined);

  /**
   * @param {string | URL} url any address of the server, such as `location.href`
   * @param {SocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    const target = new URL(options.path ?? "/socket.io/", url);
    target.protocol = target.protocol.replace("http", "ws");
    target.search = "?EIO=4&transport=websocket";
    target.hash = "";
    this.#url = target.href;
    this.#namespace = options.namespace ?? "/";
    this.#auth = options.auth ?? null;
    this.#clock = options.clock ?? systemClock;
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.#network = options.network ?? globalThis;
    this.#connectTimeout = options.connectTimeout ?? 5000;
    this.#ackTimeout = options.ackTimeout ?? 10000;
    this.#retry = { first: 1000, longest: 5000, jitter: 0.5, ...options.retry };
    this.#watch = new Timer(this.#clock);
    this.#again = new Timer(this.#clock);
  }

  get connected() {
    return this.state === "connected";
  }

  /** Connect, and stay connected until `close()`. */
  open() {
    if (this.state !== "closed") return;
    this.#unwatch = watchNetwork(this.#network, { better: () => this.#better(), gone: () => this.#gone() });
    this.#attempt = 0;
    this.#dial();
  }

  /** Leave for good: the server is told, and nothing is tried again. */
  close() {
    if (this.state === "closed") return;
    if (this.connected) this.#write(PACKET.disconnect);
    this.#end("closed");
  }

  /** Give up this connection and make a new one after the usual delay. */
  drop() {
    if (this.state !== "closed" && this.state !== "waiting") this.#lose("dropped");
  }

  /** Do not wait for the next attempt: make it now. */
  retryNow() {
    if (this.state !== "waiting") return;
    this.#again.clear();
    this.#dial();
  }

  /**
   * Send an event without waiting for an answer.
   * @param {string} name
   * @param {...any} args values that JSON knows
   * @returns {boolean} false if there is no connection; nothing is kept for later, as it would be stale then
   */
  send(name, ...args) {
    if (!this.connected) return false;
    this.#write(PACKET.event, "", [name, ...args]);
    return true;
  }

  /**
   * Send an event at once, and wait for the server's acknowledgement.
   * @param {string} name
   * @param {...any} args values that JSON knows
   * @returns {Promise<any>} the first argument of the acknowledgement
   * @throws {SignalingError} "offline", "disconnected" or "timeout"
   */
  request(name, ...args) {
    if (!this.connected) return Promise.reject(new SignalingError("offline", "There is no connection to the server."));
    const id = this.#nextAck++;
    const timer = new Timer(this.#clock);
    const answer = new Promise((resolve, reject) => {
      const forget = () => {
        timer.clear();
        this.#acks.delete(id);
      };
      this.#acks.set(id, {
        resolve: (value) => { forget(); resolve(value); },
        reject: (error) => { forget(); reject(error); },
      });
      timer.set(this.#ackTimeout, () => {
        this.#acks.get(id)?.reject(new SignalingError("timeout", "The server did not answer in time."));
      });
    });
    this.#write(PACKET.event, String(id), [name, ...args]);
    return answer;
  }

  #better() {
    const isTrying = this.state === "opening" || this.state === "connecting";
    const isStale = isTrying && this.#clock.now() - this.#dialledAt > STALE_AFTER;
    if (this.connected) this.#probe();
    if (this.state !== "waiting" && !isStale) return;
    // If it is too early after all, the next attempt follows soon.
    this.#attempt = 0;
    this.#again.clear();
    this.#hangUp();
    this.#dial();
  }

  // The heartbeat would notice too, but three quarters of a minute later.
  #gone() {
    if (this.state !== "closed" && this.state !== "waiting") this.#lose("offline");
  }

  #dial() {
    this.state = "opening";
    this.#attempt += 1;
    this.#dialledAt = this.#clock.now();
    const ws = new this.#WebSocket(this.#url);
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => {
      if (ws === this.#ws) this.#receive(data);
    };
    ws.onclose = () => {
      if (ws === this.#ws) this.#lose("transport-close");
    };
    this.#ws = ws;
    this.#watch.set(this.#connectTimeout, () => this.#lose("connect-timeout"));
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    if (typeof data !== "string") return this.#attach(data);
    switch (data[0]) {
      case ENGINE.open: return this.#guarded(() => this.#opened(JSON.parse(data.slice(1))));
      case ENGINE.ping: return this.#pinged();
      case ENGINE.pong: return this.#isAlive();
      case ENGINE.message: return this.#guarded(() => this.#decode(data.slice(1)));
      case ENGINE.close: return this.#lose("server-close");
      default: return undefined;
    }
  }

  /** @param {() => void} step */
  #guarded(step) {
    try {
      step();
    } catch (error) {
      this.fire("debug", "parse-error", { error });
      this.#lose("parse-error");
    }
  }

  /** @param {{pingInterval: number, pingTimeout: number}} handshake in milliseconds */
  #opened({ pingInterval, pingTimeout }) {
    this.#patience = pingInterval + pingTimeout;
    this.state = "connecting";
    // Authenticators may ask others, and so it may take longer than to get here.
    this.#watch.set(this.#ackTimeout, () => this.#lose("connect-timeout"));
    const [auth, more] = [typeof this.#auth === "function" ? this.#auth() : this.#auth, this.claim()];
    this.#write(PACKET.connect, "", more === undefined ? auth ?? undefined : { ...auth, ...more });
  }

  #pinged() {
    this.#ws?.send(ENGINE.pong);
    this.#isAlive();
  }

  #isAlive() {
    if (this.connected) this.#watch.set(this.#patience, () => this.#lose("ping-timeout"));
  }

  /** Find out whether the server is still there, without waiting for its next ping. */
  #probe() {
    this.#ws?.send(ENGINE.ping);
    this.#watch.set(PROBED_FOR, () => this.#lose("ping-timeout"));
  }

  /** @param {string} text */
  #decode(text) {
    const head = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),?)?(\d*)/.exec(text);
    if (head === null) throw new SyntaxError("not a Socket.IO packet");
    const [whole, type, attachments, namespace = "/", id] = head;
    const body = text.slice(whole.length);
    const packet = { type, id, body: body === "" ? undefined : JSON.parse(body) };
    if (namespace !== this.#namespace) return;
    if (type === PACKET.binaryEvent || type === PACKET.binaryAck) {
      this.#incomplete = { packet, missing: Number(attachments), parts: [] };
    } else {
      this.#handle(packet);
    }
  }

  /** @param {ArrayBuffer} part */
  #attach(part) {
    const waiting = this.#incomplete;
    if (waiting === null) return;
    waiting.parts.push(part);
    if (waiting.parts.length < waiting.missing) return;
    this.#incomplete = null;
    this.#handle({ ...waiting.packet, body: restore(waiting.packet.body, waiting.parts) });
  }

  /** @param {Packet} packet */
  #handle({ type, id, body }) {
    switch (type) {
      case PACKET.connect: return this.#joined();
      case PACKET.disconnect: return this.#end("server-disconnect");
      case PACKET.refusal: return this.#refused(body);
      case PACKET.event:
      case PACKET.binaryEvent: return this.fire("event", body[0], body.slice(1));
      default: return this.#acks.get(Number(id))?.resolve(body[0]);
    }
  }

  #joined() {
    this.state = "connected";
    this.#connectedAt = this.#clock.now();
    this.#isAlive();
    this.fire("connect");
  }

  /** @param {{message?: string, data?: {code?: string, [key: string]: unknown}}} [body] */
  #refused(body) {
    const data = body?.data ?? {};
    const code = data.code ?? "refused";
    if (PASSING.has(code)) {
      this.#lose("refused");
      return;
    }
    const message = body?.message ?? "The server refused the connection.";
    this.#end("refused");
    this.fire("refused", new SignalingError(code, message, data));
  }

  /**
   * @param {string} type
   * @param {string} [id] of the acknowledgement that is asked for
   * @param {unknown} [body]
   */
  #write(type, id = "", body = undefined) {
    const namespace = this.#namespace === "/" ? "" : `${this.#namespace},`;
    this.#ws?.send(ENGINE.message + type + namespace + id + (body === undefined ? "" : JSON.stringify(body)));
  }

  /**
   * The connection is gone; another attempt follows.
   * @param {string} reason
   */
  #lose(reason) {
    const wasConnected = this.connected;
    this.#hangUp();
    if (wasConnected && this.#clock.now() - this.#connectedAt >= SETTLED_AFTER) this.#attempt = 0;
    this.state = "waiting";
    const delay = this.#delay(wasConnected ? 0 : this.#clock.now() - this.#dialledAt);
    this.#again.set(delay, () => this.#dial());
    if (wasConnected) this.fire("disconnect", reason);
    if (this.state === "waiting") this.fire("retry", { attempt: this.#attempt + 1, delay, reason });
  }

  /**
   * The connection is gone for good.
   * @param {string} reason
   */
  #end(reason) {
    const wasConnected = this.connected;
    this.#unwatch();
    this.#again.clear();
    this.#hangUp();
    this.state = "closed";
    if (wasConnected) this.fire("disconnect", reason);
    if (this.state === "closed") this.fire("closed");
  }

  #hangUp() {
    const ws = this.#ws;
    this.#ws = null;
    this.#watch.clear();
    this.#incomplete = null;
    ws?.close();
    for (const ack of [...this.#acks.values()]) {
      ack.reject(new SignalingError("disconnected", "The connection ended before the server answered."));
    }
  }

  /** @param {number} spent milliseconds that an attempt without success took */
  #delay(spent) {
    const { first, longest, jitter } = this.#retry;
    const plain = Math.min(longest / (1 + jitter), first * 2 ** Math.max(0, this.#attempt - 1));
    const scattered = plain * (1 - jitter + 2 * jitter * this.#clock.random());
    return Math.round(Math.max(scattered - spent, first * jitter * this.#clock.random()));
  }
}

/**
 * Put the binary parts of a packet where its placeholders are.
 * @param {any} value whatever JSON says
 * @param {ArrayBuffer[]} parts
 * @returns {any}
 */
function restore(value, parts) {
  if (Array.isArray(value)) return value.map((item) => restore(item, parts));
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) return parts[value.num];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item, parts)]));
}
