/**
 * Tells the server how connections are, so that it can say why a call does not come about.
 * @module reports
 */

import { Timer } from "./ground.js";
import { readSelected } from "./stats.js";

/** @import { Clock } from "./ground.js" */
/** @import { Peer } from "./peer.js" */

/** While it is not connected, a connection is reported this often. Milliseconds. */
const AGAIN_AFTER = 10000;
/** The server takes 20 at once and two a second; we keep below that. */
const AT_ONCE = 16;
const PER_SECOND = 1.5;

/** Steps of a peer, and what the server calls them. @type {{[label: string]: string}} */
const OPERATIONS = { offer: "offer", "held offer": "offer", answer: "answer", negotiate: "negotiate" };

/**
 * What is told of a connection, besides which one it is.
 * @typedef {{ev: string, [key: string]: unknown}} Report
 */

/** Watches the connections of a call. No address and no word of an error's text is told. */
export class Reports {
  #clock;
  #send;
  #tokens = AT_ONCE;
  #at;

  /**
   * @param {Clock} clock
   * @param {(userId: string, report: Report) => void} send tells the server about the connection to a member
   */
  constructor(clock, send) {
    this.#clock = clock;
    this.#send = send;
    this.#at = clock.now();
  }

  /** @param {Peer} peer watched until it is closed */
  watch(peer) {
    const timer = new Timer(this.#clock);
    let told = "";
    let order = Promise.resolve();
    const later = () => timer.set(AGAIN_AFTER, () => {
      if (peer.state !== "closed" && peer.state !== "connected") tell();
    });
    const tell = () => {
      const pc = peer.connection;
      if (pc === null) return;
      const now = stateOf(pc);
      later();
      // The statistics take a moment: what is told later must not overtake it.
      order = order.then(async () => {
        const pair = now.state === "connected" ? await readSelected(pc).catch(() => ({})) : {};
        this.#tell(peer, { ev: "state", ...now, ...pair });
      });
    };
    peer.on("connection", (pc) => {
      told = "new new";
      later();
      pc.addEventListener?.("icecandidateerror", (event) => this.#tell(peer, gatherError(pc, event)));
    });
    peer.on("changed", (pc) => {
      const now = `${pc.connectionState} ${pc.iceConnectionState}`;
      if (now === told) return;
      told = now;
      tell();
    });
    peer.on("debug", (decision, details) => {
      const { label, error } = /** @type {{label?: string, error?: unknown}} */ (details);
      const op = decision === "bad-candidate" ? "candidate" : decision === "step-failed" ? OPERATIONS[label ?? ""] : undefined;
      if (op !== undefined) this.#tell(peer, { ev: "client-error", op, name: nameOf(error) });
    });
    peer.on("state", (state) => {
      if (state === "closed") timer.clear();
    });
  }

  /** @param {Peer} peer @param {Report} report */
  #tell(peer, report) {
    const now = this.#clock.now();
    this.#tokens = Math.min(AT_ONCE, this.#tokens + ((now - this.#at) / 1000) * PER_SECOND);
    this.#at = now;
    if (this.#tokens < 1) return;
    this.#tokens -= 1;
    this.#send(peer.userId, report);
  }
}

/** @param {RTCPeerConnection} pc */
function stateOf(pc) {
  const sender = pc.getSenders().find(({ transport }) => transport);
  const dtls = (sender?.transport ?? pc.sctp?.transport)?.state;
  return { state: pc.connectionState, ice: pc.iceConnectionState, ...(dtls === undefined ? {} : { dtls }) };
}

/**
 * @param {RTCPeerConnection} pc
 * @param {RTCPeerConnectionIceErrorEvent} event
 * @returns {Report}
 */
function gatherError(pc, { errorCode: code, url }) {
  const scheme = /^(stuns?|turns?):/.exec(url ?? "")?.[1];
  const isTcp = scheme?.endsWith("ns") || /[?&]transport=tcp/.test(url ?? "");
  const proto = scheme === "turns" ? "tls" : isTcp ? "tcp" : "udp";
  const expires = expiryOf(pc.getConfiguration().iceServers ?? [], url ?? "");
  return { ev: "gather-error", code, ...(scheme === undefined ? {} : { scheme, proto }), ...expires };
}

/**
 * When the credential ran out that was used: its user name begins with that.
 * @param {RTCIceServer[]} servers
 * @param {string} url as the browser writes it, which may not be as it was given
 */
function expiryOf(servers, url) {
  const names = servers.filter(({ urls }) => [urls].flat().some((each) => isSame(each, url)));
  const any = names.length > 0 ? names : servers.filter(({ username }) => username !== undefined);
  const expires = Number(/^(\d{9,11})(?::|$)/.exec(any[0]?.username ?? "")?.[1]);
  return Number.isFinite(expires) ? { expires } : {};
}

/** @param {string} given @param {string} said */
function isSame(given, said) {
  const [one, two] = [given, said].map((url) => url.toLowerCase().replace(/\?.*/, ""));
  return one === two || two.startsWith(`${one}:`);
}

/** @param {unknown} error */
function nameOf(error) {
  if (typeof DOMException !== "undefined" && error instanceof DOMException) return error.name;
  return error instanceof TypeError ? "TypeError" : "Error";
}
