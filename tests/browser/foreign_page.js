/*
 * A page of another origin that tries all that a page can to read something of a server, or to use it.
 * `attack(server, session, all)` tells what it got: a list of [how, address, what]; empty if nothing.
 * `session` is one that the page should not know, as path and query of its polls; it is only posted to unless `all`.
 */
"use strict";

const PATIENCE = 15000;
const found = [];

function soon(promise) {
  return Promise.race([promise, new Promise((resolve) => { setTimeout(() => resolve("late"), PATIENCE); })]);
}

function got(how, address, what) {
  found.push([how, address, String(what).slice(0, 200)]);
}

/** Everything that a script could call or set. */
function setTraps() {
  window.___eio = new Proxy([], {
    get: () => (payload) => got("script, called", "some address", payload),
    set: (_, name, value) => { got("script, set", "some address", value); return true; },
  });
  window.onerror = (message) => {
    if (!/^Script error/.test(message)) got("script, its error", "some address", message);
    return true;
  };
}

function element(how, address, make) {
  const node = make();
  return soon(new Promise((resolve) => {
    node.onload = () => { got(how, address, "loaded"); resolve(); };
    node.onloadeddata = node.onload;
    node.onerror = resolve;
    document.body.append(node);
  })).finally(() => node.remove());
}

const made = (tag, attributes) => () => Object.assign(document.createElement(tag), attributes);

async function elements(address) {
  await element("script", address, made("script", { src: address }));
  await element("script, cors", address, made("script", { src: address, crossOrigin: "use-credentials" }));
  await element("module", address, made("script", { src: address, type: "module" }));
  await element("style", address, made("link", { href: address, rel: "stylesheet" }));
  await element("image", address, made("img", { src: address }));
  await element("video", address, made("video", { src: address, preload: "auto" }));
}

async function read(how, address, options) {
  try {
    const answer = await fetch(address, options);
    const text = await answer.text();
    if (text !== "" || answer.status !== 0) got(how, address, `${answer.status} ${text}`);
  } catch { /* as it should be */ }
}

async function fetches(address, methods) {
  for (const method of methods) {
    const body = method === "POST" ? "40" : undefined;
    for (const mode of ["no-cors", "cors"]) {
      for (const referrerPolicy of ["unsafe-url", "no-referrer"]) {
        await read(`fetch ${method} ${mode}`, address, { method, mode, body, referrerPolicy, credentials: "include" });
      }
    }
    await read(`fetch ${method} with a header`, address, { method, body, headers: { "X-Forwarded-Host": location.host } });
  }
  for (const method of methods) {
    await soon(new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open(method, address);
      request.withCredentials = true;
      request.onload = () => { got(`XMLHttpRequest ${method}`, address, `${request.status} ${request.responseText}`); };
      request.onloadend = resolve;
      request.send(method === "POST" ? "40" : undefined);
    }));
  }
}

async function streams(address) {
  await soon(new Promise((resolve) => {
    const source = new EventSource(address, { withCredentials: true });
    source.onopen = () => got("EventSource, opened", address, "");
    source.onmessage = ({ data }) => got("EventSource", address, data);
    source.onerror = () => { source.close(); resolve(); };
  }));
  await soon(new Promise((resolve) => {
    const socket = new WebSocket(address.replace(/^http/, "ws").replace("transport=polling", "transport=websocket"));
    socket.onopen = () => got("WebSocket, opened", address, "");
    socket.onmessage = ({ data }) => got("WebSocket", address, data);
    socket.onclose = resolve;
  }));
}

/** A frame can be read if it is of the page's own origin, and the only frame of that kind is the empty one. */
async function framed(how, address, begin) {
  const frame = Object.assign(document.createElement("iframe"), { name: `frame${Math.random()}` });
  document.body.append(frame);
  await soon(new Promise((resolve) => { frame.onload = resolve; begin(frame); }));
  try {
    const text = frame.contentDocument?.body?.textContent;
    if (text) got(how, address, text);
  } catch { /* as it should be */ }
  frame.remove();
}

async function forms(address) {
  navigator.sendBeacon(address, "40");
  for (const referrerpolicy of ["unsafe-url", "no-referrer"]) {
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded"]) {
      await framed(`form ${enctype}`, address, (frame) => {
        const meta = Object.assign(document.createElement("meta"), { name: "referrer", content: referrerpolicy });
        document.head.append(meta);
        const form = made("form", { action: address, method: "post", enctype, target: frame.name })();
        const name = enctype === "text/plain" ? '42["join-room",{"userId":"eve","roomName":"r","x":"' : "d";
        form.append(made("input", { name, value: enctype === "text/plain" ? '"}]' : "40" })());
        document.body.append(form);
        form.submit();
        form.remove();
        meta.remove();
      });
    }
  }
}

function gets(address) {
  return [
    elements(address),
    fetches(address, ["GET"]),
    streams(address),
    framed("frame", address, (frame) => { frame.src = address; }),
  ];
}

function posts(address) {
  return [fetches(address, ["POST"]), forms(address)];
}

async function attack(server, session, all) {
  found.length = 0;
  setTraps();
  const engine = [3, 4].flatMap((revision) => [
    `/socket.io/?EIO=${revision}&transport=polling`,
    `/socket.io/?EIO=${revision}&transport=polling&j=0`,
    `/socket.io/?EIO=${revision}&transport=polling&%6A=0&j=1`,
  ]);
  const known = [session, `${session}&j=0`];
  const pages = ["/status", "/", "/app.js", "/rtcsignal.js", "/style.css", "/favicon.svg", "/nothing", "/socket.io/"];
  const paths = [...engine, "/socket.io/?transport=polling", ...pages, ...(all ? known : [])];
  const addresses = (some) => some.map((path) => server + path);
  await Promise.all([...addresses(paths).flatMap(gets), ...addresses([...paths, ...known]).flatMap(posts)]);
  return found;
}
