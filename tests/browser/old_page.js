/*
 * A page written for the original server, in our own words: socket.io-client 2.2.0, no ids, no roles, no repetition.
 * "many": every member sends an offer to whoever joins. "pair": offers only when told to, to nobody in particular.
 */
"use strict";

const [OFFER, ANSWER, CANDIDATE, HANGUP] = [1, 2, 3, 4];
const { server, user, room, kind } = Object.fromEntries(new URLSearchParams(location.search));
const calls = new Map();
const socket = io(`${server}/socket.io`);

function send(target, body) {
  socket.emit("broadcast", { userId: user, ...(kind === "many" && { targetUserId: target }), ...body });
}

async function callOf(other) {
  if (calls.has(other)) return calls.get(other);
  const pc = new RTCPeerConnection();
  calls.set(other, pc);
  const canvas = document.createElement("canvas");
  setInterval(() => canvas.getContext("2d").fillRect(0, 0, Math.random() * 300, Math.random() * 150), 100);
  pc.addTrack(canvas.captureStream(10).getVideoTracks()[0]);
  pc.onicecandidate = ({ candidate }) => {
    if (candidate === null) return;
    const { sdpMid: id, sdpMLineIndex: label } = candidate;
    send(other, { msgType: CANDIDATE, id, label, candidate: candidate.candidate });
  };
  return pc;
}

async function offer(other) {
  const pc = await callOf(other);
  const description = await pc.createOffer({ offerToReceiveAudio: true, offerToReceiveVideo: true });
  await pc.setLocalDescription(description);
  send(other, { msgType: OFFER, sdp: description.sdp });
}

async function receive({ userId, msgType, sdp, id, label, candidate }) {
  const pc = await callOf(userId);
  if (msgType === OFFER) {
    await pc.setRemoteDescription({ type: "offer", sdp });
    const description = await pc.createAnswer();
    await pc.setLocalDescription(description);
    send(userId, { msgType: ANSWER, sdp: description.sdp });
  } else if (msgType === ANSWER) {
    await pc.setRemoteDescription({ type: "answer", sdp });
  } else if (msgType === CANDIDATE) {
    await pc.addIceCandidate({ sdpMid: id, sdpMLineIndex: label, candidate });
  } else if (msgType === HANGUP) {
    pc.close();
    calls.delete(userId);
  }
}

socket.emit("join-room", JSON.stringify({ userId: user, roomName: room }));
socket.on("user-joined", (other) => {
  if (other !== user && kind === "many") offer(other);
});
socket.on("broadcast", (message) => {
  const ours = message.targetUserId === undefined || message.targetUserId === user;
  if (message.userId !== user && ours) receive(message).catch((error) => window.refused.push(String(error)));
});

window.refused = [];
window.callButton = () => offer("whoever");
window.hangUpButton = () => [...calls.keys()].forEach((other) => send(other, { msgType: HANGUP }));
window.received = async () => {
  const reports = await Promise.all([...calls.values()].map((pc) => pc.getStats()));
  const stats = reports.flatMap((report) => [...report.values()]);
  return stats.reduce((sum, { type, bytesReceived }) => sum + (type === "inbound-rtp" ? bytesReceived : 0), 0);
};
