/**
 * What members of a room send each other. The numbers are those of the server's API, but any value may be sent.
 * @module messages
 */

/**
 * What members tell about themselves, such as `{name: "Alice"}`. Others may send anything.
 * @typedef {{[key: string]: unknown}} Info
 */

/**
 * What a member sends. Nobody checks that others keep to this: what they send instead fails where it is used.
 * @typedef {object} Body
 * @property {unknown} [msgType] one of `MESSAGE`, or anything that this client does not know
 * @property {string | RTCSessionDescriptionInit} [sdp] of an offer or answer
 * @property {string} [candidate] "" at the end
 * @property {string | null} [id] of a candidate: its sdpMid
 * @property {number | null} [label] of a candidate: its sdpMLineIndex
 * @property {string | null} [usernameFragment] of a candidate: which description it belongs to
 * @property {string | null} [pc] id of the sender's connection
 * @property {string} [to] id of the receiver's connection, if the sender knows it
 * @property {number} [neg] of an offer: its number; of an answer: that of its offer
 * @property {Info} [info]
 */

/**
 * What the server passes on to the other members.
 * @typedef {Body & {userId: string, roomName?: string, targetUserId?: string}} Message
 */

export const MESSAGE = Object.freeze({ offer: 1, answer: 2, candidate: 3, hangup: 4, info: "info" });

/**
 * The SDP of an offer or answer: most clients send it as it is, some send the whole description.
 * @param {Body} body
 * @returns {string | undefined}
 */
export function sdpOf({ sdp }) {
  return typeof sdp === "object" && sdp !== null ? sdp.sdp : sdp;
}
