/**
 * What people see of a call: a tile for each person, and the room they share.
 * @module stage
 */

import { copyOf, within } from "./elements.js";
import { bestGrid } from "./grid.js";
import { hueOf, initialsOf } from "./words.js";

/** The picture of one person with name, state of the connection and, on request, its numbers. */
export class Tile {
  #video;
  #stream = new MediaStream();
  #id;
  #name = "";
  #words = "";

  /**
   * @param {object} options
   * @param {string} options.id gives the colour while there is no name, the same on every screen
   * @param {boolean} [options.self] our own: mirrored, and silent
   * @param {() => void} [options.onRetry]
   */
  constructor({ id, self = false, onRetry = () => {} }) {
    this.#id = id;
    this.element = copyOf("tile-template");
    this.self = self;
    this.#video = within(this.element, "video", HTMLVideoElement);
    this.#video.muted = self;
    this.#part(".retry").addEventListener("click", onRetry);
    this.setPicture(false);
  }

  /** @param {string} name empty while it is not known */
  setName(name) {
    this.#name = name;
    this.element.style.setProperty("--hue", String(hueOf(name || this.#id)));
    this.#part(".avatar").textContent = initialsOf(name);
    this.#label();
  }

  /**
   * @param {string} state of the connection, for the looks
   * @param {string} short a word or two, beside the name
   * @param {string} [long] a sentence, over the picture
   */
  setState(state, short, long = "") {
    this.#words = short;
    this.element.dataset.state = state;
    this.#part(".cover p").textContent = long;
    this.#part(".retry").hidden = state !== "failed";
    this.#label();
  }

  /**
   * @param {string} verdict why there is no call; "" if there is one, or nothing is known
   * @param {string} words the same for people
   */
  setVerdict(verdict, words) {
    if (verdict === "") delete this.element.dataset.verdict;
    else this.element.dataset.verdict = verdict;
    this.#part(".verdict").textContent = words;
  }

  /** @param {Iterable<MediaStreamTrack>} tracks in place of those shown so far */
  setTracks(tracks) {
    const wanted = new Set(tracks);
    for (const track of this.#stream.getTracks()) {
      if (!wanted.has(track)) this.#stream.removeTrack(track);
    }
    for (const track of wanted) this.#stream.addTrack(track);
    if (this.#video.srcObject === null && wanted.size > 0) this.#video.srcObject = this.#stream;
  }

  /** @param {boolean} mirrored as people are used to seeing themselves */
  setMirrored(mirrored) {
    this.element.toggleAttribute("data-mirrored", mirrored);
  }

  /** @param {boolean} on false shows initials in place of the picture */
  setPicture(on) {
    this.element.dataset.picture = on ? "on" : "off";
  }

  /** @param {boolean} on false shows that the microphone is off */
  setSound(on) {
    this.element.dataset.sound = on ? "on" : "off";
    this.#label();
  }

  /** @param {boolean} speaking shows a ring around the tile */
  setSpeaking(speaking) {
    this.element.toggleAttribute("data-speaking", speaking);
  }

  /** @param {string} text numbers of the connection */
  setFigures(text) {
    this.#part(".figures").textContent = text;
  }

  /**
   * Play what the browser held back.
   * @returns {Promise<boolean>} false if it still requires a click first
   */
  play() {
    if (this.#video.srcObject === null) return Promise.resolve(true);
    return this.#video.play().then(() => true, (error) => error.name !== "NotAllowedError");
  }

  /** @param {string} selector */
  #part(selector) {
    return within(this.element, selector, HTMLElement);
  }

  #label() {
    const who = this.#name || (this.self ? "You" : "Someone");
    const how = this.self && this.#name === "" ? "" : this.#words;
    this.#part(".who").textContent = who;
    this.#part(".how").textContent = how;
    const silent = this.element.dataset.sound === "off" ? "microphone off" : "";
    this.element.setAttribute("aria-label", [who, how, silent].filter((part) => part !== "").join(", "));
  }
}

/** The list of tiles; each change divides the window again. */
export class Stage {
  #list;
  #empty;

  /**
   * @param {HTMLElement} list
   * @param {object} options
   * @param {() => void} options.onInvite the button that is shown to someone who is alone
   */
  constructor(list, { onInvite }) {
    this.#list = list;
    this.#empty = copyOf("empty-template");
    within(this.#empty, "button", HTMLElement).addEventListener("click", onInvite);
    new ResizeObserver(() => this.#share()).observe(list);
  }

  /** @param {string} link that leads others into this room */
  setLink(link) {
    within(this.#empty, ".link", HTMLElement).textContent = link;
  }

  /** @param {Tile} tile */
  add(tile) {
    this.#empty.remove();
    this.#list.append(tile.element);
    if (this.#list.childElementCount === 1) this.#list.append(this.#empty);
    this.#share();
  }

  /** @param {Tile} tile */
  remove(tile) {
    tile.element.remove();
    this.#empty.remove();
    if (this.#list.childElementCount === 1) this.#list.append(this.#empty);
    this.#share();
  }

  /** @param {boolean} shown */
  showDetails(shown) {
    this.#list.toggleAttribute("data-details", shown);
  }

  #share() {
    const { clientWidth, clientHeight, childElementCount } = this.#list;
    if (clientWidth === 0 || childElementCount === 0) return;
    const gap = Number.parseFloat(getComputedStyle(this.#list).rowGap);
    const { width, height } = bestGrid(childElementCount, clientWidth, clientHeight, gap);
    this.#list.style.setProperty("--tile-width", `${width}px`);
    this.#list.style.setProperty("--tile-height", `${height}px`);
  }
}
