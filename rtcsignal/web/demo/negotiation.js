/**
 * What is known of one RTCPeerConnection and of the other end's: which of them, and which offer, a message belongs to.
 * @module negotiation
 */

import { randomId } from "./ground.js";
import { MESSAGE, sdpOf } from "./messages.js";

/** @import { Chain } from "./chain.js" */
/** @import { Body, Info } from "./messages.js" */

/** Begins with a connection of ours and ends with it. */
export class Negotiation {
  #chain;

  /** Tells our connections apart: it travels with our messages, and comes back with the member's answers. */
  id = randomId(6);
  /** The number of our latest offer; 0 before the first. */
  neg = 0;
  /** The id of the member's connection, unless it names none. @type {string | null} */
  remoteId = null;
  /** The number of the member's offer that we have answered. @type {number | null} */
  remoteNeg = null;
  /** The member's offer collided with ours, and the member gives way. */
  ignoring = false;
  /** An offer of the member that is accepted only if ours is not answered. @type {Body | null} */
  held = null;
  /** We have accepted an offer that was held. */
  gaveWay = false;

  /**
   * @param {RTCPeerConnection} pc
   * @param {Chain} chain of the steps that use it
   */
  constructor(pc, chain) {
    this.pc = pc;
    this.#chain = chain;
  }

  /** Our offer has not been answered yet. */
  get offering() {
    return this.pc.signalingState === "have-local-offer";
  }

  /** @param {Body} body @returns {boolean} whether it was sent to an earlier connection of ours */
  isForeign(body) {
    return body.to !== undefined && body.to !== this.id;
  }

  /** @param {Body} body a candidate @returns {boolean} whether it belongs to the description that the member sent */
  isAbout(body) {
    return this.pc.remoteDescription !== null && (body.pc ?? null) === this.remoteId;
  }

  /** @param {Body} body an offer @returns {boolean} whether the member has replaced its connection */
  isWithAnother(body) {
    return body.pc !== undefined && body.pc !== this.remoteId && this.pc.remoteDescription !== null;
  }

  /** @param {Body} body an offer @returns {boolean} whether it is answered already */
  isAnswered(body) {
    const known = body.neg !== undefined && body.pc === this.remoteId && body.neg === this.remoteNeg;
    return known && this.pc.signalingState === "stable" && this.pc.localDescription?.type === "answer";
  }

  /**
   * Give the connection what the member sent. A step of the chain.
   * @param {"offer" | "answer"} type
   * @param {Body} body
   */
  async accept(type, body) {
    await this.#chain.live(this.pc.setRemoteDescription({ type, sdp: sdpOf(body) }));
    this.remoteId = body.pc ?? null;
    if (type === "offer") this.remoteNeg = body.neg ?? null;
  }

  /** @param {string} kind @returns {RTCRtpSender | undefined} what sends our track of this kind */
  senderOf(kind) {
    return this.pc.getTransceivers().find(({ sender, receiver, direction }) => (
      receiver.track.kind === kind && sender !== null && direction.startsWith("send")
    ))?.sender;
  }

  /** @param {Info} info @returns {Body} our offer, to be sent for the first time or again */
  offer(info) {
    const sdp = this.pc.localDescription?.sdp;
    return { msgType: MESSAGE.offer, sdp, pc: this.id, neg: this.neg, info };
  }

  /** @param {Info} info @returns {Body} */
  answer(info) {
    const sdp = this.pc.localDescription?.sdp;
    return { msgType: MESSAGE.answer, sdp, ...this.#ids(), neg: this.remoteNeg ?? undefined, info };
  }

  /** @param {Info} info @returns {Body} what shows the member which of our connections it should know */
  greeting(info) {
    return { msgType: MESSAGE.info, info, ...this.#ids() };
  }

  /** @param {RTCIceCandidate} candidate one of ours @returns {Body} */
  candidate({ sdpMid: id, sdpMLineIndex: label, candidate, usernameFragment }) {
    return { msgType: MESSAGE.candidate, id, label, candidate, usernameFragment, ...this.#ids() };
  }

  /** Close the connection; none of its events is handled any more. */
  end() {
    const { pc } = this;
    pc.onnegotiationneeded = pc.onicecandidate = pc.ontrack = null;
    pc.onconnectionstatechange = pc.oniceconnectionstatechange = pc.onsignalingstatechange = null;
    pc.close();
  }

  #ids() {
    return { pc: this.id, to: this.remoteId ?? undefined };
  }
}
