/**
 * What a connection does right now, in a few numbers.
 * @module stats
 */

/**
 * Reads a connection again and again; rates are those since the read before.
 */
export class StatsReader {
  #before = null;

  /**
   * @param {RTCPeerConnection} pc
   * @returns {Promise<{path: string | null, protocol: string | null, rtt: number | null, loss: number,
   *   received: number, sent: number, rateIn: number | null, rateOut: number | null}>}
   *   path: "direct" or "relay"; rtt in milliseconds; loss: share of the packets since the last read, 0..1;
   *   received and sent in bytes of media; rates in bits per second
   */
  async read(pc) {
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

function sum(entries, key) {
  return entries.reduce((total, entry) => total + (entry[key] ?? 0), 0);
}

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

function describePath(entries) {
  const transport = entries.find(({ type }) => type === "transport");
  const pairs = entries.filter(({ type }) => type === "candidate-pair");
  const pair = pairs.find(({ id }) => id === transport?.selectedCandidatePairId) ?? pairs.find((each) => each.selected);
  if (pair === undefined) return { path: null, protocol: null, rtt: null };
  const ends = entries.filter(({ id }) => id === pair.localCandidateId || id === pair.remoteCandidateId);
  return {
    path: ends.some(({ candidateType }) => candidateType === "relay") ? "relay" : "direct",
    protocol: ends.find(({ id }) => id === pair.localCandidateId)?.protocol ?? null,
    rtt: pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
  };
}
