/**
 * One call of the page: the mesh, a tile for everyone, and words for what happens.
 * @module call
 */

import { Emitter } from "./ground.js";
import { Pulse } from "./pulse.js";
import { Mesh, randomId, Room, Socket, StatsReader } from "./rtcsignal.js";
import { Tile } from "./stage.js";
import { figuresOf, howTheyWent, PEER_STATES, whoIsHere, whyRefused } from "./words.js";

const FIGURES_EVERY = 2000;
const LOUDNESS_EVERY = 200;
const LOUD = 0.02;
/** A name that has not come by then is not waited for before others are told of its owner. */
const NAME_WITHIN = 1500;
/** What all our pictures together may take, in bits per second: a mesh sends one to each. */
const PICTURES = 3e6;
const PICTURE_AT_MOST = 1.2e6;

/**
 * Events:
 * - `status` (text, tone): what is going on, in one line; tone "calm", "good", "busy" or "bad"
 * - `news` (text): something that just happened
 * - `held` (): the browser plays no sound before the user clicks
 * - `ended` (words): the server has refused or removed us; words say why
 */
export class Call extends Emitter {
  #media;
  #stage;
  #name;
  #ownTile;
  #tiles = new Map();
  #tries = 0;
  #stops = [];
  #present = new Set();
  #sent;
  #figures = new Pulse(FIGURES_EVERY, () => this.#readFigures());
  #loudness = new Pulse(LOUDNESS_EVERY, () => this.#listen());

  /**
   * @param {object} options
   * @param {string} options.roomName
   * @param {string} options.name ours
   * @param {import("./media.js").OwnMedia} options.media
   * @param {import("./stage.js").Stage} options.stage
   * @param {Tile} options.ownTile
   */
  constructor({ roomName, name, media, stage, ownTile }) {
    super();
    this.#media = media;
    this.#stage = stage;
    this.#name = name;
    this.#ownTile = ownTile;
    this.#sent = { audio: media.microphone, video: media.picture };
    this.socket = new Socket(location.href);
    this.room = new Room(this.socket, { roomName, userId: randomId() });
    // Before the mesh learns of the same members and shows them.
    this.room.on("joined", ({ members, again }) => this.#arrived(members, again));
    this.mesh = new Mesh(this.room, { stream: media.stream, info: this.#info() });
  }

  /** Go in. */
  start() {
    const { socket, room, mesh } = this;
    socket.on("retry", () => this.#retried());
    room.on("joined", () => this.#review());
    room.on("away", () => this.#review());
    room.on("ended", (error) => this.#ended(error));
    mesh.on("peer", (peer) => this.#enter(peer));
    mesh.on("peer-left", (peer, reason) => this.#exit(peer, reason));
    mesh.on("peer-away", (peer) => this.#show(peer, "away"));
    mesh.on("peer-back", (peer) => this.#show(peer, peer.state));
    this.#stops = [
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
    this.mesh.leave();
    this.socket.close();
    for (const stop of this.#stops.splice(0)) stop();
    this.#stage.remove(this.#ownTile);
  }

  /** After a click: play what the browser held back. */
  play() {
    for (const { tile } of this.#tiles.values()) tile.play();
  }

  /** @param {boolean} shown only then they are read: the browser has to gather hundreds of numbers for them */
  showFigures(shown) {
    if (shown) this.#figures.start();
    else this.#figures.stop();
  }

  #info() {
    return { name: this.#name, audio: this.#media.hasSound, video: this.#media.hasPicture };
  }

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

  #ended(error) {
    this.leave();
    this.fire("ended", whyRefused(error));
  }

  #mediaChanged() {
    const now = { audio: this.#media.microphone, video: this.#media.picture };
    for (const kind of ["audio", "video"]) {
      if (now[kind] !== this.#sent[kind]) this.mesh.replaceTrack(kind, now[kind]);
    }
    this.#sent = now;
    this.mesh.setInfo(this.#info());
  }

  #enter(peer) {
    const tile = new Tile({ id: peer.userId, onRetry: () => peer.retry() });
    const timer = setTimeout(() => this.#announce(peer), NAME_WITHIN);
    // Those who were there before us are in the line of those present; only newcomers are news.
    const announced = this.#present.delete(peer.userId);
    this.#tiles.set(peer, { tile, timer, announced, reader: new StatsReader() });
    this.#learn(peer, peer.info);
    peer.on("info", (info) => this.#learn(peer, info));
    peer.on("state", (state) => this.#show(peer, state));
    peer.on("tracks", (tracks) => this.#hear(peer, tracks));
    this.#show(peer, peer.state);
    this.#stage.add(tile);
  }

  #exit(peer, reason) {
    const { tile, timer } = this.#tiles.get(peer);
    clearTimeout(timer);
    this.#tiles.delete(peer);
    this.#stage.remove(tile);
    if (reason === "ended") return;
    this.fire("news", howTheyWent(nameOf(peer), reason));
    this.#review();
  }

  #learn(peer, info) {
    const { tile } = this.#tiles.get(peer);
    tile.setName(nameOf(peer));
    tile.setSound(info.audio !== false);
    tile.setPicture(info.video !== false && peer.tracks.has("video"));
    if (nameOf(peer) !== "") this.#announce(peer);
    this.#review();
  }

  #announce(peer) {
    const entry = this.#tiles.get(peer);
    clearTimeout(entry.timer);
    if (!entry.announced) this.fire("news", `${nameOf(peer) || "Someone"} joined.`);
    entry.announced = true;
  }

  #show(peer, state) {
    const entry = this.#tiles.get(peer);
    if (entry === undefined) return;
    entry.tile.setState(state, ...(PEER_STATES[state] ?? [state, ""]));
    if (state === "connected") this.#shareUplink();
    this.#review();
  }

  #hear(peer, tracks) {
    const entry = this.#tiles.get(peer);
    if (entry === undefined) return;
    entry.tile.setTracks(tracks.values());
    entry.tile.setPicture(peer.info.video !== false && tracks.has("video"));
    entry.tile.play().then((plays) => {
      if (!plays) this.fire("held");
    });
  }

  /** A mesh sends each picture once per member: the more members, the smaller and slower each. */
  #shareUplink() {
    const count = this.#tiles.size;
    const maxBitrate = Math.round(Math.min(PICTURE_AT_MOST, PICTURES / count));
    const scaleResolutionDownBy = count <= 2 ? 1 : count <= 4 ? 1.5 : 2;
    const maxFramerate = count <= 4 ? 30 : 15;
    for (const peer of this.#tiles.keys()) {
      const sender = peer.connection?.getSenders().find(({ track }) => track?.kind === "video");
      const parameters = sender?.getParameters();
      if (!parameters?.encodings?.length) continue;
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
    if (peers.every(({ state }) => state === "failed")) return ["Could not connect to the others", "bad"];
    return [`Connecting to ${nameOf(peers[0]) || "the others"}…`, "busy"];
  }
}

/** Others may send anything as their name. */
function nameOf({ info }) {
  return typeof info.name === "string" ? info.name.trim().slice(0, 40) : "";
}
