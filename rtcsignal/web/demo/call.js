/**
 * One call of the page: the mesh, a tile for everyone, and words for what happens.
 * @module call
 */

import { Emitter } from "./ground.js";
import { Pulse } from "./pulse.js";
import { Mesh, randomId, Room, Socket, StatsReader } from "./rtcsignal.js";
import { Tile } from "./stage.js";
import { figuresOf, howTheyWent, PEER_STATES, whoIsHere, whyNoCall, whyRefused } from "./words.js";

/** @import { SignalingError } from "./ground.js" */
/** @import { OwnMedia } from "./media.js" */
/** @import { Info } from "./messages.js" */
/** @import { Peer, PeerState, Tracks } from "./peer.js" */
/** @import { Stage } from "./stage.js" */
/** @import { TabKey } from "./tab.js" */

const FIGURES_EVERY = 2000;
const LOUDNESS_EVERY = 200;
const LOUD = 0.02;
const KINDS = /** @type {const} */ (["audio", "video"]);
/** If the name of someone who joins has not come by then, their joining is reported without it. */
const NAME_WITHIN = 1500;
/** What all our pictures together may take, in bits per second: a mesh sends one to each member. */
const PICTURES = 3e6;
const PICTURE_AT_MOST = 1.2e6;

/** @typedef {"calm" | "good" | "busy" | "bad"} Tone */

/**
 * @typedef {object} CallEvents
 * @property {[text: string, tone: Tone]} status what is going on, in one line
 * @property {[text: string]} news something that has just happened
 * @property {[]} held the browser plays no sound before the user clicks
 * @property {[words: string]} ended the server has refused or removed us; words say why
 */

/**
 * What is shown of a peer; `announced` once people know that it is here.
 * @typedef {{tile: Tile, timer: number, announced: boolean, reader: StatsReader}} Entry
 */

/**
 * A call, from joining the room to hanging up.
 * @extends {Emitter<CallEvents>}
 */
export class Call extends Emitter {
  #media;
  #stage;
  #name;
  #ownTile;
  /** @type {Map<Peer, Entry>} */
  #tiles = new Map();
  #tries = 0;
  /** @type {(() => void)[]} */
  #stops = [];
  /** Those who were in the room before us. @type {Set<string>} */
  #present = new Set();
  #sent;
  #figures = new Pulse(FIGURES_EVERY, () => this.#readFigures());
  #loudness = new Pulse(LOUDNESS_EVERY, () => this.#listen());

  /**
   * @param {object} options
   * @param {string} options.roomName
   * @param {string} options.name ours
   * @param {OwnMedia} options.media
   * @param {Stage} options.stage
   * @param {Tile} options.ownTile
   * @param {TabKey} options.tabKey
   */
  constructor({ roomName, name, media, stage, ownTile, tabKey }) {
    super();
    this.#media = media;
    this.#stage = stage;
    this.#name = name;
    this.#ownTile = ownTile;
    this.#sent = { audio: media.microphone, video: media.picture };
    this.socket = new Socket(location.href);
    this.room = new Room(this.socket, { roomName, userId: randomId(), replaces: tabKey.earlier });
    tabKey.keep(this.room.key);
    // Before the mesh learns of the same members and shows them.
    this.room.on("joined", ({ members, again }) => this.#arrived(members, again));
    this.mesh = new Mesh(this.room, { stream: media.stream, info: this.#info() });
  }

  /** Go in. */
  start() {
    const { socket, room, mesh } = this;
    room.on("joined", () => this.#review());
    room.on("away", () => this.#review());
    room.on("ended", (error) => this.#ended(error));
    mesh.on("peer", (peer) => this.#enter(peer));
    mesh.on("peer-left", (peer, reason) => this.#exit(peer, reason));
    mesh.on("peer-away", (peer) => this.#show(peer, "away"));
    mesh.on("peer-back", (peer) => this.#show(peer, peer.state));
    this.#stops = [
      socket.on("retry", () => this.#retried()),
      this.#media.on("changed", () => this.#mediaChanged()),
      () => this.#figures.stop(),
      () => this.#loudness.stop(),
    ];
    this.#loudness.start();
    this.#stage.add(this.#ownTile);
    room.join();
    this.#review();
  }

  /** Hang up. */
  leave() {
    const told = this.mesh.leave();
    // Otherwise the others would wait for us.
    if (this.socket.connected) this.socket.close();
    else told.then(() => this.socket.close());
    for (const stop of this.#stops.splice(0)) stop();
    this.#stage.remove(this.#ownTile);
  }

  /** After a click: play what the browser held back. */
  play() {
    for (const { tile } of this.#tiles.values()) tile.play();
  }

  /** @param {boolean} shown only then are they read: the browser has to gather hundreds of numbers for them */
  showFigures(shown) {
    if (shown) this.#figures.start();
    else this.#figures.stop();
  }

  #info() {
    return { name: this.#name, audio: this.#media.hasSound, video: this.#media.hasPicture };
  }

  /**
   * @param {string[]} members
   * @param {boolean} again
   */
  #arrived(members, again) {
    this.#tries = 0;
    if (!again) this.#present = new Set(members);
    this.#ownTile.setState("self", "you");
  }

  #retried() {
    this.#tries += 1;
    this.#ownTile.setState("self-away", "you");
    this.#review();
  }

  /** @param {SignalingError} error */
  #ended(error) {
    this.leave();
    this.fire("ended", whyRefused(error));
  }

  #mediaChanged() {
    const now = { audio: this.#media.microphone, video: this.#media.picture };
    for (const kind of KINDS) {
      if (now[kind] !== this.#sent[kind]) this.mesh.replaceTrack(kind, now[kind]);
    }
    this.#sent = now;
    this.mesh.setInfo(this.#info());
  }

  /** @param {Peer} peer */
  #enter(peer) {
    const tile = new Tile({ id: peer.userId, onRetry: () => peer.retry() });
    const timer = setTimeout(() => this.#announce(peer, entry), NAME_WITHIN);
    // Those who were here before us are named in the status line; only newcomers are news.
    const announced = this.#present.delete(peer.userId);
    const entry = { tile, timer, announced, reader: new StatsReader() };
    this.#tiles.set(peer, entry);
    this.#learn(peer, entry, peer.info);
    peer.on("info", (info) => this.#learn(peer, entry, info));
    peer.on("state", (state) => this.#show(peer, state));
    peer.on("tracks", (tracks) => this.#hear(peer, tracks));
    peer.on("verdict", () => this.#explain(peer, entry));
    this.#show(peer, peer.state);
    this.#stage.add(tile);
  }

  /**
   * @param {Peer} peer
   * @param {string} reason
   */
  #exit(peer, reason) {
    const entry = this.#tiles.get(peer);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#tiles.delete(peer);
    this.#stage.remove(entry.tile);
    if (reason === "ended") return;
    this.fire("news", howTheyWent(nameOf(peer), reason));
    this.#review();
  }

  /**
   * @param {Peer} peer
   * @param {Entry} entry
   * @param {Info} info
   */
  #learn(peer, entry, info) {
    const { tile } = entry;
    tile.setName(nameOf(peer));
    tile.setSound(info.audio !== false);
    tile.setPicture(info.video !== false && peer.tracks.has("video"));
    if (nameOf(peer) !== "") this.#announce(peer, entry);
    this.#explain(peer, entry);
  }

  /**
   * Say why there is no call with someone, or no longer.
   * @param {Peer} peer
   * @param {Entry} entry
   */
  #explain(peer, { tile }) {
    tile.setVerdict(peer.verdict?.verdict ?? "", whyNot(peer));
    this.#review();
  }

  /**
   * @param {Peer} peer
   * @param {Entry} entry
   */
  #announce(peer, entry) {
    clearTimeout(entry.timer);
    if (!entry.announced) this.fire("news", `${nameOf(peer) || "Someone"} joined.`);
    entry.announced = true;
  }

  /**
   * @param {Peer} peer
   * @param {PeerState | "away"} state
   */
  #show(peer, state) {
    const entry = this.#tiles.get(peer);
    if (entry === undefined) return;
    entry.tile.setState(state, ...(PEER_STATES[state] ?? [state, ""]));
    if (state === "connected") this.#shareUplink();
    this.#review();
  }

  /**
   * @param {Peer} peer
   * @param {Tracks} tracks
   */
  #hear(peer, tracks) {
    const entry = this.#tiles.get(peer);
    if (entry === undefined) return;
    entry.tile.setTracks(tracks.values());
    entry.tile.setPicture(peer.info.video !== false && tracks.has("video"));
    entry.tile.play().then((plays) => {
      if (!plays) this.fire("held");
    });
  }

  /** A mesh sends each picture once per member: the more members there are, the smaller and slower each picture is. */
  #shareUplink() {
    const count = this.#tiles.size;
    const maxBitrate = Math.round(Math.min(PICTURE_AT_MOST, PICTURES / count));
    const scaleResolutionDownBy = count <= 2 ? 1 : count <= 4 ? 1.5 : 2;
    const maxFramerate = count <= 4 ? 30 : 15;
    for (const peer of this.#tiles.keys()) {
      const sender = peer.connection?.getSenders().find(({ track }) => track?.kind === "video");
      const parameters = sender?.getParameters();
      if (!sender || !parameters?.encodings?.length) continue;
      Object.assign(parameters.encodings[0], { maxBitrate, maxFramerate, scaleResolutionDownBy });
      // Refused while a negotiation is under way; the next change of a state sets it again.
      sender.setParameters(parameters).catch(() => {});
    }
  }

  async #readFigures() {
    if (document.hidden) return;
    for (const [peer, { tile, reader }] of this.#tiles) {
      const { connection } = peer;
      if (connection !== null) tile.setFigures(figuresOf(await reader.read(connection)));
    }
  }

  #listen() {
    if (document.hidden) return;
    for (const [peer, { tile }] of this.#tiles) {
      // The browser answers only when its audio thread does; the page stands still for that long.
      const receiver = peer.connection?.getReceivers().find(({ track }) => track.kind === "audio");
      const level = receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0;
      tile.setSpeaking(level > LOUD);
    }
  }

  #review() {
    const [text, tone] = this.#situation();
    this.fire("status", text, tone);
  }

  /** @returns {[text: string, tone: Tone]} */
  #situation() {
    const peers = [...this.#tiles.keys()];
    const connected = peers.filter(({ state }) => state === "connected");
    if (!this.room.joined) {
      if (connected.length > 0) return ["Server connection lost. Your call goes on; reconnecting…", "busy"];
      if (this.#tries > 0) return ["The server cannot be reached. Trying again…", "bad"];
      return ["Connecting to the server…", "busy"];
    }
    if (peers.length === 0) return ["Waiting for others", "calm"];
    if (connected.length > 0) return [whoIsHere(connected.map(nameOf)), "good"];
    const why = peers.map(whyNot).find((words) => words !== "");
    if (why !== undefined) return [why, "bad"];
    if (peers.every(({ state }) => state === "failed")) return ["Could not connect to the others", "bad"];
    return [`Connecting to ${nameOf(peers[0]) || "the others"}…`, "busy"];
  }
}

/**
 * Others may send anything as their name.
 * @param {Peer} peer
 */
function nameOf({ info }) {
  return typeof info.name === "string" ? info.name.trim().slice(0, 40) : "";
}

/** @param {Peer} peer @returns {string} why there is no call with them; "" if nothing is known to be wrong */
function whyNot(peer) {
  return peer.verdict === null ? "" : whyNoCall(peer.verdict, peer.userId, nameOf(peer));
}
