"use strict";

/*
 * A page that comes back with a key of its own, whatever the generation of its library: it says nothing before its join
 * is answered, numbers what it says, keeps that until it knows that it was received, and keeps the last offset.
 */
class ResumingPage {
  /** `atHandshake`: it sends its key when it connects, too; libraries before the third can do so in a query only. */
  constructor({ io, isOld, url, options, userId, roomName, key, atHandshake, report }) {
    Object.assign(this, { userId, roomName, key, report });
    this.outbox = [];
    this.number = 0;
    this.seen = undefined;
    this.wasIn = this.isReady = false;
    const claim = () => (this.seen === undefined ? { resume: key } : { resume: key, seen: this.seen });
    const door = isOld ? { query: claim() } : { auth: (send) => send(claim()) };
    this.socket = io(url, { forceNew: true, ...options, ...(atHandshake && door) });
    if (atHandshake && isOld) {
      this.socket.on("reconnect_attempt", () => (this.socket.io.opts.query = claim()));
    }
    this.socket.on("connect", () => this.#join());
    this.socket.on("disconnect", () => (this.isReady = false));
    for (const name of ["connect_error", "refused"]) {
      this.socket.on(name, (problem) => this.#trouble(name, problem));
    }
    for (const name of ["user-joined", "user-left", "broadcast"]) {
      this.socket.on(name, (...args) => {
        this.seen = args[args.length - 1];
        report(name, ...args.slice(0, -1));
      });
    }
  }

  #trouble(name, problem) {
    const code = problem && (problem.code || (problem.data && problem.data.code));
    if (name === "refused" || code) {
      this.report("trouble", name, code || null);
    }
  }

  #join() {
    const { userId, roomName, key, seen, socket } = this;
    this.isReady = false;
    socket.emit("join-room", { userId, roomName, resume: key, seen }, (answer) => {
      if (!answer.ok) {
        this.report("trouble", "join-room", answer.error.code);
        return;
      }
      this.report("outcome", answer.outcome, this.wasIn);
      this.wasIn = this.isReady = true;
      this.seen = answer.at;
      this.outbox = this.outbox.filter((message) => message.n > answer.received);
      this.outbox.forEach((message) => this.#put(message));
    });
  }

  #put(message) {
    this.socket.emit("broadcast", message.body, { n: message.n }, (answer) => {
      if (!answer.ok) {
        this.report("trouble", "broadcast", answer.error.code);
      }
      this.outbox = this.outbox.filter((other) => other.n !== message.n);
    });
  }

  /** Says so many things, one every so many milliseconds, whether there is a connection or not. */
  say({ count, everyMs, padding }) {
    for (let index = 0; index < count; index += 1) {
      setTimeout(() => {
        this.number += 1;
        const body = { userId: this.userId, said: this.number, padding: "p".repeat(index ? 80 : padding) };
        const message = { n: this.number, body };
        this.outbox.push(message);
        if (this.isReady) {
          this.#put(message);
        }
      }, index * everyMs);
    }
  }

  unload() {
    this.socket.close();
  }
}

module.exports = { ResumingPage };
