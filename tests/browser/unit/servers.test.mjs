/** ICE servers: what connections are made with, and when others are asked for. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { FakeServer } from "./server.mjs";
import { Stage } from "./stage.mjs";

const shapeOf = (name, more = {}) => ({ iceServers: [{ urls: [`turn:${name}`], username: "u", credential: "c" }], ttl: 100, ...more });

/** Gives servers with the answer to a join and on request. */
class IceServer extends FakeServer {
  shape = shapeOf("first");
  /** Whether requests are answered. */
  answers = true;
  asked = 0;

  event(ws, name, body) {
    if (name !== "ice-servers") return super.event(ws, name, body);
    this.asked += 1;
    return { ok: true, ...this.shape };
  }

  answer(ws, id, result) {
    if (result.iceServers === undefined || this.answers) super.answer(ws, id, result);
  }

  join(ws, body) {
    return { ...super.join(ws, body), ice: this.shape };
  }

  push(shape) {
    this.shape = shape;
    for (const ws of this.connections) ws.event("ice-servers", shape);
  }
}

const stageFor = () => new Stage(1, IceServer);
const configuration = (stage, name = "b") => stage.world.open(name)[0].getConfiguration();

async function call(stage, options = {}) {
  stage.page("a", options);
  await stage.clock.advance(100);
  const page = stage.page("b", options);
  await stage.clock.advance(500);
  assert.deepEqual(stage.faults(), []);
  return page;
}

describe("ICE servers", () => {
  it("are those that come with the join", async () => {
    const stage = stageFor();
    await call(stage);
    assert.deepEqual(configuration(stage), { iceServers: shapeOf("first").iceServers });
  });

  it("are replaced by those that are pushed, and nothing is negotiated", async () => {
    const stage = stageFor();
    await call(stage);
    const offers = stage.server.log.filter(({ body }) => body?.msgType === 1).length;
    stage.server.push(shapeOf("second", { iceTransportPolicy: "relay" }));
    await stage.clock.advance(3000);
    const { iceServers } = shapeOf("second");
    assert.deepEqual(configuration(stage), { iceServers, iceTransportPolicy: "relay" });
    assert.equal(stage.server.log.filter(({ body }) => body?.msgType === 1).length, offers);
    stage.server.push(shapeOf("third"));
    await stage.clock.advance(100);
    assert.equal(configuration(stage).iceTransportPolicy, "relay");
    stage.page("c");
    await stage.clock.advance(500);
    assert.deepEqual(configuration(stage, "c"), { iceServers: shapeOf("third").iceServers });
  });

  it("are those of the application if it has some", async () => {
    const stage = stageFor();
    const rtc = { iceServers: [{ urls: "stun:own" }], iceTransportPolicy: "all" };
    await call(stage, { rtc });
    stage.server.push(shapeOf("second", { iceTransportPolicy: "relay" }));
    await stage.clock.advance(100);
    assert.deepEqual(configuration(stage), rtc);
  });

  it("are asked for once before a restart when they are about to run out", async () => {
    const stage = stageFor();
    await call(stage);
    await stage.clock.advance(45000);
    stage.server.shape = shapeOf("second");
    stage.world.blocked = () => true;
    stage.world.review();
    await stage.clock.advance(15000);
    assert.ok(stage.server.asked > 0 && stage.server.asked <= 2, `${stage.server.asked} times`);
    assert.deepEqual(configuration(stage).iceServers, shapeOf("second").iceServers);
    stage.world.blocked = () => false;
    stage.world.review();
    await stage.clock.advance(30000);
    assert.deepEqual(stage.faults(), []);
  });

  it("are not asked for while they are good", async () => {
    const stage = stageFor();
    stage.server.shape = shapeOf("first", { ttl: 3600 });
    await call(stage);
    stage.world.blocked = () => true;
    stage.world.review();
    await stage.clock.advance(10000);
    assert.equal(stage.server.asked, 0);
  });

  it("that do not come keep a restart from nothing", async () => {
    const stage = stageFor();
    await call(stage);
    stage.server.answers = false;
    await stage.clock.advance(50000);
    stage.world.blocked = () => true;
    stage.world.review();
    await stage.clock.advance(6000);
    stage.world.blocked = () => false;
    stage.world.review();
    await stage.clock.advance(20000);
    assert.deepEqual(stage.faults(), []);
  });

  it("that make no sense are not used", async () => {
    const stage = stageFor();
    await call(stage);
    stage.server.push({ iceServers: "nonsense" });
    stage.server.push(null);
    await stage.clock.advance(100);
    assert.deepEqual(configuration(stage), { iceServers: shapeOf("first").iceServers });
  });

  it("are not asked of a server that gives none", async () => {
    const stage = new Stage();
    await call(stage);
    stage.world.blocked = () => true;
    stage.world.review();
    await stage.clock.advance(10000);
    assert.equal(stage.server.log.filter(({ name }) => name === "ice-servers").length, 0);
  });
});
