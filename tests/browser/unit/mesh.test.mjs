import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Stage } from "./stage.mjs";

const OFFER = 1;
const ANSWER = 2;
const CANDIDATE = 3;
const HANGUP = 4;

/** Pages in a call with each other, entered one after the other. */
async function call(...userIds) {
  const stage = new Stage();
  for (const userId of userIds) {
    stage.page(userId);
    await stage.clock.advance(500);
  }
  assert.deepEqual(stage.faults(), []);
  return stage;
}

describe("starting a call", () => {
  it("takes one offer and one answer per pair, the newcomer offering", async () => {
    const stage = await call("b", "a", "c");
    const routes = stage.sent(OFFER).map(({ userId, targetUserId }) => `${userId}>${targetUserId}`);
    assert.deepEqual(routes, ["a>b", "c>b", "c>a"]);
    assert.equal(stage.sent(ANSWER).length, 3);
  });

  it("needs no second round when only the end that answers has a camera", async () => {
    const stage = new Stage();
    stage.page("a");
    await stage.clock.advance(500);
    stage.page("b", { stream: undefined });
    await stage.clock.advance(500);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER).length, 1);
    assert.deepEqual([...stage.pages.get("b").mesh.peers.get("a").tracks.keys()], ["audio", "video"]);
  });

  it("connects pages that join at the same moment", async () => {
    const stage = new Stage();
    for (const userId of ["a", "b", "c", "d"]) stage.page(userId);
    await stage.clock.advance(3000);
    assert.deepEqual(stage.faults(), []);
  });

  it("tells each what the other says about itself, then and later", async () => {
    const stage = await call("a", "b");
    const [a, b] = [stage.pages.get("a").mesh, stage.pages.get("b").mesh];
    assert.deepEqual([a.peers.get("b").info, b.peers.get("a").info], [{ name: "B" }, { name: "A" }]);
    a.setInfo({ name: "A", audio: false });
    await stage.clock.advance(50);
    assert.deepEqual(b.peers.get("a").info, { name: "A", audio: false });
  });

  it("resolves two offers at once: one end gives way, both connect", async () => {
    const stage = await call("a", "b");
    const offers = stage.sent(OFFER).length;
    for (const { mesh } of stage.pages.values()) {
      for (const peer of mesh.peers.values()) peer.connection.restartIce();
    }
    await stage.clock.advance(2000);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER).length, offers + 2);
    assert.ok(stage.pages.get("a").debug.some(({ decision }) => decision === "ignore-offer"));
  });
});

describe("lost messages", () => {
  for (const [what, kind] of [["offer", OFFER], ["answer", ANSWER]]) {
    it(`an ${what} that is lost is made good by repeating the offer`, async () => {
      const stage = new Stage();
      let lost = 0;
      stage.server.loses = (ws, name, body) => body.msgType === kind && lost++ < 2;
      stage.page("a");
      await stage.clock.advance(100);
      stage.page("b");
      await stage.clock.advance(8000);
      assert.deepEqual(stage.faults(), []);
      const numbers = new Set(stage.sent(OFFER).map(({ neg }) => neg));
      assert.deepEqual([...numbers], [1]);
    });
  }

  it("an offer that comes twice is answered twice and applied once", async () => {
    const stage = new Stage();
    let lost = 0;
    stage.server.loses = (ws, name, body) => body.msgType === ANSWER && lost++ < 1;
    const page = stage.page("a");
    await stage.clock.advance(100);
    stage.page("b");
    await stage.clock.advance(3000);
    const applied = stage.world.open("a")[0].applied;
    assert.deepEqual([applied, page.debug.filter(({ decision }) => decision === "answer-again").length], [1, 1]);
  });

  it("candidates that are lost are replaced by an ICE restart", async () => {
    const stage = new Stage();
    stage.server.loses = (ws, name, body) => body.msgType === CANDIDATE && stage.clock.now() < 3000;
    stage.page("a");
    await stage.clock.advance(100);
    stage.page("b");
    await stage.clock.advance(12000);
    assert.deepEqual(stage.faults(), []);
  });

  it("gives up after eight unanswered repetitions, says so, and can be told to try again", async () => {
    const stage = new Stage();
    stage.server.loses = (ws, name, body) => body.msgType === OFFER;
    stage.page("a");
    await stage.clock.advance(100);
    const troubles = [];
    const page = stage.page("b");
    page.mesh.on("peer", (peer) => peer.on("trouble", (word) => troubles.push(word)));
    await stage.clock.advance(120000);
    assert.deepEqual(troubles, ["no-answer"]);
    assert.equal(stage.sent(OFFER, "b").length, 9);
    assert.equal(page.mesh.peers.get("a").state, "failed");
    stage.server.loses = () => false;
    page.mesh.peers.get("a").retry();
    await stage.clock.advance(2000);
    assert.deepEqual(stage.faults(), []);
  });
});

describe("messages out of place", () => {
  const inject = (stage, userId, body) => {
    stage.server.member(userId).event("broadcast", { targetUserId: userId, ...body });
  };

  it("an answer to an earlier offer, or to another connection, is dropped", async () => {
    const stage = await call("a", "b");
    const answer = stage.sent(ANSWER)[0];
    stage.server.loses = (ws, name, body) => body.msgType === OFFER;
    const pc = stage.world.open("b")[0];
    pc.restartIce();
    await stage.clock.advance(100);
    inject(stage, "b", answer);
    inject(stage, "b", { ...answer, neg: 2, to: "another" });
    await stage.clock.advance(100);
    assert.equal(pc.signalingState, "have-local-offer");
  });

  it("candidates that overtake their offer wait for it", async () => {
    const stage = new Stage();
    stage.page("a");
    await stage.clock.advance(100);
    stage.server.member("a").event("user-joined", "x", { roomName: "kitchen" });
    inject(stage, "a", { userId: "x", msgType: CANDIDATE, pc: "p", candidate: "u-1", id: "0", label: 0 });
    const sdp = JSON.stringify({ fingerprint: "f", ufrag: "u", candidates: [], kinds: ["audio"] });
    inject(stage, "a", { userId: "x", msgType: OFFER, pc: "p", neg: 1, sdp });
    await stage.clock.advance(100);
    assert.deepEqual([...stage.world.open("a")[0].known], ["u-1"]);
  });

  it("messages go on after a connection that was closed in the middle of a step", async () => {
    const stage = await call("a", "b");
    const peer = stage.pages.get("b").mesh.peers.get("a");
    peer.start("first");
    await stage.clock.advance(0.5);
    peer.start("second");
    await stage.clock.advance(1500);
    assert.deepEqual(stage.faults(), []);
  });
});

describe("signalling lost during a call", () => {
  it("leaves a working call alone: nothing is negotiated, nobody leaves", async () => {
    const stage = await call("a", "b", "c");
    const offers = stage.sent(OFFER).length;
    const connections = new Set(["a", "b", "c"].flatMap((userId) => stage.world.open(userId)));
    stage.server.cut("b");
    await stage.clock.advance(10000);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER).length, offers);
    assert.deepEqual(new Set(["a", "b", "c"].flatMap((userId) => stage.world.open(userId))), connections);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "+c", "?b", "!b"]);
  });

  it("survives a restart of the server", async () => {
    const stage = await call("a", "b", "c");
    const offers = stage.sent(OFFER).length;
    stage.server.down = true;
    stage.server.cut();
    await stage.clock.advance(15000);
    stage.server.down = false;
    await stage.clock.advance(20000);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER).length, offers);
  });

  it("tells the end of a member that does not come back, a minute later at the latest", async () => {
    const stage = await call("a", "b");
    stage.server.down = true;
    stage.server.cut("b");
    await stage.clock.advance(59000);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "?b"]);
    await stage.clock.advance(2000);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "?b", "-b disconnect"]);
  });

  it("tells the end of a page that died, some seconds after its media stop", async () => {
    const stage = await call("a", "b");
    await stage.crash("b");
    await stage.clock.advance(9000);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "?b", "-b disconnect"]);
  });

  it("connects those who joined while a member was away", async () => {
    const stage = await call("a", "b");
    stage.server.cut("a");
    stage.page("c");
    await stage.clock.advance(8000);
    assert.deepEqual(stage.faults(), []);
  });

  it("starts again when the other end has forgotten the connection", async () => {
    const stage = await call("a", "b");
    stage.pages.get("b").mesh.peers.get("a").start("forgotten");
    stage.server.cut("b");
    await stage.clock.advance(15000);
    assert.deepEqual(stage.faults(), []);
  });

  it("starts again at once when a member returns to another who gave up waiting", async () => {
    const stage = await call("a", "b");
    stage.server.down = true;
    stage.server.cut("b");
    await stage.clock.advance(61000);
    stage.server.down = false;
    stage.pages.get("b").socket.retryNow();
    await stage.clock.advance(500);
    assert.deepEqual(stage.faults(), []);
  });

  it("notices who left while it was away", async () => {
    const stage = await call("a", "b");
    stage.server.down = true;
    stage.server.cut("a");
    await stage.clock.advance(100);
    stage.pages.get("b").mesh.leave();
    stage.pages.delete("b");
    stage.server.down = false;
    await stage.clock.advance(15000);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "?b", "-b disconnect"]);
  });

  it("restarts right after its return what was lost on the way", async () => {
    const stage = new Stage();
    stage.server.keepsPlaces = true;
    stage.page("a");
    await stage.clock.advance(100);
    const page = stage.page("b");
    stage.server.loses = (ws, name, body) => body.msgType === CANDIDATE && stage.clock.now() < 500;
    await stage.clock.advance(100);
    stage.server.cut("b");
    await stage.clock.advance(500);
    page.socket.retryNow();
    await stage.clock.advance(300);
    assert.deepEqual(stage.faults(), []);
  });

  it("applies what waited: a renegotiation begun while away is offered after the return", async () => {
    const stage = await call("a", "b");
    stage.server.cut("b");
    await stage.clock.advance(100);
    stage.pages.get("b").mesh.peers.get("a").connection.restartIce();
    await stage.clock.advance(8000);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER, "b").at(-1).neg, 2);
  });
});

describe("media lost", () => {
  it("restarts ICE three seconds after the interruption, once, and only one end does", async () => {
    const stage = await call("a", "b");
    const before = stage.sent(OFFER).length;
    stage.world.blocked = () => stage.clock.now() < 7500;
    stage.world.review();
    await stage.clock.advance(15000);
    assert.deepEqual(stage.faults(), []);
    assert.equal(stage.sent(OFFER).length, before + 1);
    assert.equal(stage.sent(OFFER).at(-1).userId, "a");
  });

  it("tries a new connection after three vain restarts, and gives up after three of those in a minute", async () => {
    const stage = await call("a", "b");
    stage.world.tampered = () => true;
    const troubles = [];
    for (const { mesh } of stage.pages.values()) {
      for (const peer of mesh.peers.values()) {
        peer.on("trouble", (word) => troubles.push(word));
        peer.start("again");
      }
    }
    await stage.clock.advance(50000);
    assert.ok(troubles.includes("gave-up"), `${troubles}`);
    assert.ok(stage.world.all.size < 25, `${stage.world.all.size} connections were made`);
  });

  it("does not restart while signalling is lost, but as soon as it is back", async () => {
    const stage = await call("a", "b");
    stage.server.down = true;
    stage.server.cut();
    stage.world.blocked = () => stage.clock.now() < 9000;
    stage.world.review();
    await stage.clock.advance(3000);
    stage.server.down = false;
    await stage.clock.advance(30000);
    assert.deepEqual(stage.faults(), []);
  });
});

describe("leaving", () => {
  it("is seen by the others at once, as a hang-up", async () => {
    const stage = await call("a", "b", "c");
    stage.pages.get("b").mesh.leave();
    stage.pages.get("b").socket.close();
    stage.pages.delete("b");
    await stage.clock.advance(50);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "+c", "-b hangup"]);
    assert.equal(stage.sent(HANGUP).length, 1);
    assert.deepEqual(stage.faults(), []);
  });

  it("by a policy's will ends the call at once, although media flow", async () => {
    const stage = await call("a", "b");
    stage.server.member("a").event("user-left", "b", { roomName: "kitchen", reason: "spam" });
    await stage.clock.advance(50);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "-b spam"]);
  });

  it("makes no connection for an offer that was overtaken by its sender's end", async () => {
    const stage = await call("a", "b");
    const offer = stage.sent(OFFER)[0];
    const ws = stage.server.member("a");
    const events = [
      ["broadcast", { ...offer, pc: "another", neg: 1 }],
      ["user-left", "b", { roomName: "kitchen", reason: "left" }],
    ];
    for (const event of events) ws.onmessage({ data: `42${JSON.stringify(event)}` });
    await stage.clock.advance(100);
    assert.deepEqual(stage.pages.get("a").events, ["+b", "-b left"]);
    assert.deepEqual(stage.world.open("a"), []);
  });

  it("leaves no timer and no connection behind", async () => {
    const stage = await call("a", "b");
    for (const { mesh, socket } of stage.pages.values()) {
      for (const peer of mesh.peers.values()) peer.connection.restartIce();
      mesh.leave();
      socket.close();
    }
    await stage.clock.advance(60000);
    assert.equal(stage.clock.pending, 0);
    assert.deepEqual([...stage.world.open("a"), ...stage.world.open("b")], []);
  });
});

describe("tracks and servers", () => {
  it("replaces a track without negotiating, and negotiates when there was none", async () => {
    const stage = await call("a", "b");
    const { mesh } = stage.pages.get("a");
    const camera = { kind: "video" };
    await mesh.replaceTrack("video", camera);
    await stage.clock.advance(500);
    assert.equal(stage.sent(OFFER).length, 1);
    const sent = () => stage.world.open("a")[0].getSenders().map(({ track }) => track);
    assert.ok(sent().includes(camera));

    const silent = stage.page("c", { stream: undefined });
    await stage.clock.advance(500);
    const before = stage.sent(OFFER).length;
    const microphone = { kind: "audio" };
    await silent.mesh.replaceTrack("audio", microphone);
    await stage.clock.advance(1000);
    assert.equal(stage.sent(OFFER).length, before + 2);
    assert.deepEqual(stage.faults(), []);
  });

  it("gives new ICE servers to running connections without a restart, keeping their other settings", async () => {
    const stage = new Stage();
    const rtc = { iceTransportPolicy: "relay" };
    stage.page("a", { rtc });
    await stage.clock.advance(100);
    const { mesh } = stage.page("b", { rtc });
    await stage.clock.advance(500);
    const iceServers = [{ urls: "stun:stun.example.org" }];
    mesh.setIceServers(iceServers);
    await stage.clock.advance(5000);
    assert.deepEqual(stage.world.open("b")[0].getConfiguration(), { iceTransportPolicy: "relay", iceServers });
    assert.equal(stage.sent(OFFER).length, 1);
  });
});
