// Talks to chat.py from a terminal: npm install socket.io-client, then node chat.js NAME [URL]

const io = require("socket.io-client");
const readline = require("node:readline");

const [name, url = "http://localhost:8080"] = process.argv.slice(2);
const socket = io(url, { query: { name } });

socket.on("news", (text) => console.log(`* ${text}`));
socket.on("said", (who, text) => console.log(`${who}: ${text}`));
readline
  .createInterface({ input: process.stdin })
  .on("line", (text) => socket.emit("say", text))
  .on("close", () => socket.close());
