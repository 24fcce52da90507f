/** A signalling server in memory that keeps memberships over a lost connection, by the letter of docs/reconnect.md. */

import { FakeServer } from "./server.mjs";

const EPOCH = "0a1b2c3d";

export class ResumingServer extends FakeServer {
  /** Seconds that a membership is kept. */
  window = 60;
  /** How many events each member's trail holds. */
  packets = 256;
  /** Those who have joined with a key. @type {Map<string, Member>} */
  members = new Map();
  #number = 0;
  /** Whose join is being handled: what it is told meanwhile follows the answer. */
  #joining = null;

  /** A key in the handshake gives the place back before anything else is read. */
  received(ws, text) {
    super.received(ws, text);
    const member = text.startsWith("40") ? this.members.get(ws.auth?.resume) : undefined;
    if (member === undefined) return;
    const [[, { userId }]] = member.rooms;
    ws.userId = userId;
    const missed = member.after(this.numberOf(ws.auth.seen));
    member.fresh = ws;
    this.takeOver(member, ws);
    ws.event("resumed", { outcome: "resumed" });
    for (const frame of missed) ws.event(...frame);
  }

  join(ws, request) {
    this.#joining = ws;
    try {
      return this.joinNow(ws, request);
    } finally {
      this.#joining = null;
    }
  }

  joinNow(ws, { userId, roomName, resume, seen, replaces }) {
    if (resume === undefined || this.window === 0) {
      const ack = super.join(ws, { userId, roomName });
      return resume === undefined || !ack.ok ? ack : { ...ack, outcome: "joined", received: 0, window: 0 };
    }
    const error = this.refuses(ws, userId);
    if (error !== null) return { ok: false, error };
    const earlier = this.members.get(replaces);
    if (earlier !== undefined) this.end(earlier, "replaced");
    ws.userId = userId;
    const known = this.members.get(resume);
    const member = known ?? new Member(resume, ws);
    this.members.set(resume, member);
    if (member.ws !== ws) this.takeOver(member, ws);
    const place = member.rooms.get(roomName);
    const since = this.numberOf(seen);
    if (place === undefined) this.enter(member, userId, roomName);
    const { began } = member.rooms.get(roomName);
    const isHeard = place !== undefined && since >= began;
    const from = Math.max(since, began);
    const isWhole = from >= member.lost;
    const outcome = isHeard ? (isWhole ? "resumed" : "resync") : isWhole ? "joined" : "resync";
    if (isWhole && member.fresh !== ws) ws.behind.push(...member.after(from));
    member.fresh = ws;
    const at = `${EPOCH}.${isWhole ? from : this.#number}`;
    return { ok: true, roomName, userId, ...this.listed(roomName), outcome, at, received: member.received, window: this.window };
  }

  /** A key is new in a room. */
  enter(member, userId, roomName) {
    member.rooms.set(roomName, { userId, began: this.#number });
    this.tell(roomName, "user-joined", userId, { roomName });
  }

  /** Everyone in a room, by the keys that an answer has for it. */
  listed(roomName) {
    const members = new Map();
    const connections = {};
    for (const { userId, away } of this.inside(roomName)) {
      connections[userId] = (connections[userId] ?? 0) + 1;
      members.set(userId, (members.get(userId) ?? true) && away);
    }
    const several = Object.entries(connections).filter(([, count]) => count > 1);
    return {
      members: [...members].map(([userId, away]) => (away ? { userId, away } : { userId })),
      ...(several.length > 0 ? { connections: Object.fromEntries(several) } : {}),
    };
  }

  /** Every membership in a room, with keys or without. */
  inside(roomName) {
    const kept = [...this.members.values()].filter(({ rooms }) => rooms.has(roomName));
    return [
      ...this.inRoom(roomName).map((ws) => ({ userId: ws.userId, away: false, hear: (...frame) => ws.event(...frame) })),
      ...kept.map((member) => ({
        userId: member.rooms.get(roomName).userId,
        away: member.ws === null,
        member,
        hear: (...frame) => this.hear(member, frame),
      })),
    ];
  }

  tell(roomName, ...frame) {
    this.#number += 1;
    for (const each of this.inside(roomName)) each.hear(...frame);
  }

  hear(member, frame) {
    const numbered = [...frame, `${EPOCH}.${this.#number}`];
    member.trail.push({ number: this.#number, frame: numbered });
    while (member.trail.length > this.packets) member.lost = member.trail.shift().number;
    // A connection that had no replay yet gets it from the trail.
    if (member.ws === null || member.fresh !== member.ws) return;
    if (member.ws === this.#joining) member.ws.behind.push(numbered);
    else member.ws.event(...numbered);
  }

  takeOver(member, ws) {
    const before = member.ws;
    const wasAway = before === null;
    member.ws = ws;
    before?.fall("disconnect");
    if (member.timer !== null) this.clock.clearTimeout(member.timer);
    member.timer = null;
    if (!wasAway) return;
    for (const [roomName, { userId }] of member.rooms) {
      const others = this.inside(roomName).filter((each) => each.userId === userId && each.member !== member && !each.away);
      if (others.length === 0) this.tell(roomName, "user-back", userId, { roomName });
    }
  }

  left(ws, reason) {
    const member = [...this.members.values()].find((each) => each.ws === ws);
    if (member === undefined) return super.left(ws, reason);
    if (reason === "left") this.end(member, reason);
    else this.lost(member);
    return { ok: true };
  }

  lost(member) {
    member.ws = null;
    for (const [roomName, { userId }] of member.rooms) {
      const others = this.inside(roomName).filter((each) => each.userId === userId && !each.away);
      if (others.length === 0) this.tell(roomName, "user-away", userId, { roomName, window: this.window });
    }
    member.timer = this.clock.setTimeout(() => this.end(member, "timeout"), this.window * 1000);
  }

  end(member, reason) {
    if (member.timer !== null) this.clock.clearTimeout(member.timer);
    this.members.delete(member.key);
    for (const [roomName, { userId }] of member.rooms) this.tell(roomName, "user-left", userId, { roomName, reason });
    if (reason === "replaced") member.ws?.put("41");
    member.ws = null;
  }

  event(ws, name, body, options) {
    const member = [...this.members.values()].find((each) => each.ws === ws);
    if (name === "broadcast" && member !== undefined) return this.numbered(member, body, options);
    if (name === "leave-room" && member !== undefined) return this.leave(member, body.roomName);
    return super.event(ws, name, body);
  }

  leave(member, roomName) {
    if (!member.rooms.has(roomName)) return { ok: false, error: { code: "not-in-room", message: "You are not in it." } };
    const { userId } = member.rooms.get(roomName);
    member.rooms.delete(roomName);
    this.tell(roomName, "user-left", userId, { roomName, reason: "left" });
    return { ok: true };
  }

  numbered(member, body, options = {}) {
    const { n } = options;
    if (n !== undefined && n <= member.received) return { ok: true, delivered: 0, n, duplicate: true };
    if (n !== undefined) member.received = n;
    if (!member.rooms.has(body.roomName)) return { ok: false, n, error: { code: "not-in-room", message: "You are not in it." } };
    const { userId } = member.rooms.get(body.roomName);
    const meant = (each) => each.userId !== userId && (body.targetUserId === undefined || each.userId === body.targetUserId);
    const readers = this.inside(body.roomName).filter(meant);
    this.#number += 1;
    for (const reader of readers) reader.hear("broadcast", body);
    return { ok: true, delivered: readers.length, n };
  }

  numberOf(seen) {
    const [epoch, number] = typeof seen === "string" ? seen.split(".") : [];
    return epoch === EPOCH ? Number(number) : -1;
  }
}

/** A client with a key: its rooms, what it was sent, and what it has sent. */
class Member {
  rooms = new Map();
  trail = [];
  received = 0;
  /** The number of the last event that the trail does not hold any more. */
  lost = -1;
  timer = null;
  /** The connection that has had its replay. */
  fresh = null;

  constructor(key, ws) {
    this.key = key;
    this.ws = ws;
  }

  after(from) {
    return this.trail.filter(({ number }) => number > from).map(({ frame }) => frame);
  }
}
