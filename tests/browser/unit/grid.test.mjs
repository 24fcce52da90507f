import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const { bestGrid } = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/grid.js`));

const GAP = 12;

describe("tiles that share a window", () => {
  for (const [width, height] of [[1248, 640], [366, 640], [820, 290], [1900, 900], [700, 700]]) {
    it(`fit into ${width} x ${height}, whatever their number, in pictures' shapes`, () => {
      for (let count = 1; count <= 25; count += 1) {
        const tile = bestGrid(count, width, height, GAP);
        const rows = Math.ceil(count / tile.columns);
        assert.ok(tile.columns * tile.width + (tile.columns - 1) * GAP <= width, `${count}`);
        assert.ok(rows * tile.height + (rows - 1) * GAP <= height, `${count}`);
        const shape = tile.width / tile.height;
        assert.ok(shape <= 16 / 9 + 0.02 && shape >= (width < height ? 3 / 4 : 4 / 3) - 0.02, `${count}: ${shape}`);
      }
    });
  }

  it("stand beside each other in a wide window and above each other in an upright one", () => {
    const columns = (count, width, height) => bestGrid(count, width, height, GAP).columns;
    assert.deepEqual([2, 3, 5, 9].map((count) => columns(count, 1248, 640)), [2, 2, 3, 3]);
    assert.deepEqual([2, 3, 5, 9].map((count) => columns(count, 366, 640)), [1, 1, 2, 2]);
  });

  it("cover as much as any other number of columns would", () => {
    const { width, height } = bestGrid(7, 1248, 640, GAP);
    for (let columns = 1; columns <= 7; columns += 1) {
      const rows = Math.ceil(7 / columns);
      const cell = [(1248 - GAP * (columns - 1)) / columns, (640 - GAP * (rows - 1)) / rows];
      const wide = Math.min(cell[0], cell[1] * 16 / 9);
      assert.ok(width * height >= Math.floor(wide) * Math.floor(Math.min(cell[1], wide * 3 / 4)) - 1, `${columns}`);
    }
  });
});
