/**
 * A call in which everyone in a room is connected with everyone else.
 * @module mesh
 */

import { Emitter, systemClock, Timer } from "./ground.js";
import { MESSAGE } from "./messages.js";
import { Peer } from "./peer.js";
import { Reports } from "./reports.js";
import { LOST } from "./room.js";
import { Servers } from "./servers.js";

/** @import { Clock } from "./ground.js" */
/** @import { Body, Info, Message } from "./messages.js" */
/** @import { Outcome } from "./place.js" */
/** @import { Room } from "./room.js" */

/**
 * A member whose signalling is lost stays in the call this long while media flow; it may well come back. While the
 * server waits for it, it stays in any case.
 */
const AWAY_AT_MOST = 60000;
/** It stays this long once they no longer flow. */
const AWAY_AND_SILENT = 3000;
/** A connection that lasts so long works; some verdicts hold all the same. */
const WORKS_AFTER = 3000;
const LASTING = new Set(["codec-mismatch", "renegotiation-storm"]);

/**
 * @typedef {object} MeshEvents
 * @property {[peer: Peer]} peer another member is in the call; listen to its events for tracks, state and info
 * @property {[peer: Peer]} peer-away the member's signalling is lost; the call goes on
 * @property {[peer: Peer]} peer-back the member's signalling is there again
 * @property {[peer: Peer, reason: string]} peer-left reason as in user-left, or "hangup"
 * @property {[peer: Peer, decision: string, details: object]} debug every decision, for tests and logs
 */

/**
 * @typedef {object} MeshOptions
 * @property {MediaStream} [stream] what is sent: at most one audio and one video track
 * @property {string[]} [receive] kinds to receive although we send none
 * @property {Info} [info] what the others are told about us, such as `{name: "Alice"}`
 * @property {RTCConfiguration} [rtc] wins over the ICE servers that the server gives
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 * @property {Clock} [clock]
 */

/**
 * What a peer needs from the call it belongs to.
 * @typedef {object} PeerContext
 * @property {Clock} clock
 * @property {() => RTCPeerConnection} newConnection
 * @property {(pc: RTCPeerConnection, starting: boolean) => void} addMedia gives a new connection our tracks
 * @property {(body: Body) => Promise<number>} send to this member; must keep the order
 * @property {() => boolean} reachable what is sent now reaches the member, at once or when we or it are back
 * @property {() => boolean} present both we and the member are in the room and connected
 * @property {() => Info} info what members are told about us
 * @property {() => Promise<void> | null} refresh gets other ICE servers if ours are about to run out; null if not
 */

/**
 * Why a call does not come about, as the server says. `side`: the userId of the one with whom the cause lies, or null;
 * `why`: for developers.
 * @typedef {{verdict: string, side: string | null, why: string}} Verdict
 */

/**
 * `since`: milliseconds of the clock; `isWaitedFor`: by the server, which will tell how it ends; `reason`: of the end.
 * @typedef {{timer: Timer, since: number, isWaitedFor: boolean, reason: string}} Absence
 */

/**
 * Only the newcomer starts: it makes an offer to everyone listed in the answer to its join, and the others wait for it.
 * @extends {Emitter<MeshEvents>}
 */
export class Mesh extends Emitter {
  #room;
  #clock;
  #newConnection;
  #servers;
  #reports;
  #receive;
  #streams;
  /** What is sent, by kind. @type {Map<string, MediaStreamTrack>} */
  #tracks = new Map();
  #info;
  /** Members whose signalling is lost. @type {Map<Peer, Absence>} */
  #away = new Map();
  /** Those of them to whom we have to say something when they are back. @type {WeakSet<Peer>} */
  #unsure = new WeakSet();
  #stops;

  /** The others by userId. @type {Map<string, Peer>} */
  peers = new Map();

  /**
   * @param {Room} room make the mesh before `room.join()`
   * @param {MeshOptions} [options]
   */
  constructor(room, options = {}) {
    super();
    this.#room = room;
    this.#clock = options.clock ?? systemClock;
    const Connection = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    this.#servers = new Servers(this.#clock, options.rtc ?? {}, () => room.askForIce());
    this.#newConnection = () => new Connection(this.#servers.configuration);
    this.#reports = new Reports(this.#clock, (userId, report) => room.report(userId, report));
    this.#receive = options.receive ?? ["audio", "video"];
    this.#info = options.info ?? {};
    this.#streams = options.stream ? [options.stream] : [];
    for (const track of options.stream?.getTracks() ?? []) this.#tracks.set(track.kind, track);
    this.#stops = [
      room.on("ice", (shape) => this.#served(shape)),
      room.on("verdict", (about) => this.#judged(about)),
      room.on("joined", ({ members, again, outcome }) => this.#joined(members, again, outcome)),
      room.on("member-joined", (userId) => this.#memberJoined(userId)),
      room.on("member-left", (userId, reason) => this.#memberLeft(userId, reason)),
      room.on("member-away", (userId) => this.#memberAway(userId)),
      room.on("member-back", (userId) => this.#memberBack(userId)),
      room.on("message", (body) => this.#message(body)),
      room.on("ended", () => this.#dropAll("ended")),
    ];
  }

  /**
   * Hang up everywhere, leave the room and stop.
   * @returns {Promise<void>} as that of the room's `leave`
   */
  leave() {
    if (this.#room.joined) this.#room.send(null, { msgType: MESSAGE.hangup }).catch(() => {});
    const told = this.#room.leave();
    this.#dropAll("left");
    for (const stop of this.#stops.splice(0)) stop();
    return told;
  }

  /**
   * Send everyone another track from now on. To disable a track for a moment, set its `enabled` to false instead:
   * neither needs a negotiation.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track null sends nothing of that kind
   */
  async replaceTrack(kind, track) {
    if (track === null) this.#tracks.delete(kind);
    else this.#tracks.set(kind, track);
    await Promise.all([...this.peers.values()].map(async (peer) => {
      // Rejected by a connection that is closed by now; the next one starts with the new track.
      const replaced = await peer.replaceTrack(kind, track).catch(() => true);
      if (!replaced && track !== null) peer.connection?.addTrack(track, ...this.#streams);
    }));
  }

  /**
   * Tell everyone something about us, now and when they join: a name, whether the microphone is on...
   * @param {Info} info
   */
  setInfo(info) {
    this.#info = info;
    if (this.#room.canSend) this.#room.send(null, { msgType: MESSAGE.info, info }).catch(() => {});
  }

  /**
   * Use these ICE servers from now on, whatever the server gives. Working calls are untouched, and use them from their next restart on.
   * @param {RTCIceServer[]} servers
   */
  setIceServers(servers) {
    this.#servers.choose(servers);
    this.#applyServers();
  }

  /** @param {object} shape that the server has given us */
  #served(shape) {
    if (this.#servers.take(shape)) this.#applyServers();
  }

  /** @param {{peer: string, verdict: string, side?: string | null, why?: string}} about */
  #judged({ peer, verdict, side = null, why = "" }) {
    this.peers.get(peer)?.judged(verdict === "connected" ? null : { verdict, side, why });
  }

  #applyServers() {
    for (const peer of this.peers.values()) {
      try {
        if (peer.connection !== null) this.#servers.applyTo(peer.connection);
      } catch (error) {
        this.fire("debug", peer, "bad-ice-servers", { error });
      }
    }
  }

  /**
   * @param {string[]} members
   * @param {boolean} again
   * @param {Outcome | null} outcome
   */
  #joined(members, again, outcome) {
    if (again && outcome === "resumed") {
      for (const peer of this.peers.values()) peer.resumed();
      return;
    }
    // The server has waited in vain, and the others have been told that we left.
    if (again && outcome === "joined") this.#dropAll("lost");
    const present = new Set(members);
    for (const userId of [...this.peers.keys()]) {
      if (!present.has(userId)) this.#memberLeft(userId, "disconnect");
    }
    for (const userId of members) {
      const peer = this.peers.get(userId);
      if (peer === undefined) this.#add(userId).start();
      else if (again && this.#room.away.has(userId)) this.#unsure.add(peer);
      else if (again) this.#returned(peer, true);
    }
    for (const userId of this.#room.away) this.#memberAway(userId);
  }

  /** @param {string} userId */
  #memberJoined(userId) {
    const peer = this.peers.get(userId);
    if (peer === undefined) this.#add(userId).expectOffer();
    else this.#returned(peer, false);
  }

  /**
   * @param {Peer} peer
   * @param {boolean} ours true if it was we
   */
  #returned(peer, ours) {
    this.#isBack(peer);
    peer.returned(ours);
  }

  /** @param {string} userId */
  #memberBack(userId) {
    const peer = this.peers.get(userId);
    if (peer === undefined) return;
    this.#isBack(peer);
    if (this.#unsure.delete(peer)) peer.returned(true);
    else peer.resumed();
  }

  /** @param {Peer} peer */
  #isBack(peer) {
    if (!this.#away.has(peer)) return;
    this.#forgetAway(peer);
    this.fire("peer-back", peer);
  }

  /** @param {string} userId */
  #memberAway(userId) {
    const peer = this.peers.get(userId);
    if (peer !== undefined) this.#isAway(peer, "timeout", true).timer.clear();
  }

  /**
   * @param {Peer} peer
   * @param {string} reason
   * @param {boolean} isWaitedFor
   */
  #isAway(peer, reason, isWaitedFor) {
    const before = this.#away.get(peer);
    const away = before ?? { timer: new Timer(this.#clock), since: this.#clock.now(), isWaitedFor, reason };
    Object.assign(away, { isWaitedFor, reason });
    this.#away.set(peer, away);
    if (before === undefined) this.fire("peer-away", peer);
    return away;
  }

  /**
   * @param {string} userId
   * @param {string} reason
   */
  #memberLeft(userId, reason) {
    const peer = this.peers.get(userId);
    if (peer === undefined) return;
    const before = this.#away.get(peer);
    if (!LOST.has(reason) || peer.state !== "connected") {
      this.#drop(peer, reason);
    } else if (before === undefined || before.isWaitedFor) {
      const { timer, since } = this.#isAway(peer, reason, false);
      timer.set(AWAY_AT_MOST - (this.#clock.now() - since), () => this.#drop(peer, reason));
    }
  }

  /** @param {Peer} peer the server may not know yet that its connection works */
  #works(peer) {
    if (peer.state === "connected" && !LASTING.has(peer.verdict?.verdict ?? "")) peer.judged(null);
  }

  /**
   * Media of a member whose signalling is lost have stopped: it is not likely to return any more.
   * @param {Peer} peer
   */
  #stateChanged(peer) {
    if (peer.state === "connected") this.#clock.setTimeout(() => this.#works(peer), WORKS_AFTER);
    const away = this.#away.get(peer);
    if (away === undefined || away.isWaitedFor || peer.state === "connected") return;
    away.timer.set(AWAY_AND_SILENT, () => this.#drop(peer, away.reason));
  }

  /** @param {Message} body */
  #message(body) {
    const peer = this.peers.get(body.userId);
    if (body.msgType === MESSAGE.hangup) {
      if (peer !== undefined) this.#drop(peer, "hangup");
    } else if (peer !== undefined) {
      peer.receive(body);
    } else if (body.msgType === MESSAGE.offer) {
      this.#add(body.userId).receive(body);
    }
  }

  /** @param {string} userId */
  #add(userId) {
    // Compared by code units, in no one's alphabet: the two ends must come to opposite results.
    const polite = this.#room.userId > userId;
    const peer = new Peer(userId, polite, {
      clock: this.#clock,
      newConnection: this.#newConnection,
      addMedia: (pc, starting) => this.#addMedia(pc, starting),
      send: (body) => this.#room.send(userId, body),
      reachable: () => this.#room.canSend && this.#room.members.has(userId),
      present: () => this.#room.joined && this.#room.members.has(userId) && !this.#room.away.has(userId),
      info: () => this.#info,
      refresh: () => this.#servers.refresh(),
    });
    this.peers.set(userId, peer);
    peer.on("state", () => this.#stateChanged(peer));
    peer.on("debug", (decision, details) => this.fire("debug", peer, decision, details));
    this.#reports.watch(peer);
    this.fire("peer", peer);
    return peer;
  }

  /**
   * The end that answers adds its tracks between the two descriptions, so that one round is enough.
   * @param {RTCPeerConnection} pc
   * @param {boolean} starting
   */
  #addMedia(pc, starting) {
    const sent = new Set(pc.getSenders().map((sender) => sender.track));
    for (const track of this.#tracks.values()) {
      if (!sent.has(track)) pc.addTrack(track, ...this.#streams);
    }
    if (!starting) return;
    for (const kind of this.#receive) {
      if (!this.#tracks.has(kind)) pc.addTransceiver(kind, { direction: "recvonly" });
    }
  }

  /** @param {Peer} peer */
  #forgetAway(peer) {
    this.#away.get(peer)?.timer.clear();
    this.#away.delete(peer);
  }

  /**
   * @param {Peer} peer
   * @param {string} reason
   */
  #drop(peer, reason) {
    this.#forgetAway(peer);
    this.peers.delete(peer.userId);
    peer.close();
    this.fire("peer-left", peer, reason);
  }

  /** @param {string} reason */
  #dropAll(reason) {
    for (const peer of [...this.peers.values()]) this.#drop(peer, reason);
  }
}
