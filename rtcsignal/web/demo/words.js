/**
 * What the page says to people, and how it names and colours them.
 * @module words
 */

import { LOST } from "./room.js";

/** @import { SignalingError } from "./ground.js" */
/** @import { PeerState } from "./peer.js" */
/** @import { Stats } from "./stats.js" */

/** What a refusal means, by its code. @type {{[code: string]: string}} */
const REFUSALS = {
  "bad-arguments": "The server does not accept this room name. Try a shorter one with plain letters.",
  "rate-limited": "Too many requests. Wait a moment and try again.",
  "too-many-rooms": "You are in too many rooms already.",
  "unauthorized": "You have to sign in to use this server.",
  "expired": "Your sign-in has expired. Sign in again.",
  "timeout": "The server did not answer in time. Try again.",
  "internal": "Something went wrong on the server. Try again.",
  "server-disconnect": "The server ended the connection.",
};

/** @param {SignalingError} error */
export function whyRefused(error) {
  return REFUSALS[error.code] ?? error.message;
}

/** Whoever is "replaced" is there again: after a reload of the page, or on another one. */
const LEFT = new Set(["left", "hangup", "replaced"]);

/**
 * @param {string} name "" if it is not known
 * @param {string} reason of a user-left, or "hangup"
 */
export function howTheyWent(name, reason) {
  const how = LEFT.has(reason) ? "left" : LOST.has(reason) ? "lost the connection" : "was removed from the room";
  return `${name || "Someone"} ${how}.`;
}

/**
 * States of a peer: a word or two beside the name, and a sentence over the picture.
 * @type {Partial<Record<PeerState | "away", [short: string, long: string]>>}
 */
export const PEER_STATES = {
  waiting: ["joining", "Joining…"],
  connecting: ["connecting", "Connecting…"],
  connected: ["connected", ""],
  interrupted: ["interrupted", "The connection was lost. Reconnecting…"],
  failed: ["no connection", "Could not connect to this person. A network in between may block calls."],
  away: ["reconnecting", ""],
};

/**
 * Why the camera's picture is missing.
 * @param {string} name of the error, or "insecure"
 */
export function whyNoCamera(name) {
  switch (name) {
    case "NotAllowedError":
      return "The browser is not allowed to use the camera and microphone, so the others see a test picture. "
        + "You can allow it in the address bar.";
    case "NotFoundError":
      return "No camera was found, so the others see a test picture.";
    case "NotReadableError":
      return "Another program is using the camera, so the others see a test picture.";
    case "insecure":
      return "Browsers allow the camera only on secure pages (https), so the others see a test picture.";
    default:
      return "The camera could not be started, so the others see a test picture.";
  }
}

/** @param {string[]} names of those who are connected, "" for those without */
export function whoIsHere(names) {
  const known = names.filter((name) => name !== "");
  if (known.length < names.length || known.length > 3) return `In a call with ${names.length} others`;
  const last = known.pop();
  return `In a call with ${known.length > 0 ? `${known.join(", ")} and ${last}` : last}`;
}

/** @param {string} name @returns {string} one or two letters */
export function initialsOf(name) {
  const parts = name.trim().split(/\s+/u).filter((part) => part !== "");
  const letters = parts.length > 1 ? [parts[0], parts[parts.length - 1]] : parts;
  return letters.map((part) => [...part][0].toLocaleUpperCase()).join("") || "?";
}

/** Colours on which white letters read well and that go together, in degrees of the colour wheel. */
const HUES = [165, 187, 205, 222, 240, 258, 275, 295, 318, 338, 14, 30];

/** @param {string} id @returns {number} its colour, always the same */
export function hueOf(id) {
  let sum = 2166136261;
  for (const letter of id) sum = Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 16777619);
  return HUES[((sum ^ (sum >>> 11)) >>> 0) % HUES.length];
}

const FIRST = (
  "amber brave calm clear cosy early gentle golden happy kind light lively merry "
  + "misty mossy quiet rapid rosy silver snowy sunny tidy velvet warm windy young"
).split(" ");
const SECOND = (
  "badger beaver bison cedar comet crane falcon fern finch harbor heron island lagoon "
  + "lark maple meadow otter pebble pine puffin raven river robin sparrow tulip willow"
).split(" ");

/** A room name that is easy to say and hard to guess. */
export function newRoomName() {
  const [first, second, number] = crypto.getRandomValues(new Uint32Array(3));
  return `${FIRST[first % FIRST.length]}-${SECOND[second % SECOND.length]}-${1000 + (number % 9000)}`;
}

/** @param {Stats} stats */
export function figuresOf({ path, protocol, rtt, loss, rateIn, rateOut }) {
  if (path === null) return "";
  const parts = [`${path} ${(protocol ?? "").toUpperCase()}`.trim()];
  if (rtt !== null) parts.push(`${Math.round(rtt)} ms`);
  if (rateIn !== null && rateOut !== null) parts.push(`↓ ${megabits(rateIn)} ↑ ${megabits(rateOut)} Mbit/s`);
  if (loss >= 0.005) parts.push(`${(loss * 100).toFixed(1)} % lost`);
  return parts.join(" · ");
}

/** @param {number} rate in bits per second */
function megabits(rate) {
  return (rate / 1e6).toFixed(rate < 1e7 ? 2 : 1);
}
