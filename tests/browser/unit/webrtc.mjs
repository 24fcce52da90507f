/**
 * RTCPeerConnections of a world in memory. They keep the rules that the modules rely on: the signalling states,
 * implicit rollback, when negotiationneeded fires, that operations of a closed connection never settle, that a
 * description with another fingerprint is refused, and how ICE connects, is interrupted, fails and restarts.
 */

let ids = 0;
const freshId = (prefix) => `${prefix}${++ids}`;

export class World {
  clock;
  all = new Map();
  /** Pairs whose path is cut: media between them stop. Asked with two names. */
  blocked = () => false;
  /** Connections whose DTLS fails although ICE works. */
  tampered = () => false;

  constructor(clock) {
    this.clock = clock;
  }

  /** An RTCPeerConnection class of one page. */
  page(name) {
    const world = this;
    return class extends FakeConnection {
      constructor(configuration) {
        super(world, name, configuration);
      }
    };
  }

  /** Connections of a page that are not closed. */
  open(name) {
    return [...this.all.values()].filter((pc) => pc.page === name && pc.signalingState !== "closed");
  }

  review() {
    for (const pc of this.all.values()) pc.review();
  }
}

class FakeConnection {
  signalingState = "stable";
  connectionState = "new";
  iceConnectionState = "new";
  localDescription = null;
  remoteDescription = null;
  fingerprint = freshId("fp");
  ufrag = null;
  remote = null;
  known = new Set();
  candidates = [];
  /** How many remote descriptions were set. */
  applied = 0;
  #failedWith = null;
  #world;
  #configuration;
  #transceivers = [];
  #chain = Promise.resolve();
  #negotiated = new Set();
  #restart = false;
  #announced = false;
  #stable = null;
  #timer = null;
  #interruption = null;

  constructor(world, page, configuration) {
    this.#world = world;
    this.#configuration = configuration ?? {};
    this.page = page;
    world.all.set(this.fingerprint, this);
  }

  getConfiguration() {
    return { ...this.#configuration };
  }

  setConfiguration(configuration) {
    this.#configuration = configuration;
  }

  getSenders() {
    return this.#transceivers.map(({ sender }) => sender);
  }

  getTransceivers() {
    return this.#transceivers;
  }

  addTrack(track) {
    const free = this.#transceivers.find(({ receiver, sender }) => receiver.track.kind === track.kind && !sender.track);
    const transceiver = free ?? this.#transceiver(track.kind);
    transceiver.direction = "sendrecv";
    transceiver.sender.track = track;
    this.#need();
  }

  addTransceiver(kind, { direction }) {
    this.#transceiver(kind).direction = direction;
    this.#need();
  }

  restartIce() {
    this.#restart = true;
    this.#need();
  }

  setLocalDescription() {
    return this.#operation(() => {
      const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
      this.#remember();
      const asked = type === "offer" ? this.#restart : this.#stable.remote?.ufrag !== this.remote.ufrag;
      if (this.ufrag === null || asked) {
        this.ufrag = freshId("u");
        this.candidates = [];
        this.#restart = false;
        this.#gather(this.ufrag);
      }
      this.kinds = this.#transceivers.map(({ receiver }) => receiver.track.kind);
      this.localDescription = this.#describe(type);
      this.#enter(type === "offer" ? "have-local-offer" : "stable");
    });
  }

  setRemoteDescription({ type, sdp }) {
    return this.#operation(() => {
      const description = JSON.parse(sdp);
      if (type === "answer" && this.signalingState !== "have-local-offer") throw new Error("InvalidStateError");
      const known = this.remote?.fingerprint ?? description.fingerprint;
      if (description.fingerprint !== known) throw new Error("InvalidAccessError");
      if (type === "offer" && this.signalingState === "have-local-offer") this.#rollBack();
      this.#remember();
      this.applied += 1;
      this.remoteDescription = { type, sdp };
      this.remote = description;
      for (const candidate of description.candidates) this.known.add(candidate);
      for (const kind of description.kinds) this.#receive(kind);
      this.#enter(type === "offer" ? "have-remote-offer" : "stable");
    });
  }

  addIceCandidate({ candidate }) {
    return this.#operation(() => {
      if (this.remoteDescription === null) throw new Error("InvalidStateError");
      if (candidate !== "") this.known.add(candidate);
      this.#world.review();
    });
  }

  close() {
    this.signalingState = "closed";
    this.connectionState = "closed";
    this.iceConnectionState = "closed";
    this.#world.clock.clearTimeout(this.#timer);
    this.#world.review();
  }

  /** Look whether the path to the other end works, and change states as ICE and DTLS would, after some time. */
  review() {
    if (this.signalingState === "closed") return;
    const other = this.#world.all.get(this.remote?.fingerprint);
    const open = other !== undefined && other.signalingState !== "closed";
    const known = open && other.remote?.fingerprint === this.fingerprint;
    const path = known && !this.#world.blocked(this.page, other.page) && !this.#world.blocked(other.page, this.page);
    if (path && (this.connectionState === "connected" || this.#agrees(other))) this.#soon("up");
    else if (["connected", "disconnected"].includes(this.connectionState) && !path) this.#soon("down");
  }

  #agrees(other) {
    if (this.#failedWith !== null && this.#failedWith === this.ufrag) return false;
    const same = this.remote.ufrag === other.ufrag && other.remote.ufrag === this.ufrag;
    const reached = (a, b) => [...a.known].some((candidate) => candidate.startsWith(`${b.ufrag}-`));
    return same && (reached(this, other) || reached(other, this));
  }

  #soon(what) {
    if (this.#interruption === what) return;
    this.#interruption = what;
    this.#world.clock.clearTimeout(this.#timer);
    this.#timer = this.#world.clock.setTimeout(() => this.#step(what), what === "up" ? 40 : 5000);
  }

  #step(what) {
    if (what === "up") {
      this.#become("connected", this.#world.tampered(this) ? "failed" : "connected");
    } else if (this.connectionState === "connected") {
      this.#become("disconnected", "disconnected");
      this.#timer = this.#world.clock.setTimeout(() => this.#step(what), 10000);
    } else {
      this.#failedWith = this.ufrag;
      this.#become("failed", "failed");
    }
  }

  #become(ice, connection) {
    if (this.signalingState === "closed") return;
    this.iceConnectionState = ice;
    this.oniceconnectionstatechange?.();
    if (this.signalingState === "closed") return;
    this.connectionState = connection;
    this.onconnectionstatechange?.();
  }

  #transceiver(kind) {
    const sender = { track: null, replaceTrack: null };
    const transceiver = { sender, receiver: { track: { kind } }, direction: "recvonly" };
    transceiver.sender.replaceTrack = async (track) => {
      transceiver.sender.track = track;
    };
    this.#transceivers.push(transceiver);
    return transceiver;
  }

  #receive(kind) {
    if (!this.#transceivers.some(({ receiver }) => receiver.track.kind === kind)) this.#transceiver(kind);
    this.#world.clock.setTimeout(() => this.ontrack?.({ track: { kind } }), 0);
  }

  #operation(step) {
    const run = this.#chain.then(() => new Promise((resolve, reject) => {
      this.#world.clock.setTimeout(() => {
        if (this.signalingState === "closed") return;
        try {
          resolve(step());
        } catch (error) {
          reject(error);
        }
      }, 1);
    }));
    this.#chain = run.catch(() => {});
    return run;
  }

  #remember() {
    if (this.signalingState !== "stable") return;
    const { ufrag, candidates, remote, localDescription: local } = this;
    this.#stable = { ufrag, candidates, remote, local };
  }

  #rollBack() {
    this.ufrag = this.#stable.ufrag;
    this.candidates = this.#stable.candidates;
    this.localDescription = this.#stable.local;
    this.#restart = this.#stable.ufrag !== null;
  }

  #enter(state) {
    const before = this.signalingState;
    this.signalingState = state;
    if (state === "stable") this.#negotiated = new Set(this.#sent());
    if (state !== before) this.onsignalingstatechange?.();
    this.#announced = false;
    this.#need();
    this.#world.review();
  }

  #sent() {
    return this.#transceivers.filter(({ sender }) => sender.track !== null).map(({ sender }) => sender.track);
  }

  #needed() {
    const unknown = this.#transceivers.length > 0 && this.ufrag === null;
    return this.#restart || unknown || this.#sent().some((track) => !this.#negotiated.has(track));
  }

  #need() {
    if (this.#announced || this.signalingState !== "stable" || !this.#needed()) return;
    this.#announced = true;
    this.#world.clock.setTimeout(() => {
      this.#announced = false;
      if (this.signalingState === "stable" && this.#needed()) this.onnegotiationneeded?.();
    }, 0);
  }

  #describe(type) {
    const connection = this;
    return {
      type,
      get sdp() {
        const { fingerprint, ufrag, candidates, kinds } = connection;
        return JSON.stringify({ fingerprint, ufrag, candidates, kinds });
      },
    };
  }

  #gather(ufrag) {
    const { clock } = this.#world;
    [20, 40, 60].forEach((ms, index) => clock.setTimeout(() => {
      if (this.signalingState === "closed" || this.ufrag !== ufrag) return;
      const candidate = index < 2 ? `${ufrag}-${index}` : "";
      if (candidate !== "") this.candidates.push(candidate);
      this.onicecandidate?.({ candidate: { candidate, sdpMid: "0", sdpMLineIndex: 0 } });
    }, ms));
  }
}
