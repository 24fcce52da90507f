/**
 * One pair of a call: our end of the connection with one other member.
 *
 * Every step, whether it handles a message or makes an offer, runs in one chain per peer, strictly one after the other.
 * Each RTCPeerConnection has a random id `pc` and each of its offers a number `neg`; both travel with the messages, so
 * that we notice when the other end has lost its state. Members that know neither (pages written for the original
 * server) are served without these checks.
 * @module peer
 */

import { Candidates } from "./candidates.js";
import { Chain } from "./chain.js";
import { Delivery } from "./delivery.js";
import { Emitter } from "./ground.js";
import { Healer } from "./healer.js";
import { MESSAGE } from "./messages.js";
import { Negotiation } from "./negotiation.js";
import { OfferWatchdog } from "./watchdog.js";

/** @import { PeerContext, Verdict } from "./mesh.js" */
/** @import { Body, Info } from "./messages.js" */

/** @typedef {"waiting" | "connecting" | "connected" | "interrupted" | "failed" | "closed"} PeerState */

/** What is received, by kind: "audio" or "video". @typedef {Map<string, MediaStreamTrack>} Tracks */

/**
 * @typedef {object} PeerEvents
 * @property {[state: PeerState, before: PeerState]} state
 * @property {[tracks: Tracks]} tracks what is received has changed
 * @property {[info: Info]} info what the member tells about itself
 * @property {[verdict: Verdict | null]} verdict why the call does not come about, as the server says; null once it does
 * @property {[pc: RTCPeerConnection]} changed one of the connection's states has, or may have
 * @property {[pc: RTCPeerConnection, starting: boolean]} connection a new RTCPeerConnection, before anything is sent;
 *   the place for data channels
 * @property {["no-answer" | "gave-up"]} trouble repetition does not help: nobody answers our offer, or several new
 *   connections have failed
 * @property {[decision: string, details: object]} debug every decision, for tests and logs
 */

/**
 * Another member of the call.
 *
 * `state`: "waiting" (for the member's offer) -> "connecting" -> "connected" -> "interrupted" (healing) -> "connected";
 * "failed": we have stopped trying, until `retry`; "closed".
 * @extends {Emitter<PeerEvents>}
 */
export class Peer extends Emitter {
  #context;
  #polite;
  /** @type {Negotiation | null} */
  #negotiation = null;
  #plain = false;
  #delivery;
  #wasConnected = false;
  #chain;
  #candidates;
  #watchdog;
  #healer;

  /** @type {PeerState} */
  state = "waiting";
  /** @type {Info} */
  info = {};
  /** @type {Verdict | null} */
  verdict = null;
  /** @type {Tracks} */
  tracks = new Map();

  /**
   * @param {string} userId of the member
   * @param {boolean} polite gives way when both make an offer at once; must be true at exactly one of the two ends
   * @param {PeerContext} context
   */
  constructor(userId, polite, context) {
    super();
    this.userId = userId;
    this.#polite = polite;
    this.#context = context;
    this.#chain = new Chain((label, error) => this.#debug("step-failed", { label, error }));
    this.#candidates = new Candidates(this.#chain, (error) => this.#debug("bad-candidate", { error }));
    this.#delivery = new Delivery({
      reachable: context.reachable,
      send: context.send,
      failed: ({ msgType }, error) => this.#debug("not-sent", { msgType, error }),
      unheard: ({ msgType }) => { if (msgType === MESSAGE.offer) this.#watchdog.unheard(); },
    });
    this.#watchdog = new OfferWatchdog(context.clock, {
      again: () => this.#resend(),
      giveUp: () => this.#giveUp("no-answer"),
      ready: context.present,
    });
    this.#healer = new Healer({
      clock: context.clock,
      polite: () => this.#polite,
      ready: () => context.present() && this.connection?.signalingState === "stable",
      restart: () => this.#freshly((pc) => pc.restartIce()),
      rebuild: () => this.#freshly(() => this.start("rebuild")),
      giveUp: () => this.#giveUp("gave-up"),
      tell: (decision, details) => this.#debug(decision, details),
    });
  }

  /** The connection of the moment, or null. @returns {RTCPeerConnection | null} */
  get connection() {
    return this.#negotiation?.pc ?? null;
  }

  /** Begin, or begin again, with an offer of ours. */
  start(why = "start") {
    if (this.state === "closed") return;
    this.#debug(why);
    this.#build(true);
  }

  /** Leave the first offer to the member. */
  expectOffer() {
    this.#watchdog.expect(() => this.start("no-offer-came"));
  }

  /** Begin again, however often that has been tried. */
  retry() {
    this.#healer.forgive();
    this.start("retry");
  }

  /** We, or the member, are connected again, and nothing was lost meanwhile. */
  resumed() {
    if (this.#delivery.missed) this.returned(true);
    else this.#healer.resume();
  }

  /**
   * We, or the member, joined the room again. Calls that work are left alone.
   * @param {boolean} ours true if it was we
   */
  returned(ours) {
    const negotiation = this.#negotiation;
    if (negotiation === null) return;
    const { pc } = negotiation;
    const missed = this.#delivery.reset();
    const doubtful = ours && (missed || pc.connectionState !== "connected");
    if (negotiation.offering) this.#sendOffer(negotiation, "returned");
    else if (!this.#healer.resume() && doubtful) this.#freshly(() => pc.restartIce());
    // A member that no longer knows our connection starts a new one when it reads this; ours may be new by now itself.
    if (!ours || negotiation !== this.#negotiation || negotiation.remoteId === null) return;
    this.#send(negotiation.greeting(this.#context.info()));
  }

  /**
   * A message of this member.
   * @param {Body} body as it came from the server
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

  /**
   * Send another track in place of the one of its kind. Needs no negotiation.
   * @param {string} kind "audio" or "video"
   * @param {MediaStreamTrack | null} track null sends nothing
   * @returns {Promise<boolean>} false if none of this kind is sent
   */
  async replaceTrack(kind, track) {
    const sender = this.#negotiation?.senderOf(kind);
    if (sender === undefined) return false;
    await sender.replaceTrack(track);
    return true;
  }

  /** @param {(pc: RTCPeerConnection) => void} step that uses our ICE servers, which must not be about to run out */
  #freshly(step) {
    const negotiation = this.#negotiation;
    const take = () => {
      if (negotiation !== null && negotiation === this.#negotiation) step(negotiation.pc);
    };
    const refreshing = this.#context.refresh();
    if (refreshing === null) take();
    else refreshing.then(take);
  }

  /** @param {Verdict | null} verdict of the server */
  judged(verdict) {
    if (verdict === this.verdict) return;
    this.verdict = verdict;
    this.fire("verdict", verdict);
  }

  /** The end; nothing of this peer is left running. */
  close() {
    this.#tearDown();
    this.#chain.end();
    this.#enter("closed");
  }

  /** @param {boolean} starting whether we make the first offer */
  #build(starting) {
    this.#tearDown();
    const pc = this.#context.newConnection();
    const negotiation = new Negotiation(pc, this.#chain);
    this.#negotiation = negotiation;
    pc.onnegotiationneeded = () => this.#chain.add("negotiate", () => this.#offer(negotiation));
    pc.onicecandidate = ({ candidate }) => this.#sendCandidate(negotiation, candidate);
    pc.ontrack = ({ track }) => this.#received(track);
    pc.onconnectionstatechange = () => this.#review();
    pc.oniceconnectionstatechange = () => this.#review();
    pc.onsignalingstatechange = () => this.#review();
    this.#enter(this.#wasConnected ? "interrupted" : "connecting");
    this.fire("connection", pc, starting);
    if (starting) this.#context.addMedia(pc, true);
    this.#review();
    return negotiation;
  }

  #tearDown() {
    const negotiation = this.#negotiation;
    this.#negotiation = null;
    this.#watchdog.rest();
    this.#healer.rest();
    if (negotiation === null) return;
    negotiation.end();
    this.#chain.cut();
    this.tracks.clear();
    this.fire("tracks", this.tracks);
  }

  /** @param {MediaStreamTrack} track */
  #received(track) {
    this.tracks.set(track.kind, track);
    this.fire("tracks", this.tracks);
  }

  #review() {
    const pc = this.connection;
    if (pc === null) return;
    if (pc.connectionState === "connected") this.#wasConnected = true;
    this.#healer.review(pc);
    this.fire("changed", pc);
    if (pc.connectionState === "connected") this.#enter("connected");
    else if (this.state !== "failed") this.#enter(this.#wasConnected ? "interrupted" : "connecting");
  }

  /** @param {PeerState} state */
  #enter(state) {
    const before = this.state;
    if (state === before || before === "closed") return;
    this.state = state;
    this.fire("state", state, before);
  }

  /** @param {"no-answer" | "gave-up"} word */
  #giveUp(word) {
    this.#healer.rest();
    this.#enter("failed");
    this.fire("trouble", word);
  }

  /** @param {Negotiation} negotiation */
  async #offer(negotiation) {
    const { pc } = negotiation;
    // Not stable: the browser asks again as soon as it is.
    if (negotiation !== this.#negotiation || pc.signalingState !== "stable") return;
    await this.#chain.live(pc.setLocalDescription());
    negotiation.neg += 1;
    this.#watchdog.begin();
    this.#sendOffer(negotiation, "offer");
  }

  /** @param {Negotiation} negotiation @param {string} why */
  #sendOffer(negotiation, why) {
    if (negotiation !== this.#negotiation) return;
    this.#debug("send-offer", { why, neg: negotiation.neg, pc: negotiation.id });
    this.#send(negotiation.offer(this.#context.info()));
    this.#watchdog.sent();
  }

  #resend() {
    const negotiation = this.#negotiation;
    if (!negotiation?.offering) return;
    const { held } = negotiation;
    if (held === null) this.#sendOffer(negotiation, "unanswered");
    else this.#chain.add("held offer", () => this.#onOffer(held, true));
  }

  /** @param {Negotiation} negotiation */
  #sendAnswer(negotiation) {
    if (negotiation === this.#negotiation) this.#send(negotiation.answer(this.#context.info()));
  }

  /** @param {Negotiation} negotiation @param {RTCIceCandidate | null} candidate */
  #sendCandidate(negotiation, candidate) {
    if (negotiation !== this.#negotiation) return;
    // The browser says the end twice, null being the older way; pages of the original server know neither.
    if (candidate === null || (candidate.candidate === "" && this.#plain)) return;
    this.#send(negotiation.candidate(candidate));
  }

  /** @param {Body} body */
  #send(body) {
    this.#delivery.send(body);
  }

  /** @param {Body} body @param {boolean} [waited] whether it was held until our own offer was given up */
  async #onOffer(body, waited = false) {
    this.#learn(body);
    let negotiation = this.#negotiation;
    if (negotiation === null) negotiation = this.#build(false);
    else if (negotiation.isWithAnother(body)) {
      this.#debug("peer-began-anew");
      negotiation = this.#build(false);
    } else if (negotiation.isAnswered(body)) {
      this.#debug("answer-again");
      return this.#sendAnswer(negotiation);
    }
    // An end that has given up its own offers gives way.
    const collides = negotiation.offering && this.state !== "failed" && !waited;
    if (collides && this.#plain) {
      // Pages of the original server have no roles: a new browser makes them give way and answer our offer, an old one
      // lets our offer fail. So theirs is accepted only when ours is not answered.
      negotiation.held = body;
      return this.#debug("hold-offer");
    }
    negotiation.ignoring = collides && !this.#polite;
    if (negotiation.ignoring) return this.#debug("ignore-offer");
    negotiation.held = null;
    negotiation.gaveWay = waited;
    this.#watchdog.rest();
    await negotiation.accept("offer", body);
    await this.#candidates.useEarly(negotiation);
    this.#context.addMedia(negotiation.pc, false);
    await this.#chain.live(negotiation.pc.setLocalDescription());
    return this.#sendAnswer(negotiation);
  }

  /** @param {Body} body */
  async #onAnswer(body) {
    this.#learn(body);
    const negotiation = this.#negotiation;
    if (negotiation === null || negotiation.isForeign(body)) return;
    const { remoteId } = negotiation;
    if (body.pc !== undefined && remoteId !== null && body.pc !== remoteId) {
      this.start("peer-lost-its-state");
      return;
    }
    if (this.#plain && negotiation.gaveWay) {
      // It gave way late, and so did we meanwhile: each has answered an offer that the other has dropped.
      this.#send({ msgType: MESSAGE.hangup });
      this.start("both-gave-way");
      return;
    }
    const late = body.neg !== undefined && body.neg !== negotiation.neg;
    if (late || !negotiation.offering) return;
    await negotiation.accept("answer", body);
    this.#watchdog.rest();
    negotiation.ignoring = false;
    negotiation.held = null;
    await this.#candidates.useEarly(negotiation);
  }

  /** @param {Body} body */
  async #onCandidate(body) {
    if (!this.#isForeign(body)) await this.#candidates.add(this.#negotiation, body);
  }

  /** @param {Body} body */
  #onInfo(body) {
    this.#learn(body);
    const negotiation = this.#negotiation;
    const knowsOurs = body.to === undefined || !this.#isForeign(body) || body.pc === (negotiation?.remoteId ?? null);
    if (knowsOurs) return;
    // The member still holds a connection whose other end is gone.
    if (negotiation?.offering) this.#sendOffer(negotiation, "peer-is-behind");
    else this.start("peer-is-behind");
  }

  /** @param {Body} body @returns {boolean} whether it was sent to a connection of ours that is gone */
  #isForeign(body) {
    return this.#negotiation?.isForeign(body) ?? (body.to ?? null) !== null;
  }

  /** @param {Body} body */
  #learn({ info }) {
    if (info === null || typeof info !== "object" || Array.isArray(info)) return;
    this.info = info;
    this.fire("info", info);
  }

  /** @param {string} decision @param {object} [details] */
  #debug(decision, details = {}) {
    this.fire("debug", decision, details);
  }
}
