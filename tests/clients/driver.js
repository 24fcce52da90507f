"use strict";

/*
 * Socket.IO clients of several generations in one process, told what to do over stdin.
 *
 * Each line that comes in is one command in JSON: {"id": 7, "do": "ask", "client": "c1", "args": [...]}.
 * Each line that goes out is the answer to a command, {"id": 7, "value": ...} or {"id": 7, "error": "..."},
 * or what befell a client, in the order in which it did:
 *     {"client": "c1", "heard": ["user-joined", "ann", {...}]}     an event from the server
 *     {"client": "c1", "life": ["disconnect", "transport close"]}  its connection came, went or changed
 * Binary values travel as {"$base64": "..."}.
 */

const readline = require("node:readline");
const { ResumingPage } = require("./resuming_page.js");
const { AndroidApp, ManyPartyPage, OneToOnePage } = require("./seed_pages.js");

const PAGES = { "one-to-one": OneToOnePage, "many-party": ManyPartyPage, android: AndroidApp };

const clients = new Map();
const pages = new Map();
const streams = new Map();

function wrapped(value) {
  if (Buffer.isBuffer(value) || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return { $base64: bytesOf(value).toString("base64") };
  }
  return mapped(value, wrapped);
}

function unwrapped(value) {
  if (value !== null && typeof value === "object" && typeof value.$base64 === "string") {
    return Buffer.from(value.$base64, "base64");
  }
  return mapped(value, unwrapped);
}

function bytesOf(value) {
  if (value instanceof ArrayBuffer) {
    return Buffer.from(value);
  }
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function mapped(value, change) {
  if (Array.isArray(value)) {
    return value.map(change);
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
  }
  return value;
}

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

/** Reports each event named in `events`, and the life of the connection under it. */
function watch(name, socket, events) {
  for (const event of events) {
    socket.on(event, (...args) => say({ client: name, heard: [event, ...args.map(wrapped)] }));
  }
  const life = (...news) => say({ client: name, life: news });
  socket.on("connect", () => life("connect"));
  socket.on("disconnect", (reason) => life("disconnect", reason));
  // A refusal is a plain object, or an Error with data: what is in it is told as well.
  const text = (problem) => String(problem && problem.message ? problem.message : problem);
  socket.on("error", (problem) => life("error", text(problem), problem instanceof Error ? null : problem));
  socket.on("connect_error", (problem) => life("connect_error", text(problem), (problem && problem.data) || null));
  socket.io.on("open", () => socket.io.engine.on("upgrade", (transport) => life("upgrade", transport.name)));
}

const commands = {
  open({ client, library, url, options, events }, answer) {
    const connect = require(library);
    const io = typeof connect === "function" ? connect : connect.io;
    const parser = options.parser && require(options.parser);
    const socket = io(url, { forceNew: true, ...options, ...(parser && { parser }) });
    clients.set(client, socket);
    watch(client, socket, events);
    if (parser) {
      const told = (details) => (details && details.context && details.context.reason) || null;
      socket.io.on("close", (reason, details) => say({ client, life: ["closed", reason, told(details)] }));
    }
    answer(null);
  },

  /** Opens a client on the connection of another one, in a namespace of its own. */
  openBeside({ client, other, namespace, events }, answer) {
    const socket = clients.get(other).io.socket(namespace);
    clients.set(client, socket);
    watch(client, socket, events);
    answer(null);
  },

  emit({ client, args }, answer) {
    clients.get(client).emit(...args.map(unwrapped));
    answer(null);
  },

  ask({ client, args }, answer) {
    clients.get(client).emit(...args.map(unwrapped), (...values) => answer(values.map(wrapped)));
  },

  transport({ client }, answer) {
    const engine = clients.get(client).io.engine;
    answer(engine && engine.transport ? engine.transport.name : null);
  },

  /** The subprotocol of its WebSocket. */
  subprotocol({ client }, answer) {
    answer(clients.get(client).io.engine.transport.ws.protocol);
  },

  /** How connection state recovery went, for clients that know of it. */
  state({ client }, answer) {
    const { id, recovered } = clients.get(client);
    answer({ id, recovered: recovered === true });
  },

  /** Gives a client that has not connected yet the key of another one, which does not come back by itself any more. */
  copyKey({ client, other }, answer) {
    const [thief, owner] = [clients.get(client), clients.get(other)];
    owner.io.reconnection(false);
    Object.assign(thief, { _pid: owner._pid, _lastOffset: owner._lastOffset });
    thief.connect();
    answer(null);
  },

  close({ client }, answer) {
    clients.get(client).close();
    answer(null);
  },

  /** Emits numbered broadcasts, one a turn, until `unstream`. */
  stream({ client, body, everyMs }, answer) {
    const socket = clients.get(client);
    let number = 0;
    const timer = setInterval(() => socket.emit("broadcast", { ...body, number: number++ }), everyMs);
    streams.set(client, () => {
      clearInterval(timer);
      return number;
    });
    answer(null);
  },

  /** Ends a stream; the answer is how many broadcasts it has emitted. */
  unstream({ client }, answer) {
    const stop = streams.get(client);
    streams.delete(client);
    answer(stop());
  },

  page({ client, kind, library, url, options, userId, roomName }, answer) {
    const report = (...news) => say({ client, heard: news.map(wrapped) });
    pages.set(client, new PAGES[kind]({ io: require(library), url, options, userId, roomName, report }));
    answer(null);
  },

  /** A page that comes back with a key of its own. */
  resumingPage({ client, library, ...rest }, answer) {
    const connect = require(library);
    const io = typeof connect === "function" ? connect : connect.io;
    const report = (...news) => say({ client, heard: news.map(wrapped) });
    pages.set(client, new ResumingPage({ io, isOld: library.startsWith("client-2."), report, ...rest }));
    answer(null);
  },

  /** Has such a page say things, one after the other. */
  say({ client, count, everyMs, padding }, answer) {
    pages.get(client).say({ count, everyMs, padding });
    answer(null);
  },

  /** Does what a click on a button of the page does. */
  press({ client, button }, answer) {
    pages.get(client)[button]();
    answer(null);
  },

  closePage({ client }, answer) {
    pages.get(client).unload();
    answer(null);
  },
};

function obey(line) {
  const { id, do: name, ...rest } = JSON.parse(line);
  try {
    commands[name](rest, (value) => say({ id, value }));
  } catch (problem) {
    say({ id, error: problem.stack });
  }
}

readline.createInterface({ input: process.stdin }).on("line", obey).on("close", () => process.exit(0));
say({ id: 0, value: "ready" });
