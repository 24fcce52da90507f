/**
 * What a connection is doing at the moment, in a few numbers.
 * @module stats
 */

/**
 * An entry of a browser's report, with what is read here; which keys it has depends on its type.
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} type
 * @property {number} [bytesReceived]
 * @property {number} [bytesSent]
 * @property {number} [packetsReceived]
 * @property {number} [packetsLost]
 * @property {string} [selectedCandidatePairId]
 * @property {boolean} [selected] Firefox has this instead of the id above
 * @property {string} [localCandidateId]
 * @property {string} [remoteCandidateId]
 * @property {number} [currentRoundTripTime] seconds
 * @property {string} [candidateType]
 * @property {string} [protocol]
 * @property {string} [relayProtocol]
 */

/**
 * What was counted when a connection was read.
 * @typedef {{at: number, received: number, sent: number, packets: number, lost: number}} Counts
 */

/**
 * @typedef {object} Path
 * @property {"direct" | "relay" | null} path null while there is no connection
 * @property {string | null} protocol "udp" or "tcp"
 * @property {number | null} rtt round-trip time in milliseconds
 */

/**
 * @typedef {object} Change
 * @property {number | null} rateIn bits per second since the previous read; null at the first
 * @property {number | null} rateOut likewise
 * @property {number} loss share of the packets since the previous read, 0..1
 */

/** @typedef {Path & Change & {received: number, sent: number}} Stats `received` and `sent` in bytes of media */

/** Reads a connection again and again; rates are those since the previous read. */
export class StatsReader {
  /** @type {Counts | null} */
  #before = null;

  /**
   * @param {RTCPeerConnection} pc
   * @returns {Promise<Stats>}
   */
  async read(pc) {
    /** @type {Entry[]} */
    const entries = [...(await pc.getStats()).values()];
    const inbound = entries.filter(({ type }) => type === "inbound-rtp");
    const outbound = entries.filter(({ type }) => type === "outbound-rtp");
    const now = {
      at: performance.now(),
      received: sum(inbound, "bytesReceived"),
      sent: sum(outbound, "bytesSent"),
      packets: sum(inbound, "packetsReceived"),
      lost: sum(inbound, "packetsLost"),
    };
    const before = this.#before;
    this.#before = now;
    return { ...describePath(entries), ...change(before, now), received: now.received, sent: now.sent };
  }
}

/**
 * @param {Entry[]} entries
 * @param {"bytesReceived" | "bytesSent" | "packetsReceived" | "packetsLost"} key
 */
function sum(entries, key) {
  return entries.reduce((total, entry) => total + (entry[key] ?? 0), 0);
}

/**
 * @param {Counts | null} before
 * @param {Counts} now
 * @returns {Change}
 */
function change(before, now) {
  // A new connection counts from zero again.
  if (before === null || now.received < before.received) return { rateIn: null, rateOut: null, loss: 0 };
  const seconds = (now.at - before.at) / 1000;
  const lost = Math.max(0, now.lost - before.lost);
  const arrived = now.packets - before.packets;
  return {
    rateIn: ((now.received - before.received) * 8) / seconds,
    rateOut: ((now.sent - before.sent) * 8) / seconds,
    loss: lost + arrived > 0 ? lost / (lost + arrived) : 0,
  };
}

/**
 * @param {Entry[]} entries
 * @returns {Path}
 */
function describePath(entries) {
  const pair = selectedPair(entries);
  if (pair === undefined) return { path: null, protocol: null, rtt: null };
  const ends = entries.filter(({ id }) => id === pair.localCandidateId || id === pair.remoteCandidateId);
  return {
    path: ends.some(({ candidateType }) => candidateType === "relay") ? "relay" : "direct",
    protocol: ends.find(({ id }) => id === pair.localCandidateId)?.protocol ?? null,
    rtt: pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
  };
}

/**
 * The selected pair of a connection, in words that name no address.
 * @param {RTCPeerConnection} pc
 */
export async function readSelected(pc) {
  /** @type {Entry[]} */
  const entries = [...(await pc.getStats()).values()];
  const pair = selectedPair(entries);
  const ends = [pair?.localCandidateId, pair?.remoteCandidateId].map((id) => entries.find((each) => each.id === id));
  const [local, remote] = ends;
  if (pair === undefined || local === undefined || remote === undefined) return {};
  const { protocol, relayProtocol } = local;
  const sel = { local: local.candidateType, remote: remote.candidateType, protocol, relayProtocol };
  return { sel, rtt: pair.currentRoundTripTime };
}

/** @param {Entry[]} entries */
function selectedPair(entries) {
  const transport = entries.find(({ type }) => type === "transport");
  const pairs = entries.filter(({ type }) => type === "candidate-pair");
  return pairs.find(({ id }) => id === transport?.selectedCandidatePairId) ?? pairs.find((each) => each.selected);
}
