/**
 * Our own picture and sound: camera and microphone where there are any, a test picture where not.
 * @module media
 */

import { Emitter } from "./ground.js";
import { hueOf, initialsOf } from "./words.js";

const CAMERA = { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * @typedef {object} OwnMediaEvents
 * @property {[]} changed there are other tracks, or one was enabled or disabled
 */

/**
 * `stream` remains the same object; its tracks change.
 * @extends {Emitter<OwnMediaEvents>}
 */
export class OwnMedia extends Emitter {
  /** @type {TestPicture | null} */
  #test = null;
  #name = "";

  stream = new MediaStream();
  /** Where the picture comes from. @type {"none" | "camera" | "test"} */
  source = "none";
  /** Name of the error that kept the camera away, or "". */
  problem = "";

  get microphone() {
    return this.stream.getAudioTracks()[0] ?? null;
  }

  get picture() {
    return this.stream.getVideoTracks()[0] ?? null;
  }

  get hasSound() {
    return this.microphone?.enabled ?? false;
  }

  get hasPicture() {
    return this.picture?.enabled ?? false;
  }

  /** @param {string} name written on the test picture */
  setName(name) {
    this.#name = name;
    this.#test?.setName(name);
  }

  /** Use the camera and the microphone, as far as there are any, and a test picture in place of a camera. */
  async open() {
    this.problem = "";
    const devices = navigator.mediaDevices;
    const tracks = devices === undefined ? this.#failed("insecure") : await this.#ask(devices);
    this.#take(tracks);
    if (!tracks.some(({ kind }) => kind === "video")) this.useTestPicture();
  }

  useTestPicture() {
    this.#test ??= new TestPicture();
    this.#test.setName(this.#name);
    this.#replace(this.#test.track());
    this.source = "test";
    this.fire("changed");
  }

  /** @param {boolean} on */
  setSound(on) {
    if (this.microphone !== null) this.microphone.enabled = on;
    this.fire("changed");
  }

  /** @param {boolean} on */
  setPicture(on) {
    if (this.picture !== null) this.picture.enabled = on;
    this.fire("changed");
  }

  /** @param {MediaDevices} devices */
  async #ask(devices) {
    const both = { audio: MICROPHONE, video: CAMERA };
    const wishes = [both, { ...both, audio: false }, { ...both, video: false }];
    /** @type {MediaStreamTrack[]} */
    const tracks = [];
    for (const wish of wishes) {
      try {
        tracks.push(...(await devices.getUserMedia(wish)).getTracks());
      } catch (error) {
        this.#failed(error instanceof Error ? error.name : String(error));
      }
      // A refusal concerns both, and asking again would be impolite; if one is missing, we may still get the other.
      if (wish === both && (tracks.length > 0 || this.problem === "NotAllowedError")) break;
    }
    if (tracks.some(({ kind }) => kind === "video")) this.problem = "";
    return tracks;
  }

  /** @param {string} name of an error @returns {MediaStreamTrack[]} none */
  #failed(name) {
    this.problem = name;
    return [];
  }

  /** @param {MediaStreamTrack[]} tracks */
  #take(tracks) {
    for (const track of tracks) {
      this.#replace(track);
      if (track.kind !== "video") continue;
      this.source = "camera";
      track.addEventListener("ended", () => {
        this.problem = "NotFoundError";
        this.useTestPicture();
      });
    }
    this.fire("changed");
  }

  /** @param {MediaStreamTrack} track */
  #replace(track) {
    const enabled = track.kind === "video" ? this.picture?.enabled : this.microphone?.enabled;
    track.enabled = enabled ?? true;
    for (const old of this.stream.getTracks()) {
      if (old.kind !== track.kind || old === track) continue;
      this.stream.removeTrack(old);
      if (old !== this.#test?.track()) old.stop();
    }
    this.stream.addTrack(track);
  }
}

/** A calm moving picture with initials and a clock, so that people see that it moves, and whose it is. */
export class TestPicture {
  #canvas = document.createElement("canvas");
  #name = "";
  #track;

  /** @param {{width?: number, height?: number, rate?: number}} [size] in pixels and pictures per second */
  constructor({ width = 640, height = 360, rate = 15 } = {}) {
    Object.assign(this.#canvas, { width, height });
    this.#draw();
    this.#track = this.#canvas.captureStream(rate).getVideoTracks()[0];
    setInterval(() => this.#draw(), 1000 / rate);
  }

  track() {
    return this.#track;
  }

  /** @param {string} name */
  setName(name) {
    this.#name = name;
    this.#draw();
  }

  #draw() {
    const context = this.#canvas.getContext("2d", { alpha: false });
    if (context === null) return;
    const { width, height } = this.#canvas;
    const hue = hueOf(this.#name);
    const time = performance.now() / 1000;
    const ground = context.createLinearGradient(0, 0, width, height);
    // Towards red from both sides: the way through yellow looks muddy.
    const end = hue < 60 ? hue - 28 : hue + 38;
    ground.addColorStop(0, `hsl(${hue} 52% 50%)`);
    ground.addColorStop(1, `hsl(${end} 54% 34%)`);
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
    this.#waves(context, width, height, time);
    this.#letters(context, width, height);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {number} time in seconds
   */
  #waves(context, width, height, time) {
    context.fillStyle = "rgb(255 255 255 / 9%)";
    for (let wave = 0; wave < 3; wave += 1) {
      context.beginPath();
      context.moveTo(0, height);
      for (let x = 0; x <= width; x += 16) {
        const swing = Math.sin(x / (90 + 40 * wave) + time * (0.5 + 0.25 * wave) + wave * 2);
        context.lineTo(x, height * (0.62 + 0.12 * wave) + swing * height * 0.07);
      }
      context.lineTo(width, height);
      context.fill();
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   */
  #letters(context, width, height) {
    context.fillStyle = "#fff";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `600 ${Math.round(height * 0.3)}px Inter, "Segoe UI", Roboto, Arial, sans-serif`;
    context.fillText(initialsOf(this.#name), width / 2, height * 0.46);
    context.globalAlpha = 0.75;
    context.font = `${Math.round(height * 0.055)}px Inter, "Segoe UI", Roboto, Arial, sans-serif`;
    context.fillText(new Date().toLocaleTimeString(), width / 2, height * 0.68);
    context.globalAlpha = 1;
  }
}
