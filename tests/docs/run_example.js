"use strict";

/*
 * Runs one example of the documentation: {library, code, prints} on stdin. `library` is a folder with a
 * socket.io-client; `prints` is how many times the example is expected to call console.log. When it has, or after some
 * seconds, what it has printed goes to stdout as a JSON array. Whatever the example throws ends the process with 1.
 */

const util = require("node:util");

const PATIENCE_MS = 120000;
const AsyncFunction = (async () => {}).constructor;

async function main({ library, code, prints }) {
  const connect = require(library);
  const sockets = [];
  const io = (...args) => {
    sockets.push(connect(...args));
    return sockets.at(-1);
  };
  const printed = [];
  let complete;
  const allPrinted = new Promise((resolve) => { complete = resolve; });
  const log = (...args) => {
    printed.push(util.format(...args));
    if (printed.length >= prints) complete();
  };
  if (prints === 0) complete();
  const requireHere = (name) => {
    if (name !== "socket.io-client") throw new Error(`an example requires ${name}`);
    return io;
  };
  const body = code.replace(/^import \{ io \} from "socket\.io-client";$/m, 'const io = require("socket.io-client");');
  const tooLate = setTimeout(complete, PATIENCE_MS);
  await new AsyncFunction("require", "console", body)(requireHere, { log });
  await allPrinted;
  clearTimeout(tooLate);
  for (const socket of sockets) socket.close();
  process.stdout.write(JSON.stringify(printed));
}

let input = "";
process.stdin.on("data", (data) => { input += data; }).on("end", () => main(JSON.parse(input)));
