/**
 * What the browser knows of its network.
 * @module network
 */

/**
 * Where it says so: the window, or what tests hand in for it.
 * @typedef {object} Surroundings
 * @property {EventTarget["addEventListener"]} [addEventListener]
 * @property {EventTarget["removeEventListener"]} [removeEventListener]
 * @property {EventTarget & {visibilityState?: string}} [document]
 * @property {object} [navigator]
 */

/**
 * Be told of changes of the network.
 * @param {Surroundings} page
 * @param {{better: () => void, gone: () => void}} listener `better`: an attempt to connect may succeed now although
 *   the ones before did not, because there is a network again, or another one, or because the page is visible again,
 *   whose timers the browser delays while it is hidden; `gone`: there is no network
 * @returns {() => void} call it to be told no more
 */
export function watchNetwork(page, { better, gone }) {
  const seen = () => {
    if (page.document?.visibilityState === "visible") better();
  };
  // Not every browser has it.
  const { connection } = /** @type {{connection?: EventTarget}} */ (page.navigator ?? {});
  /** @type {[target: Surroundings | EventTarget | undefined, event: string, listener: () => void][]} */
  const watched = [
    [page, "online", better],
    [page, "offline", gone],
    [page.document, "visibilitychange", seen],
    [connection, "change", better],
  ];
  for (const [target, event, listener] of watched) target?.addEventListener?.(event, listener);
  return () => {
    for (const [target, event, listener] of watched) target?.removeEventListener?.(event, listener);
  };
}
