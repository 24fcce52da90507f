import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Stage } from "./stage.mjs";

describe("a connection that cannot be cured", () => {
  it("is replaced after the return, and the one that is gone is not named any more", async () => {
    const stage = new Stage();
    stage.world.tampered = () => true;
    const a = stage.page("a");
    await stage.clock.advance(500);
    stage.page("b");
    while (a.mesh.peers.get("b")?.connection?.connectionState !== "failed") await stage.clock.advance(10);
    stage.world.tampered = () => false;
    stage.server.down = true;
    stage.server.cut("a");
    await stage.clock.advance(1000);
    stage.server.down = false;
    a.socket.retryNow();
    await stage.clock.advance(5000);
    assert.ok(a.debug.some(({ decision }) => decision === "rebuild"), "it was replaced");
    assert.deepEqual([stage.faults(), stage.sent("info", "a")], [[], []]);
  });
});
