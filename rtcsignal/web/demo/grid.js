/**
 * How many columns share a window best.
 * @module grid
 */

const WIDEST = 16 / 9;
/** The narrowest shape a picture is cropped to: pictures are wide, and in an upright window they may be upright too. */
const NARROWEST = { wide: 4 / 3, upright: 3 / 4 };

/**
 * Sizes of equal tiles that cover as much of the window as they can.
 * @param {number} count of tiles, at least 1
 * @param {number} width of the window, in pixels
 * @param {number} height
 * @param {number} gap between tiles
 * @returns {{columns: number, width: number, height: number}} size of one tile in whole pixels
 */
export function bestGrid(count, width, height, gap) {
  const narrowest = width < height ? NARROWEST.upright : NARROWEST.wide;
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * WIDEST));
    const tileHeight = Math.floor(Math.min(cellHeight, tileWidth / narrowest));
    if (tileWidth * tileHeight > best.width * best.height) best = { columns, width: tileWidth, height: tileHeight };
  }
  return best;
}
