import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Stage } from "./stage.mjs";

const OFFER = 1;

describe("a network that changes in silence", () => {
  for (const who of ["a", "b"]) {
    it(`does not end the call of ${who}, who comes back before the server misses the old connection`, async () => {
      const stage = new Stage();
      for (const userId of ["a", "b"]) {
        stage.page(userId);
        await stage.clock.advance(500);
      }
      stage.server.swallow(who);
      await stage.clock.advance(300000);
      assert.deepEqual([stage.faults(), stage.sent(OFFER).length], [[], 1]);
      for (const { events } of stage.pages.values()) assert.ok(!events.some((each) => each.startsWith("-")), `${events}`);
    });
  }
});
