/**
 * One pair of a call: our end of the connection with one other member.
 *
 * Every step, a message as well as an own offer, runs in one chain per peer, strictly one after the other. Each
 * RTCPeerConnection has a random id `pc` and each of its offers a number `neg`; both travel with the messages, so that
 * an end which lost its state is noticed. Members that know neither (pages written for the original server) are served
 * without these checks.
 * @module peer
 */

import { Chain, isCut } from "./chain.js";
import { Emitter, randomId } from "./ground.js";
import { Healer } from "./healer.js";
import { CandidateQueue, MESSAGE, sdpOf } from "./messages.js";
import { OfferWatchdog } from "./watchdog.js";

/**
 * What a peer needs from the call it belongs to.
 * @typedef {object} PeerContext
 * @property {import("./ground.js").Clock} clock
 * @property {() => RTCPeerConnection} newConnection
 * @property {(pc: RTCPeerConnection, starting: boolean) => void} addMedia gives a new connection our tracks
 * @property {(body: object) => Promise<number>} send to this member; must write at once
 * @property {() => boolean} reachable both we and the member are in the room
 * @property {() => object} info what members are told about us
 */

/**
 * Events:
 * - `state` (state, before): see `state`
 * - `tracks` (tracks): what is received changed; a Map of kind ("audio", "video") to MediaStreamTrack
 * - `info` (info): what the member tells about itself
 * - `connection` (pc, starting): a new RTCPeerConnection, before anything is sent; the place for data channels
 * - `trouble` (word): repetition does not help: "no-answer" to our offer, or "gave-up" after several new connections
 * - `debug` (decision, details): every decision, for tests and logs
 *
 * `state`: "waiting" (for the member's offer) -> "connecting" -> "connected" -> "interrupted" (healing) -> "connected";
 * "failed": we stopped trying, until `retry`; "closed".
 */
export class Peer extends Emitter {
  #context;
  #polite;
  #pc = null;
  #id = null;
  #neg = 0;
  #remoteId = null;
  #remoteNeg = null;
  #plain = false;
  #ignoring = false;
  #held = null;
  #gaveWay = false;
  #missed = false;
  #wasConnected = false;
  #chain;
  #early = new CandidateQueue();
  #watchdog;
  #healer;

  state = "waiting";
  info = {};
  /** @type {Map<string, MediaStreamTrack>} */
  tracks = new Map();

  /**
   * @param {string} userId of the member
   * @param {boolean} polite gives way when both offer at once; must be true at exactly one of the two ends
   * @param {PeerContext} context
   */
  constructor(userId, polite, context) {
    super();
    this.userId = userId;
    this.#polite = polite;
    this.#context = context;
    this.#chain = new Chain((label, error) => this.#debug("step-failed", { label, error }));
    this.#watchdog = new OfferWatchdog(context.clock, {
      again: () => this.#resend(),
      giveUp: () => this.#giveUp("no-answer"),
    });
    this.#healer = new Healer({
      clock: context.clock,
      polite: () => this.#polite,
      ready: () => context.reachable() && this.#pc?.signalingState === "stable",
      restart: () => this.#pc.restartIce(),
      rebuild: () => this.start("rebuild"),
      giveUp: () => this.#giveUp("gave-up"),
      tell: (decision, details) => this.#debug(decision, details),
    });
  }

  /** The connection of the moment, or null. @returns {RTCPeerConnection | null} */
  get connection() {
    return this.#pc;
  }

  /** Begin, or begin anew, with an offer of ours. */
  start(why = "start") {
    if (this.state === "closed") return;
    this.#debug(why);
    this.#build(true);
  }

  /** Leave the first offer to the member. */
  expectOffer() {
    this.#watchdog.expect(() => this.start("no-offer-came"));
  }

  /** Begin anew, however often that was tried. */
  retry() {
    this.#healer.forgive();
    this.start("retry");
  }

  /**
   * We, or the member, joined the room again. Calls that work are left alone.
   * @param {boolean} ours true if it was we
   */
  returned(ours) {
    const pc = this.#pc;
    if (pc === null) return;
    const doubtful = ours && (this.#missed || pc.connectionState !== "connected");
    this.#missed = false;
    if (pc.signalingState === "have-local-offer") this.#sendOffer("returned");
    else if (!this.#healer.resume() && doubtful) pc.restartIce();
    // Whoever does not know our connection any more starts a new one when it reads this.
    if (!ours || this.#remoteId === null) return;
    this.#send({ msgType: MESSAGE.info, info: this.#context.info(), pc: this.#id, to: this.#remoteId });
  }

  /**
   * A message of this member.
   * @param {object} body as it came from the server
   */
  receive(body) {
    this.#plain = body.pc === undefined && body.msgType !== MESSAGE.info;
    switch (body.msgType) {
      case MESSAGE.offer: return this.#chain.add("offer", () => this.#onOffer(body));
      case MESSAGE.answer: return this.#chain.add("answer", () => this.#onAnswer(body));
      case MESSAGE.candidate: return this.#chain.add("candidate", () => this.#onCandidate(body));
      case MESSAGE.info: return this.#chain.add("info", () => this.#onInfo(body));
      default: return undefined;
    }
  }

  /** Send another track in place of the one of its kind; null sends nothing. Needs no negotiation. */
  async replaceTrack(kind, track) {
    const sender = this.#senderOf(kind);
    if (sender === undefined) return false;
    await sender.replaceTrack(track);
    return true;
  }

  /** @param {RTCIceServer[]} servers for this connection; applied at its next restart, a working call is untouched */
  setIceServers(servers) {
    // Without the spread a relay-only connection would silently become an open one.
    this.#pc?.setConfiguration({ ...this.#pc.getConfiguration(), iceServers: servers });
  }

  /** The end; nothing of this peer is left running. */
  close() {
    this.#tearDown();
    this.#chain.end();
    this.#enter("closed");
  }

  #senderOf(kind) {
    const transceivers = this.#pc?.getTransceivers() ?? [];
    return transceivers.find(({ sender, receiver, direction }) => (
      receiver.track.kind === kind && sender !== null && direction.startsWith("send")
    ))?.sender;
  }

  #build(starting) {
    this.#tearDown();
    const pc = this.#context.newConnection();
    this.#pc = pc;
    this.#id = randomId(6);
    this.#neg = 0;
    pc.onnegotiationneeded = () => this.#chain.add("negotiate", () => this.#offer(pc));
    pc.onicecandidate = ({ candidate }) => this.#sendCandidate(pc, candidate);
    pc.ontrack = ({ track }) => this.#received(track);
    pc.onconnectionstatechange = () => this.#review();
    pc.oniceconnectionstatechange = () => this.#review();
    pc.onsignalingstatechange = () => this.#review();
    this.#enter(this.#wasConnected ? "interrupted" : "connecting");
    this.fire("connection", pc, starting);
    if (starting) this.#context.addMedia(pc, true);
    this.#review();
  }

  #tearDown() {
    const pc = this.#pc;
    this.#pc = null;
    this.#watchdog.rest();
    this.#healer.rest();
    this.#remoteId = null;
    this.#remoteNeg = null;
    this.#ignoring = false;
    this.#held = null;
    this.#gaveWay = false;
    if (pc === null) return;
    pc.onnegotiationneeded = pc.onicecandidate = pc.ontrack = null;
    pc.onconnectionstatechange = pc.oniceconnectionstatechange = pc.onsignalingstatechange = null;
    pc.close();
    this.#chain.cut();
    this.tracks.clear();
    this.fire("tracks", this.tracks);
  }

  #received(track) {
    this.tracks.set(track.kind, track);
    this.fire("tracks", this.tracks);
  }

  #review() {
    const pc = this.#pc;
    if (pc === null) return;
    if (pc.connectionState === "connected") this.#wasConnected = true;
    this.#healer.review(pc);
    if (pc.connectionState === "connected") this.#enter("connected");
    else if (this.state !== "failed") this.#enter(this.#wasConnected ? "interrupted" : "connecting");
  }

  #enter(state) {
    const before = this.state;
    if (state === before || before === "closed") return;
    this.state = state;
    this.fire("state", state, before);
  }

  #giveUp(word) {
    this.#healer.rest();
    this.#enter("failed");
    this.fire("trouble", word);
  }

  async #offer(pc) {
    // Not stable: the browser asks again as soon as it is.
    if (pc !== this.#pc || pc.signalingState !== "stable") return;
    await this.#chain.live(pc.setLocalDescription());
    this.#neg += 1;
    this.#watchdog.begin();
    this.#sendOffer("offer");
  }

  #sendOffer(why) {
    const { sdp } = this.#pc.localDescription;
    this.#debug("send-offer", { why, neg: this.#neg, pc: this.#id });
    this.#send({ msgType: MESSAGE.offer, sdp, pc: this.#id, neg: this.#neg, info: this.#context.info() });
    this.#watchdog.sent();
  }

  #resend() {
    const held = this.#held;
    if (this.#pc?.signalingState !== "have-local-offer") return;
    if (held === null) this.#sendOffer("unanswered");
    else this.#chain.add("held offer", () => this.#onOffer(held, true));
  }

  #sendAnswer() {
    const { sdp } = this.#pc.localDescription;
    const ids = { pc: this.#id, to: this.#remoteId ?? undefined, neg: this.#remoteNeg ?? undefined };
    this.#send({ msgType: MESSAGE.answer, sdp, ...ids, info: this.#context.info() });
  }

  #sendCandidate(pc, candidate) {
    if (pc !== this.#pc) return;
    // The browser says the end twice, null being the older way; pages of the original server know neither.
    if (candidate === null || (candidate.candidate === "" && this.#plain)) return;
    const { sdpMid: id, sdpMLineIndex: label } = candidate;
    const ids = { pc: this.#id, to: this.#remoteId ?? undefined };
    this.#send({ msgType: MESSAGE.candidate, id, label, candidate: candidate.candidate, ...ids });
  }

  #send(body) {
    if (!this.#context.reachable()) {
      this.#missed = true;
      return;
    }
    const failed = (error) => {
      this.#missed = true;
      this.#debug("not-sent", { msgType: body.msgType, error });
      return 1;
    };
    this.#context.send(body).catch(failed).then((delivered) => {
      if (delivered === 0) this.#missed = true;
    });
  }

  async #onOffer(body, waited = false) {
    this.#learn(body);
    if (this.#pc === null) this.#build(false);
    else if (this.#isFromNewConnection(body)) {
      this.#debug("peer-began-anew");
      this.#build(false);
    } else if (this.#isRepeated(body)) {
      this.#debug("answer-again");
      return this.#sendAnswer();
    }
    const pc = this.#pc;
    // Who has given up offering gives way.
    const collides = pc.signalingState === "have-local-offer" && this.state !== "failed" && !waited;
    if (collides && this.#plain) {
      // Pages of the original server have no roles: a new browser makes them give way and answer our offer, an old one
      // lets our offer fail. So theirs is taken up only when no answer to ours comes.
      this.#held = body;
      return this.#debug("hold-offer");
    }
    this.#ignoring = collides && !this.#polite;
    if (this.#ignoring) return this.#debug("ignore-offer");
    this.#held = null;
    this.#gaveWay = waited;
    this.#watchdog.rest();
    await this.#chain.live(pc.setRemoteDescription({ type: "offer", sdp: sdpOf(body) }));
    this.#remoteId = body.pc ?? null;
    this.#remoteNeg = body.neg ?? null;
    await this.#applyCandidates();
    this.#context.addMedia(pc, false);
    await this.#chain.live(pc.setLocalDescription());
    return this.#sendAnswer();
  }

  #isFromNewConnection(body) {
    return body.pc !== undefined && body.pc !== this.#remoteId && this.#pc.remoteDescription !== null;
  }

  #isRepeated(body) {
    const known = body.neg !== undefined && body.pc === this.#remoteId && body.neg === this.#remoteNeg;
    return known && this.#pc.signalingState === "stable" && this.#pc.localDescription?.type === "answer";
  }

  async #onAnswer(body) {
    this.#learn(body);
    const pc = this.#pc;
    if (pc === null || this.#isForeign(body)) return;
    if (body.pc !== undefined && this.#remoteId !== null && body.pc !== this.#remoteId) {
      this.start("peer-lost-its-state");
      return;
    }
    if (this.#plain && this.#gaveWay) {
      // It gave way late, and we did meanwhile: each has answered an offer that the other has dropped.
      this.#send({ msgType: MESSAGE.hangup });
      this.start("both-gave-way");
      return;
    }
    const late = body.neg !== undefined && body.neg !== this.#neg;
    if (late || pc.signalingState !== "have-local-offer") return;
    await this.#chain.live(pc.setRemoteDescription({ type: "answer", sdp: sdpOf(body) }));
    this.#watchdog.rest();
    this.#ignoring = false;
    this.#held = null;
    this.#remoteId = body.pc ?? null;
    await this.#applyCandidates();
  }

  async #onCandidate(body) {
    const pc = this.#pc;
    if (this.#isForeign(body)) return;
    const early = pc === null || pc.remoteDescription === null || (body.pc ?? null) !== this.#remoteId;
    if (early) this.#early.add(body);
    else await this.#apply(pc, body);
  }

  async #applyCandidates() {
    for (const body of this.#early.take(this.#remoteId)) {
      if (!this.#isForeign(body)) await this.#apply(this.#pc, body);
    }
  }

  async #apply(pc, { id, label, candidate }) {
    try {
      await this.#chain.live(pc.addIceCandidate({ candidate, sdpMid: id ?? null, sdpMLineIndex: label ?? null }));
    } catch (error) {
      if (isCut(error)) throw error;
      if (!this.#ignoring) this.#debug("bad-candidate", { error });
    }
  }

  #onInfo(body) {
    this.#learn(body);
    const knowsOurs = body.to === undefined || body.to === this.#id || body.pc === this.#remoteId;
    if (knowsOurs) return;
    // The member still holds a connection whose other end is gone.
    if (this.#pc?.signalingState === "have-local-offer") this.#sendOffer("peer-is-behind");
    else this.start("peer-is-behind");
  }

  #isForeign(body) {
    return body.to !== undefined && body.to !== this.#id;
  }

  #learn({ info }) {
    if (info === null || typeof info !== "object" || Array.isArray(info)) return;
    this.info = info;
    this.fire("info", info);
  }

  #debug(decision, details = {}) {
    this.fire("debug", decision, details);
  }
}
