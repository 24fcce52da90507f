import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Stage } from "./stage.mjs";

const OFFER = 1;
const ANSWER = 2;
const CANDIDATE = 3;
const HANGUP = 4;

/**
 * Pages written for the original server: no ids, no numbers, no roles. In a current browser, an offer that meets theirs
 * makes them give way; in one of that time it fails.
 */
class OldPage {
  constructor(stage, userId, { offers = false, givesWay = true, answersAfter = 0 } = {}) {
    this.stage = stage;
    this.userId = userId;
    this.offers = offers;
    this.givesWay = givesWay;
    this.answersAfter = answersAfter;
    this.connections = new Map();
    this.socket = stage.socket();
    this.socket.on("connect", () => this.socket.send("join-room", { userId, roomName: "kitchen" }));
    this.socket.on("event", (name, [first]) => this.event(name, first));
    this.socket.open();
  }

  connect(other) {
    const pc = new (this.stage.world.page(this.userId))();
    pc.addTrack({ kind: "audio" });
    pc.onicecandidate = ({ candidate }) => {
      const { candidate: text } = candidate;
      if (text !== "") this.send(other, { msgType: CANDIDATE, id: "0", label: 0, candidate: text });
    };
    this.connections.set(other, pc);
    return pc;
  }

  send(targetUserId, body) {
    this.socket.send("broadcast", { userId: this.userId, targetUserId, ...body });
  }

  async event(name, first) {
    if (name === "user-joined" && first !== this.userId && this.offers) {
      const pc = this.connect(first);
      await pc.setLocalDescription();
      this.send(first, { msgType: OFFER, sdp: pc.localDescription.sdp });
    } else if (name === "broadcast" && first.userId !== this.userId) {
      await this.message(first).catch(() => {});
    }
  }

  async message({ userId, msgType, sdp, candidate }) {
    const pc = this.connections.get(userId) ?? this.connect(userId);
    if (msgType === OFFER) {
      if (pc.signalingState === "have-local-offer" && !this.givesWay) return;
      await pc.setRemoteDescription({ type: "offer", sdp });
      await pc.setLocalDescription();
      const answer = { msgType: ANSWER, sdp: pc.localDescription.sdp };
      this.stage.clock.setTimeout(() => this.send(userId, answer), this.answersAfter);
    } else if (msgType === HANGUP) {
      pc.close();
      this.connections.delete(userId);
    } else if (msgType === ANSWER) {
      await pc.setRemoteDescription({ type: "answer", sdp });
    } else if (msgType === CANDIDATE && candidate !== "") {
      await pc.addIceCandidate({ candidate });
    }
  }
}

describe("pages written for the original server", () => {
  it("are answered when they, the older members, offer to us", async () => {
    for (const ours of ["a", "z"]) {
      for (const givesWay of [true, false]) {
        const stage = new Stage();
        const old = new OldPage(stage, "m", { offers: true, givesWay });
        await stage.clock.advance(100);
        stage.page(ours);
        await stage.clock.advance(2500);
        assert.deepEqual(stage.states(), { [`${ours}>m`]: "connected" });
        assert.equal(old.connections.get(ours).connectionState, "connected");
      }
    }
  });

  it("are called again when they gave way to us too late, and we to them", async () => {
    for (const answersAfter of [1000, 2000, 5000]) {
      const stage = new Stage();
      const old = new OldPage(stage, "m", { offers: true, answersAfter });
      await stage.clock.advance(100);
      stage.page("a");
      await stage.clock.advance(answersAfter * 2 + 2000);
      assert.deepEqual(stage.states(), { "a>m": "connected" }, `${answersAfter}`);
      assert.equal(old.connections.get("a").connectionState, "connected");
    }
  });

  it("are called when they, the newcomers, wait for us", async () => {
    const stage = new Stage();
    stage.page("a");
    await stage.clock.advance(100);
    new OldPage(stage, "m");
    await stage.clock.advance(6000);
    assert.deepEqual(stage.states(), { "a>m": "connected" });
  });

  it("are gone when they hang up", async () => {
    const stage = new Stage();
    const page = stage.page("a");
    await stage.clock.advance(100);
    const old = new OldPage(stage, "m");
    await stage.clock.advance(6000);
    old.socket.send("broadcast", { userId: "m", msgType: HANGUP });
    await stage.clock.advance(100);
    assert.deepEqual(page.events, ["+m", "-m hangup"]);
  });
});
