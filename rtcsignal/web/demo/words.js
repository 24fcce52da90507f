/**
 * What the page says to people, and how it names and colours them.
 * @module words
 */

import { LOST } from "./room.js";

/** @import { SignalingError } from "./ground.js" */
/** @import { Verdict } from "./mesh.js" */
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
 * Why a call does not come about: for the one whom it is about, for the other, and if it is about both. "%" is the name
 * of the other one.
 * @type {{[verdict: string]: [about: string, other: string, both: string]}}
 */
const VERDICTS = {
  "peer-absent": [
    "% called while you were away. Reload the page to be there again.",
    "% is not in the room at the moment. Wait until they come back.",
    "You and % were not in the room at the same time. Try again.",
  ],
  "refused-by-filter": [
    "This server does not let your call to % through. Whoever runs it can say why.",
    "This server does not let the call of % through. Whoever runs it can say why.",
    "This server does not let calls between you and % through. Whoever runs it can say why.",
  ],
  "answer-not-delivered": [
    "Your answer did not reach %. Try again; if that does not help, whoever runs this server has to look.",
    "The answer of % did not reach you. Try again; if that does not help, whoever runs this server has to look.",
    "Your answers did not reach each other. Try again, %, too.",
  ],
  "peer-left": [
    "You left before the call with % came about.",
    "% left before the call came about.",
    "You and % left before the call came about.",
  ],
  "fingerprint-changed": [
    "Something between you and % changes what your browser sends, so the call is not safe. Try another network.",
    "Something between you and % changes what their browser sends, so the call is not safe. Try another network.",
    "Something between you and % changes what is sent, so the call is not safe. Try another network.",
  ],
  "glare": [
    "You and % called each other at the same moment. Try again.",
    "You and % called each other at the same moment. Try again.",
    "You and % called each other at the same moment. Try again.",
  ],
  "description-error": [
    "Your browser did not understand that of %. Update it, or try another one.",
    "The browser of % did not understand yours. They should update it, or try another one.",
    "Your browser and that of % do not understand each other. Update them, or try others.",
  ],
  "no-answer": [
    "Your browser has not answered the call of %. Reload the page.",
    "% does not answer. Their page may be asleep: they should look at it, or reload it.",
    "Neither you nor % answers. Reload the page, both of you.",
  ],
  "codec-mismatch": [
    "Your browser and that of % know no picture or sound format in common. Update them, or try others.",
    "Your browser and that of % know no picture or sound format in common. Update them, or try others.",
    "You hear %, but your browsers know no picture format in common. Update them, or try others.",
  ],
  "dtls-failed": [
    "There is a way to %, but it cannot be encrypted. Reload the page, or try another network.",
    "There is a way to %, but it cannot be encrypted. Reload the page, or try another network.",
    "There is a way to %, but it cannot be encrypted. Reload the page, or try another network.",
  ],
  "turn-expired": [
    "The password for your relay has run out, so % cannot be reached. Reload the page.",
    "The password for the relay of % has run out. They should reload the page.",
    "The passwords for the relays of you and % have run out. Reload the page, both of you.",
  ],
  "turn-refused": [
    "Your relay refuses the password that this server gave out, so % cannot be reached. Whoever runs it has to look.",
    "The relay of % refuses the password that this server gave out. Whoever runs it has to look.",
    "The relays of you and % refuse the passwords that this server gave out. Whoever runs it has to look.",
  ],
  "turn-unreachable": [
    "Your network does not let you reach the relay that % and you need. Try another network.",
    "The network of % does not let them reach the relay that you need. They should try another network.",
    "Neither you nor % can reach the relay. Try other networks; if that does not help, whoever runs the relay has to look.",
  ],
  "turn-never-issued": [
    "Your network lets no direct connection to % through, and this server has no relay to offer. Try another network.",
    "%’s network lets no direct connection through, and this server has no relay to offer. Try another network.",
    "Your networks let no direct connection between you and % through, and this server has no relay to offer. "
      + "Try another network.",
  ],
  "candidates-not-delivered": [
    "This server does not tell % how you can be reached. Whoever runs it has to look.",
    "This server does not tell you how % can be reached. Whoever runs it has to look.",
    "This server does not tell you and % how to reach each other. Whoever runs it has to look.",
  ],
  "candidate-before-description": [
    "Your browser learnt too early how % can be reached. Try again.",
    "The browser of % learnt too early how you can be reached. Try again.",
    "Your browsers learnt too early how to reach each other. Try again, %, too.",
  ],
  "no-candidates": [
    "Your browser finds no way in which % could reach you. Check your network, or its settings for calls.",
    "The browser of % finds no way in which they could be reached. They should check their network.",
    "Neither your browser nor that of % finds a way to be reached. Check your networks.",
  ],
  "only-mdns": [
    "Your browser hides its addresses, and so % cannot find you. Allow the camera or the microphone, or use the same network.",
    "The browser of % hides its addresses, and so you cannot find them. They should allow the camera or the microphone.",
    "Your browsers hide their addresses from each other. Allow the camera or the microphone, %, too, "
      + "or use the same network.",
  ],
  "only-host-different-networks": [
    "You and % are in different networks, and nothing leads from one to the other. Use the same network.",
    "You and % are in different networks, and nothing leads from one to the other. Use the same network.",
    "You and % are in different networks, and nothing leads from one to the other. Use the same network.",
  ],
  "udp-blocked": [
    "Your network blocks most ways to %. Try another network.",
    "The network of % blocks most ways. They should try another network.",
    "The networks of you and % block most ways. Try other networks.",
  ],
  "ice-restart-needed": [
    "The connection to % was lost. Try again.",
    "The connection to % was lost. Try again.",
    "The connection to % was lost. Try again.",
  ],
  "ice-failed": [
    "No way leads to % at the moment. Try again, or another network.",
    "No way leads to % at the moment. Try again, or another network.",
    "No way leads to % at the moment. Try again, or another network.",
  ],
  "renegotiation-storm": [
    "Your browser begins the call with % again and again. Reload the page.",
    "The browser of % begins the call again and again. They should reload the page.",
    "Your browser and that of % begin the call again and again. Reload the page, both of you.",
  ],
};

/**
 * Why a call does not come about.
 * @param {Verdict} verdict
 * @param {string} userId of the other one
 * @param {string} name of the other one, "" if it is not known
 */
export function whyNoCall({ verdict, side }, userId, name) {
  const words = VERDICTS[verdict];
  if (words === undefined) return "";
  const sentence = words[side === null ? 2 : side === userId ? 1 : 0].replaceAll("%", name || "the other person");
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

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
