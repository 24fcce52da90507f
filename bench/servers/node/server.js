// The same rooms and events on Node's socket.io, as its users would write them; all settings are the package's own,
// but for those that all three servers share. Its settings come from the environment: see ../../servers.py.
const fs = require("fs");
const http = require("http");
const https = require("https");
const { Server } = require("socket.io");

const { BENCH_PORT, BENCH_PING_INTERVAL, BENCH_KEY, BENCH_CERTIFICATE } = process.env;
const server = BENCH_KEY
  ? https.createServer({ key: fs.readFileSync(BENCH_KEY), cert: fs.readFileSync(BENCH_CERTIFICATE) })
  : http.createServer();
const io = new Server(server, { allowEIO3: true, pingInterval: BENCH_PING_INTERVAL * 1000 });

for (const name of ["/", "/socket.io"]) {
  const namespace = io.of(name);
  namespace.on("connection", (socket) => {
    const tell = (event, argument) => {
      for (const room of socket.rooms) {
        if (room !== socket.id) namespace.to(room).emit(event, argument);
      }
    };
    socket.on("join-room", (text) => {
      const { userId, roomName } = JSON.parse(text);
      socket.join(roomName);
      namespace.to(roomName).emit("user-joined", userId);
    });
    socket.on("leave-room", (text) => {
      const { userId, roomName } = JSON.parse(text);
      namespace.to(roomName).emit("user-left", userId);
      socket.leave(roomName);
    });
    socket.on("broadcast", (message) => tell("broadcast", message));
  });
}

server.listen({ port: Number(BENCH_PORT), host: "127.0.0.1", backlog: 1024 });
