/**
 * A call in which everyone in a room is connected with everyone else.
 * @module mesh
 */

import { Emitter, systemClock, Timer } from "./ground.js";
import { MESSAGE } from "./messages.js";
import { Peer } from "./peer.js";
import { LOST } from "./room.js";

/** A member whose signalling is lost stays in the call this long while the media flow; it may well come back. */
const AWAY_AT_MOST = 60000;
/** ... and this long once they do not. */
const AWAY_AND_SILENT = 3000;

/**
 * Only the newcomer starts: it offers to everyone listed in the answer to its join, the others wait for that.
 *
 * Events:
 * - `peer` (Peer): another member is in the call; listen to its events for tracks, state and info
 * - `peer-away` (Peer) / `peer-back` (Peer): the member's signalling is lost, or there again; the call goes on
 * - `peer-left` (Peer, reason): reason as in user-left, or "hangup"
 * - `debug` (Peer | null, decision, details)
 */
export class Mesh extends Emitter {
  #room;
  #clock;
  #newConnection;
  #rtc;
  #receive;
  #streams;
  #tracks = new Map();
  #info;
  #away = new Map();
  #stops;

  /** The others by userId. @type {Map<string, Peer>} */
  peers = new Map();

  /**
   * @param {import("./room.js").Room} room make the mesh before `room.join()`
   * @param {object} [options]
   * @param {MediaStream} [options.stream] what is sent: at most one audio and one video track
   * @param {string[]} [options.receive] kinds to receive although we send none
   * @param {object} [options.info] what the others are told about us, such as `{name: "Alice"}`
   * @param {RTCConfiguration} [options.rtc]
   * @param {typeof RTCPeerConnection} [options.RTCPeerConnection]
   * @param {import("./ground.js").Clock} [options.clock]
   */
  constructor(room, options = {}) {
    super();
    this.#room = room;
    this.#clock = options.clock ?? systemClock;
    const Connection = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    this.#rtc = options.rtc ?? {};
    this.#newConnection = () => new Connection(this.#rtc);
    this.#receive = options.receive ?? ["audio", "video"];
    this.#info = options.info ?? {};
    this.#streams = options.stream ? [options.stream] : [];
    for (const track of options.stream?.getTracks() ?? []) this.#tracks.set(track.kind, track);
    this.#stops = [
      room.on("joined", ({ members, again, ack }) => this.#joined(members, again, ack)),
      room.on("member-joined", (userId) => this.#memberJoined(userId)),
      room.on("member-left", (userId, reason) => this.#memberLeft(userId, reason)),
      room.on("message", (body) => this.#message(body)),
      room.on("ended", () => this.#dropAll("ended")),
    ];
  }

  /** Hang up everywhere, leave the room and stop. */
  leave() {
    if (this.#room.joined) this.#room.send(null, { msgType: MESSAGE.hangup }).catch(() => {});
    this.#room.leave();
    this.#dropAll("left");
    for (const stop of this.#stops.splice(0)) stop();
  }

  /**
   * Send another track from now on, to everyone; null sends nothing of that kind. To disable a track for a moment
   * set its `enabled` to false instead: neither needs a negotiation.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
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
   * @param {object} info
   */
  setInfo(info) {
    this.#info = info;
    if (this.#room.joined) this.#room.send(null, { msgType: MESSAGE.info, info }).catch(() => {});
  }

  /**
   * Use other ICE servers from now on. Working calls are untouched and take them at their next restart.
   * @param {RTCIceServer[]} servers
   */
  setIceServers(servers) {
    this.#rtc = { ...this.#rtc, iceServers: servers };
    for (const peer of this.peers.values()) peer.setIceServers(servers);
  }

  #joined(members, again, ack) {
    const present = new Set(members);
    // A server that keeps places tells whether ours was; if it was not, the others have closed their ends.
    if (ack.resumed === false) this.#dropAll("lost");
    for (const userId of [...this.peers.keys()]) {
      if (!present.has(userId)) this.#memberLeft(userId, "disconnect");
    }
    for (const userId of members) {
      if (!this.peers.has(userId)) this.#add(userId).start();
      else if (again) this.#returned(userId, true);
    }
  }

  #memberJoined(userId) {
    if (this.peers.has(userId)) this.#returned(userId, false);
    else this.#add(userId).expectOffer();
  }

  #returned(userId, ours) {
    const peer = this.peers.get(userId);
    if (this.#away.has(peer)) {
      this.#forgetAway(peer);
      this.fire("peer-back", peer);
    }
    peer.returned(ours);
  }

  #memberLeft(userId, reason) {
    const peer = this.peers.get(userId);
    if (peer === undefined) return;
    if (!LOST.has(reason) || peer.state !== "connected") {
      this.#drop(peer, reason);
    } else if (!this.#away.has(peer)) {
      const timer = new Timer(this.#clock);
      timer.set(AWAY_AT_MOST, () => this.#drop(peer, reason));
      this.#away.set(peer, { timer, reason });
      this.fire("peer-away", peer);
    }
  }

  /** Media of a member whose signalling is lost stopped: nothing speaks for a return any more. */
  #stateChanged(peer) {
    const away = this.#away.get(peer);
    if (away === undefined || peer.state === "connected") return;
    away.timer.set(AWAY_AND_SILENT, () => this.#drop(peer, away.reason));
  }

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

  #add(userId) {
    // Code units, not the reader's alphabet: both ends must come to opposite results.
    const polite = this.#room.userId > userId;
    const peer = new Peer(userId, polite, {
      clock: this.#clock,
      newConnection: this.#newConnection,
      addMedia: (pc, starting) => this.#addMedia(pc, starting),
      send: (body) => this.#room.send(userId, body),
      reachable: () => this.#room.joined && this.#room.members.has(userId),
      info: () => this.#info,
    });
    this.peers.set(userId, peer);
    peer.on("state", () => this.#stateChanged(peer));
    peer.on("debug", (decision, details) => this.fire("debug", peer, decision, details));
    this.fire("peer", peer);
    return peer;
  }

  /** The one who answers adds its tracks between the two descriptions, so that one round is enough. */
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

  #forgetAway(peer) {
    this.#away.get(peer)?.timer.clear();
    this.#away.delete(peer);
  }

  #drop(peer, reason) {
    this.#forgetAway(peer);
    this.peers.delete(peer.userId);
    peer.close();
    this.fire("peer-left", peer, reason);
  }

  #dropAll(reason) {
    for (const peer of [...this.peers.values()]) this.#drop(peer, reason);
  }
}
