"use strict";

/*
 * What the pages and the Android application of the original server do, in our own words and without a browser:
 * the same events at the same moments. Where a browser has an RTCPeerConnection they have a `Call`, which keeps
 * the descriptions and candidates it is given, and says so.
 */

const OFFER = 1;
const ANSWER = 2;
const CANDIDATE = 3;
const HANGUP = 4;

const CANDIDATES = 3;

/** Stands where a browser has an RTCPeerConnection: makes descriptions, finds candidates one by one. */
class Call {
  constructor(owner, found) {
    this.owner = owner;
    this.found = found;
  }

  /** A description; from here on candidates are found, while offer and answer are still under way. */
  describe(type) {
    this.search(0);
    return `v=0\r\no=${this.owner} 1 1 IN IP4 127.0.0.1\r\ns=${type}\r\n`;
  }

  search(n) {
    this.timer = setTimeout(() => {
      this.found(this.candidate(n));
      if (n + 1 < CANDIDATES) {
        this.search(n + 1);
      }
    }, 5);
  }

  candidate(n) {
    return { sdpMid: "0", sdpMLineIndex: 0, candidate: `candidate:${n} 1 udp 1 192.0.2.${n + 1} 9 typ host ${this.owner}` };
  }

  close() {
    clearTimeout(this.timer);
  }
}

/** What the three have in common: one socket, one user in one room, and the messages of a call. */
class Page {
  constructor({ io, url, options, userId, roomName, report }) {
    this.userId = userId;
    this.roomName = roomName;
    this.report = report;
    this.socket = io(url, { forceNew: true, ...options });
    this.socket.on("user-joined", (user) => user !== userId && this.userJoined(user));
    this.socket.on("user-left", (user) => user !== userId && this.userLeft(user));
    this.socket.on("broadcast", (message) => message.userId !== userId && this.received(message));
    this.socket.emit("join-room", this.place());
  }

  place() {
    return JSON.stringify({ userId: this.userId, roomName: this.roomName });
  }

  userJoined(user) {
    this.report("joined", user);
  }

  userLeft(user) {
    this.report("left", user);
  }

  send(message) {
    this.socket.emit("broadcast", { userId: this.userId, ...message });
  }

  newCall(extra) {
    return new Call(this.userId, ({ sdpMid, sdpMLineIndex, candidate }) =>
      this.send({ msgType: CANDIDATE, id: sdpMid, label: sdpMLineIndex, candidate, ...extra }));
  }

  unload() {
    this.socket.close();
  }
}

/** Two people: a button calls, the other side answers by itself, a button hangs up. */
class OneToOnePage extends Page {
  call() {
    this.peer = this.newCall({});
    this.send({ msgType: OFFER, sdp: this.peer.describe("offer") });
  }

  hangUp() {
    this.send({ msgType: HANGUP });
    this.end();
  }

  received({ msgType, userId, sdp, candidate }) {
    if (msgType === OFFER) {
      this.report("offer", userId, sdp);
      this.peer = this.newCall({});
      this.send({ msgType: ANSWER, sdp: this.peer.describe("answer") });
    } else if (msgType === ANSWER) {
      this.report("answer", userId, sdp);
    } else if (msgType === CANDIDATE) {
      this.report("candidate", userId, candidate);
    } else if (msgType === HANGUP) {
      this.report("hangup", userId);
      this.end();
    }
  }

  end() {
    this.peer.close();
  }
}

/** Many people: everybody who is there calls whoever joins; a message for somebody else is dropped on arrival. */
class ManyPartyPage extends Page {
  constructor(options) {
    super(options);
    this.peers = new Map();
  }

  userJoined(user) {
    super.userJoined(user);
    this.send({ msgType: OFFER, targetUserId: user, sdp: this.callWith(user).describe("offer") });
  }

  userLeft(user) {
    super.userLeft(user);
    this.peers.get(user)?.close();
    this.peers.delete(user);
  }

  callWith(user) {
    const call = this.newCall({ targetUserId: user });
    this.peers.set(user, call);
    return call;
  }

  received({ msgType, userId, targetUserId, sdp, candidate }) {
    if (targetUserId !== this.userId) {
      this.report("overheard", userId, targetUserId);
    } else if (msgType === OFFER) {
      this.report("offer", userId, sdp);
      this.send({ msgType: ANSWER, targetUserId: userId, sdp: this.callWith(userId).describe("answer") });
    } else if (msgType === ANSWER) {
      this.report("answer", userId, sdp);
    } else if (msgType === CANDIDATE) {
      this.report("candidate", userId, candidate);
    }
  }

  unload() {
    this.peers.forEach((peer) => peer.close());
    super.unload();
  }
}

/** The Android application: as the one-to-one page, and on leaving it says so and closes in the same breath. */
class AndroidApp extends OneToOnePage {
  leave() {
    this.socket.emit("leave-room", this.place());
    this.socket.close();
  }
}

module.exports = { AndroidApp, ManyPartyPage, OneToOnePage };
