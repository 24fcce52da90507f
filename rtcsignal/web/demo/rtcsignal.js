/**
 * Calls between browsers through an rtcsignal server. No dependencies; copy these files next to it:
 * ground.js, network.js, socket.js, outbox.js, place.js, roster.js, room.js, mesh.js, peer.js, negotiation.js, candidates.js,
 * delivery.js, messages.js, chain.js, watchdog.js, healer.js, servers.js,
 * reports.js, stats.js.
 *
 *     import { joinCall } from "./rtcsignal.js";
 *
 *     const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
 *     const { mesh, room } = joinCall({ url: location.href, roomName: "kitchen", stream, info: { name: "Alice" } });
 *     mesh.on("peer", (peer) => {
 *       const video = document.body.appendChild(document.createElement("video"));
 *       video.autoplay = true;
 *       peer.on("tracks", (tracks) => { video.srcObject = new MediaStream([...tracks.values()]); });
 *       peer.on("state", (state) => { if (state === "closed") video.remove(); });
 *     });
 *     room.on("ended", (error) => alert(error.message));
 *     mesh.leave();    // when the call is over
 *
 * From the bottom up: a `Socket` is a connection that comes back by itself, a `Room` is a membership that is renewed
 * after every loss, a `Mesh` holds a `Peer` for each other member and heals what breaks. Each can be used without those
 * above it.
 * @module rtcsignal
 */

import { randomId } from "./ground.js";
import { Mesh } from "./mesh.js";
import { Room } from "./room.js";
import { Socket } from "./socket.js";

/** @import { Info } from "./messages.js" */
/** @import { SocketOptions } from "./socket.js" */

export { Emitter, randomId, SignalingError, systemClock } from "./ground.js";
export { Mesh } from "./mesh.js";
export { MESSAGE } from "./messages.js";
export { Peer } from "./peer.js";
export { Room } from "./room.js";
export { Socket } from "./socket.js";
export { StatsReader } from "./stats.js";

/**
 * Enter a room and call everyone in it. Listeners that are added before the next `await` miss nothing.
 * @param {object} options
 * @param {string | URL} options.url any address of the server
 * @param {string} options.roomName
 * @param {string} [options.userId] random by default
 * @param {MediaStream} [options.stream] what the others see and hear
 * @param {Info} [options.info] what the others are told about us
 * @param {object} [options.details] further keys of join-room, for policies of the server
 * @param {string} [options.replaces] the `key` of the room before the page was reloaded, if that is known
 * @param {RTCConfiguration} [options.rtc]
 * @param {SocketOptions} [options.socket]
 * @returns {{socket: Socket, room: Room, mesh: Mesh}}
 */
export function joinCall({ url, roomName, userId = randomId(), stream, info, details, replaces, rtc, socket: socketOptions }) {
  const socket = new Socket(url, socketOptions);
  const room = new Room(socket, { roomName, userId, details, replaces });
  const mesh = new Mesh(room, { stream, info, rtc });
  room.join();
  return { socket, room, mesh };
}
