/**
 * The demo page: the lobby, the controls, and the call between them.
 * @module app
 */

import { Call } from "./call.js";
import { byId, within } from "./elements.js";
import { OwnMedia } from "./media.js";
import { Stage, Tile } from "./stage.js";
import { TabKey } from "./tab.js";
import { newRoomName, whyNoCamera } from "./words.js";

/** @import { Tone } from "./call.js" */

const NEWS_FOR = 4000;
const COPIED_FOR = 2500;

/** @param {string} id */
const part = (id) => byId(id, HTMLElement);
const [lobby, callView, status, problem] = ["lobby", "call", "status", "problem"].map(part);
const [nameField, roomField] = ["name", "room"].map((id) => byId(id, HTMLInputElement));

const media = new OwnMedia();
const ownTile = new Tile({ id: "self", self: true });
const tabKey = new TabKey();
const stage = new Stage(part("tiles"), { onInvite: copyLink });

/** What tests and curious people may look at: `(await import("./app.js")).demo.call.mesh`. */
export const demo = { call: /** @type {Call | null} */ (null), media, stage, tabKey };

// What is going on

/** @type {[text: string, tone: Tone]} */
let situation = ["", "calm"];
/** @type {number | undefined} */
let newsTimer;

/**
 * @param {string} text
 * @param {Tone} tone
 */
function showStatus(text, tone) {
  status.dataset.tone = tone;
  if (status.textContent !== text) status.textContent = text;
}

/**
 * @param {string} text
 * @param {Tone} tone
 */
function setSituation(text, tone) {
  situation = [text, tone];
  if (newsTimer === undefined) showStatus(text, tone);
  else status.dataset.tone = tone;
}

/** @param {string} text */
function tellNews(text) {
  clearTimeout(newsTimer);
  showStatus(text, situation[1]);
  newsTimer = setTimeout(() => {
    newsTimer = undefined;
    showStatus(...situation);
  }, NEWS_FOR);
}

function forgetNews() {
  clearTimeout(newsTimer);
  newsTimer = undefined;
}

// The room, in the address

function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).trim();
  } catch {
    return "";
  }
}

/** @param {string} roomName */
function linkTo(roomName) {
  return new URL(`#${encodeURIComponent(roomName)}`, location.href).href;
}

async function copyLink() {
  if (demo.call === null) return;
  const link = linkTo(demo.call.room.roomName);
  const copied = await copy(link);
  tellNews(copied ? "Link copied. Send it to the people you want to see." : `The link to this room: ${link}`);
  if (!copied) return;
  for (const button of document.querySelectorAll("#copy-link, .empty button")) {
    setIcon(button, "check", "Link copied");
    setTimeout(() => setIcon(button, "link", "Copy invite link"), COPIED_FOR);
  }
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

/**
 * The old way, which works on pages without https as well.
 * @param {string} text
 */
function copySelection(text) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = text;
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}

// Lobby

function prepareLobby() {
  const invited = roomInAddress();
  roomField.value = invited || newRoomName();
  nameField.value = recall(localStorage, "name");
  if (invited !== "") {
    part("greeting").textContent = "Join the call";
    part("lead").textContent = `You are invited to “${invited}”. Enter your name to join.`;
  }
  media.setName(nameField.value);
  ownTile.setName(nameField.value);
  ownTile.setState("self", "you");
  part("preview").append(ownTile.element);
}

function showLobby(words = "") {
  forgetNews();
  demo.call = null;
  document.title = "rtcsignal";
  document.body.dataset.view = "lobby";
  remember(sessionStorage, "room", "");
  callView.hidden = part("place").hidden = true;
  lobby.hidden = false;
  part("preview").append(ownTile.element);
  ownTile.setState("self", "you");
  problem.textContent = words;
  setSituation("", "calm");
  part("enter").focus();
}

function enter() {
  const roomName = roomField.value.trim();
  const name = nameField.value.trim();
  roomField.setAttribute("aria-invalid", String(roomName === ""));
  problem.textContent = roomName === "" ? "Enter a room name." : "";
  if (roomName === "") return roomField.focus();
  remember(localStorage, "name", name);
  return startCall(roomName, name);
}

/**
 * @param {string} roomName
 * @param {string} name ours
 */
function startCall(roomName, name) {
  media.setName(name);
  ownTile.setName(name);
  if (media.picture === null) media.useTestPicture();
  history.replaceState(null, "", linkTo(roomName));
  remember(sessionStorage, "room", roomName);
  document.title = `${roomName} · rtcsignal`;
  document.body.dataset.view = "call";
  part("room-name").textContent = roomName;
  stage.setLink(linkTo(roomName));
  lobby.hidden = true;
  callView.hidden = part("place").hidden = false;
  part("microphone").focus();
  const call = new Call({ roomName, name, media, stage, ownTile, tabKey });
  demo.call = call;
  call.on("status", setSituation);
  call.on("news", tellNews);
  call.on("held", () => tellNews("Your browser blocks the sound. Click anywhere to hear the others."));
  call.on("ended", showLobby);
  call.start();
  call.showFigures(detailsShown());
}

// Controls

/**
 * @param {Element} button
 * @param {string} icon
 * @param {string} words
 */
function setIcon(button, icon, words) {
  within(button, "use", SVGUseElement).setAttribute("href", `#icon-${icon}`);
  within(button, "span", HTMLElement).textContent = words;
}

function showMedia() {
  const { hasSound, hasPicture, microphone, source, problem: why } = media;
  const microphoneButton = part("microphone");
  const cameraButton = part("camera");
  const soundWords = microphone === null ? "No mic" : hasSound ? "Mute" : "Unmute";
  setIcon(microphoneButton, hasSound ? "mic" : "mic-off", soundWords);
  setIcon(cameraButton, hasPicture ? "camera" : "camera-off", hasPicture ? "Camera off" : "Camera on");
  // Not "disabled": it may have the focus, and a microphone may still appear.
  microphoneButton.setAttribute("aria-disabled", String(microphone === null));
  microphoneButton.toggleAttribute("data-off", !hasSound);
  cameraButton.toggleAttribute("data-off", !hasPicture);
  microphoneButton.title = hasSound ? "Mute the microphone (M)" : "Unmute the microphone (M)";
  cameraButton.title = hasPicture ? "Turn the camera off (V)" : "Turn the camera on (V)";
  ownTile.setTracks(media.picture === null ? [] : [media.picture]);
  ownTile.setMirrored(source === "camera");
  ownTile.setPicture(hasPicture);
  ownTile.setSound(hasSound);
  part("use-camera").hidden = source !== "test";
  part("use-test-picture").hidden = source === "test";
  part("media-hint").textContent = hintFor(source, why);
}

/**
 * @param {"none" | "camera" | "test"} source
 * @param {string} why there is no picture of the camera, or ""
 */
function hintFor(source, why) {
  if (why !== "") return whyNoCamera(why);
  switch (source) {
    case "camera": return "This is how the others will see you.";
    case "test": return "The others will see this test picture.";
    default: return "Asking the browser for your camera and microphone…";
  }
}

const toggleSound = () => media.setSound(!media.hasSound);
const togglePicture = () => media.setPicture(!media.hasPicture);

const detailsShown = () => part("details").getAttribute("aria-pressed") === "true";

function toggleDetails() {
  const shown = !detailsShown();
  part("details").setAttribute("aria-pressed", String(shown));
  stage.showDetails(shown);
  demo.call?.showFigures(shown);
}

function hangUp() {
  demo.call?.leave();
  showLobby();
  setSituation("You left the call", "calm");
}

/** @type {{[key: string]: () => void}} */
const SHORTCUTS = { m: toggleSound, v: togglePicture, d: toggleDetails, l: copyLink };

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (demo.call === null || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  SHORTCUTS[event.key.toLowerCase()]?.();
}

// Storage may be forbidden; then nothing is remembered.

/**
 * @param {Storage} storage
 * @param {string} key
 * @param {string} value
 */
function remember(storage, key, value) {
  try {
    storage.setItem(`rtcsignal-${key}`, value);
  } catch {}
}

/**
 * @param {Storage} storage
 * @param {string} key
 */
function recall(storage, key) {
  try {
    return storage.getItem(`rtcsignal-${key}`) ?? "";
  } catch {
    return "";
  }
}

/** The room that this page was in before it was reloaded. */
function roomBeforeReload() {
  const entries = performance.getEntriesByType("navigation");
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (entries);
  return navigation?.type === "reload" ? recall(sessionStorage, "room") : "";
}

// Beginning and end

part("join").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
nameField.addEventListener("input", () => {
  media.setName(nameField.value);
  ownTile.setName(nameField.value);
});
part("use-camera").addEventListener("click", () => media.open());
part("use-test-picture").addEventListener("click", () => media.useTestPicture());
part("microphone").addEventListener("click", toggleSound);
part("camera").addEventListener("click", togglePicture);
part("details").addEventListener("click", toggleDetails);
part("hang-up").addEventListener("click", hangUp);
part("copy-link").addEventListener("click", copyLink);
document.addEventListener("keydown", onKey);
document.addEventListener("click", () => demo.call?.play());
window.addEventListener("hashchange", () => {
  if (demo.call !== null) hangUp();
  prepareLobby();
});
// If they are told at once, the others need not wait until the connection is found to be lost.
window.addEventListener("pagehide", () => demo.call?.leave());
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && demo.call !== null) startCall(demo.call.room.roomName, nameField.value.trim());
});
media.on("changed", showMedia);

prepareLobby();
showMedia();
const opened = Promise.all([media.open(), tabKey.ready]);
const before = roomBeforeReload();
if (before !== "") opened.then(() => startCall(before, nameField.value.trim()));
else if (nameField.value === "") nameField.focus();
