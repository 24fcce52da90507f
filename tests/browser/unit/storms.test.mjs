import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResumingServer } from "./resuming.mjs";
import { FakeServer } from "./server.mjs";
import { Stage } from "./stage.mjs";

describe("storms", () => {
  for (const Server of [FakeServer, ResumingServer]) {
    const text = `on a ${Server.name}, every mesh is whole again a minute after much was cut, lost, restarted or blocked`;
    it(text, () => everyStorm(Server));
  }
});

async function everyStorm(Server) {
  for (let seed = 1; seed <= 60; seed += 1) {
    const stage = new Stage(seed, Server);
    const names = ["a", "b", "c", "d"];
    names.forEach((userId) => stage.page(userId));
    const dice = stage.clock.random;
    stage.server.loses = (ws, name) => name === "broadcast" && stage.clock.now() < 20000 && dice() < 0.15;
    while (stage.clock.now() < 20000) {
      await storm(stage, names[Math.floor(dice() * names.length)], dice());
      await stage.clock.advance(dice() * 1500);
    }
    stage.world.blocked = () => false;
    stage.world.review();
    await stage.clock.advance(60000);
    assert.deepEqual(stage.faults(), [], `seed ${seed}`);
  }
}

async function storm(stage, userId, what) {
  const { mesh } = stage.pages.get(userId);
  if (what < 0.3) {
    stage.server.cut(userId);
  } else if (what < 0.4) {
    stage.server.cut();
  } else if (what < 0.6) {
    for (const peer of mesh.peers.values()) peer.connection?.restartIce();
  } else if (what < 0.7) {
    for (const peer of mesh.peers.values()) peer.start("storm");
  } else if (what < 0.8) {
    await stage.crash(userId);
    stage.page(userId);
  } else {
    const end = stage.clock.now() + 9000;
    stage.world.blocked = (page) => page === userId && stage.clock.now() < end;
    stage.world.review();
  }
}
