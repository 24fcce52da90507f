/** A stage for tests: a clock, a server, a world of connections, and pages that call each other. */

import { pathToFileURL } from "node:url";

import { FakeClock } from "./clock.mjs";
import { FakeServer } from "./server.mjs";
import { World } from "./webrtc.mjs";

/** The modules under test; their folder is handed in because Node has to be told that they are ES modules. */
export const modules = await import(pathToFileURL(`${process.env.RTCSIGNAL_MODULES}/rtcsignal.js`));

const nobody = { addEventListener() {}, removeEventListener() {} };

export class Stage {
  constructor(seed = 1, Server = FakeServer) {
    this.clock = new FakeClock(seed);
    this.server = new Server(this.clock);
    this.world = new World(this.clock);
    this.pages = new Map();
  }

  socket(options = {}) {
    const { WebSocket } = this.server;
    const ours = { clock: this.clock, WebSocket, network: nobody };
    return new modules.Socket("https://calls.example.org/room", { ...ours, ...options });
  }

  /** A page in the room, with a microphone and a camera. */
  page(userId, options = {}) {
    const socket = this.socket();
    const room = new modules.Room(socket, { roomName: "kitchen", userId });
    const tracks = [{ kind: "audio" }, { kind: "video" }];
    const mesh = new modules.Mesh(room, {
      clock: this.clock,
      RTCPeerConnection: this.world.page(userId),
      stream: { getTracks: () => tracks },
      info: { name: userId.toUpperCase() },
      ...options,
    });
    const page = { userId, socket, room, mesh, events: [], debug: [] };
    mesh.on("peer", (peer) => page.events.push(`+${peer.userId}`));
    mesh.on("peer-left", (peer, reason) => page.events.push(`-${peer.userId} ${reason}`));
    mesh.on("peer-away", (peer) => page.events.push(`?${peer.userId}`));
    mesh.on("peer-back", (peer) => page.events.push(`!${peer.userId}`));
    mesh.on("debug", (peer, decision) => page.debug.push({ at: this.clock.now(), peer: peer.userId, decision }));
    this.pages.set(userId, page);
    room.join();
    return page;
  }

  /** Close a page the way a browser does when it dies: nothing is said. */
  async crash(userId) {
    const page = this.pages.get(userId);
    this.pages.delete(userId);
    for (const pc of this.world.open(userId)) pc.close();
    this.server.cut(userId);
    page.socket.close();
    page.mesh.leave();
  }

  /** The states of all pairs, like {"a>b": "connected"}. */
  states() {
    const states = {};
    for (const { userId, mesh } of this.pages.values()) {
      for (const peer of mesh.peers.values()) states[`${userId}>${peer.userId}`] = peer.state;
    }
    return states;
  }

  /** What keeps the pages from being one whole call; empty if nothing does. */
  faults() {
    const found = [];
    for (const { userId, mesh } of this.pages.values()) {
      for (const other of this.pages.keys()) {
        if (other === userId) continue;
        const peer = mesh.peers.get(other);
        const state = peer === undefined ? "missing" : `${peer.state}/${peer.connection?.signalingState}`;
        if (state !== "connected/stable") found.push(`${userId}>${other} ${state}`);
      }
      if (mesh.peers.size > this.pages.size - 1) found.push(`${userId} sees ${[...mesh.peers.keys()]}`);
    }
    return found;
  }

  sent(kind, from = undefined) {
    const messages = this.server.log.filter(({ name, body }) => name === "broadcast" && body.msgType === kind);
    return messages.filter((entry) => from === undefined || entry.from === from).map(({ body }) => body);
  }
}
