"""What the log of a real server says of connections: every refusal leaves a line, and lines of one connection belong
together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from rtcsignal.logtext import connOf
from tests.support.processes import Process
from tests.wire.rawhttp import Header, requestBytes
from tests.wire.rawws import upgradeBytes
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

Server = Callable[..., Process]

POLLING = f"{SOCKETIO_PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{SOCKETIO_PATH}?EIO=4&transport=websocket"
FOREIGN = [("Origin", "https://evil.example")]
PROXIED = "haproxy:tcp:0:interface=127.0.0.1"
NO_KEY = (b"Sec-WebSocket-Key: ", b"X-Key: ")


@contextmanager
def wireTo(process: Process) -> Iterator[Wire]:
    """Opens connections to a server, and closes them."""
    wire = Wire(("127.0.0.1", process.port))
    yield wire
    wire.endSessions()
    wire.closeAll()


def member(wire: Wire, revision: int, user: str, room: str) -> Peer:
    """A client on WebSocket that has joined a room."""
    peer = wire.namespacePeer(revision, "websocket")
    peer.send(event("join-room", {"userId": user, "roomName": room}, ack="1"))
    return peer


HANDSHAKES: list[tuple[str, str, Iterable[Header], str]] = [
    ("GET", POLLING, FOREIGN, r"Origin not allowed \(status 403, revision 4, origin https://evil\.example, host \S+\)"),
    ("GET", f"{SOCKETIO_PATH}?EIO=2&transport=polling", (), r"Unsupported protocol version \(status 400, revision 2,"),
    ("GET", f"{SOCKETIO_PATH}?EIO=secret&transport=x", (), r"Transport unknown \(status 400, revision unknown,"),
    ("POST", POLLING, (), r"Bad handshake method \(status 400, revision 4,"),
    ("GET", WEBSOCKET, (), r"Bad request \(status 400, revision 4,"),
]


class TestRefusals:
    @pytest.mark.parametrize("fast", [True, False])
    def test_everyRefusedHandshakeIsALine(self, server: Server, fast: bool) -> None:
        process = server({"socketio": {"fast": fast}})
        with wireTo(process) as wire:
            for method, target, headers, line in HANDSHAKES:
                assert wire.request(method, target, headers).status >= 400
                process.waitOutput(rf"#info\] refused a handshake from 127\.0\.0\.1: {line}")
            # With an upgrade as well, and in whatever Autobahn does not like.
            wire.tryWebSocket(WEBSOCKET, FOREIGN)
            wire.connection().send(upgradeBytes(WEBSOCKET).replace(b"Version: 13", b"Version: 7"))
            process.waitOutput(r"refused a handshake from 127\.0\.0\.1: not version 13 of WebSocket \(status 400,")
            wire.connection().send(upgradeBytes(WEBSOCKET).replace(*NO_KEY))
            process.waitOutput(r"refused a handshake from 127\.0\.0\.1: not a WebSocket handshake: HTTP Sec-WebSocket")
        assert process.output().count("Origin not allowed") == 2
        assert "secret" not in process.output()

    @pytest.mark.parametrize("fast", [True, False])
    def test_aRequestOfASessionThatHasEndedTellsWhichOneItWas(self, server: Server, fast: bool) -> None:
        process = server({"socketio": {"fast": fast}}, "--log-level", "debug")
        with wireTo(process) as wire:
            session = wire.polling(4, path=SOCKETIO_PATH)
            conn = connOf(session.sid)
            assert wire.request("POST", f"{POLLING}&sid={session.sid}", body=b"1").status == 200
            assert wire.request("GET", f"{POLLING}&sid={session.sid}").status == 400
            process.waitOutput(rf"session opened by 127\.0\.0\.1: polling, revision 4 \(conn {conn}\)")
            process.waitOutput(rf"session closed: transport close \(conn {conn}\)")
            line = rf"Session ID unknown \(status 400, revision 4, conn {conn}\)"
            process.waitOutput(rf"#info\] refused a request from 127\.0\.0\.1: {line}")
        assert session.sid not in process.output()

    def test_whatIsNotHttpIsALineToo(self, server: Server) -> None:
        process = server({"limits": {"header_bytes": 2_000}})
        with wireTo(process) as wire:
            for data, line in (
                (b"nonsense\r\n\r\n", r"not a request line of HTTP/1\.1 \(status 400\)"),
                (b"GET / HTTP/1.1\r\n" + b"x" * 3_000, r"request headers too large \(status 431\)"),
                (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", r"more than one Host header \(status 400\)"),
            ):
                wire.connection().send(data)
                process.waitOutput(rf"#info\] refused a connection from 127\.0\.0\.1: {line}")

    def test_theLimitsOfAnAddressAreALine(self, server: Server) -> None:
        process = server({"limits": {"connections_per_address": 1}})
        with wireTo(process) as wire:
            wire.polling(4, path=SOCKETIO_PATH)
            assert wire.request("GET", POLLING).status == 429
            process.waitOutput(r"refused a handshake from 127\.0\.0\.1: Too many connections \(status 429, revision 4,")
            for _ in range(4):
                wire.connection().send(b"GET ")
            process.waitOutput(r"refused a connection from 127\.0\.0\.1: too many connections from this address \(st")

    def test_aFloodOfOneKindHidesNoOther(self, server: Server) -> None:
        process = server({"limits": {"log_lines_per_second": 1}})
        with wireTo(process) as wire:
            connection = wire.connection()
            request = requestBytes("GET", f"{POLLING}&sid=unknown")
            for _ in range(60):
                connection.send(request)
                connection.readResponse()
            wire.request("GET", POLLING, FOREIGN)
            process.waitOutput("refused a handshake")
            process.waitOutput("refused a request")
        assert process.output().count("refused a request") < 30

    @pytest.mark.parametrize("revision", [3, 4])
    def test_refusalsOfPeopleSayWhoAndWhere(self, server: Server, revision: int) -> None:
        process = server({"limits": {"rooms_per_peer": 1}})
        with wireTo(process) as wire:
            peer = member(wire, revision, "ann", "kitchen")
            joined = process.waitOutput(r"#info\] ann joined kitchen \(127\.0\.0\.1, conn ([0-9a-f]{8})\)")
            who = rf"\(user ann, 127\.0\.0\.1, conn {joined[1]}\)"
            peer.send(
                event("join-room", {"userId": "ann", "roomName": "hall"}, ack="2"),
                event("broadcast", {"userId": "eve"}, ack="3"),
                event("leave-room", {"userId": "eve", "roomName": "kitchen"}, ack="4"),
                "41",
            )
            process.waitOutput(rf"#info\] refused join-room in hall: too-many-rooms {who}")
            process.waitOutput(rf"#info\] refused broadcast in \?: not-your-user-id {who}")
            process.waitOutput(rf"#info\] refused leave-room in kitchen: not-your-user-id {who}")
            process.waitOutput(rf"#info\] ann left kitchen: disconnect \(conn {joined[1]}\)")

    def test_namespacesThatAreRefusedAreALine(self, server: Server) -> None:
        process = server()
        with wireTo(process) as wire:
            peer = wire.socket(4, path=SOCKETIO_PATH)
            peer.send("40/else\nwhere,")
            line = r"refused a connection to /else\\x0awhere: Invalid namespace \(127\.0\.0\.1, conn [0-9a-f]{8}\)"
            process.waitOutput(rf"#info\] {line}$")


class TestOtherPaths:
    @pytest.mark.parametrize("fast", [True, False])
    @pytest.mark.parametrize("demo", [True, False])
    def test_aClientOfSocketIoAtAWrongPathIsALine(self, server: Server, fast: bool, demo: bool) -> None:
        process = server({"socketio": {"fast": fast}, "web": {"demo": demo}})
        begin, served = r"#info\] refused a handshake from 127\.0\.0\.1 at", rf"Socket\.IO is at {SOCKETIO_PATH}"
        with wireTo(process) as wire:
            wire.tryWebSocket("/socket.io2/?EIO=4&transport=websocket", FOREIGN)
            who = r"status 404, revision 4, origin https://evil\.example, host \S+"
            process.waitOutput(rf"{begin} /socket\.io2/: {served} \({who}\)$")
            for target, path in (
                ("/ws", "/ws"),
                ("/status", "/status"),
                ("/a%0Ab/\\", r"/a%0Ab/\\\\"),
                ("/" + "x" * 2_000, r"/x+\.\.\."),
            ):
                wire.tryWebSocket(target)
                process.waitOutput(rf"{begin} {path}: {served} \(status \d+, revision none,")
            for target, path in (
                ("/io/?EIO=3&transport=polling", "/io/"),
                ("/poll?transport=polling&b64=1", "/poll"),
                ("/?EIO=4&transport=polling", "/"),
            ):
                wire.request("GET", target)
                process.waitOutput(rf"{begin} {path}: {served} \(")
            assert wire.request("POST", "/late/?EIO=4&transport=polling&sid=abcd", body=b"40").status == 405
            process.waitOutput(rf"{begin} /late/: {served} \(status 405, revision 4,")
        assert "abcd" not in process.output()

    def test_whatIsNotThereForAnyoneElseIsNoLine(self, server: Server) -> None:
        process = server()
        with wireTo(process) as wire:
            for target in ("/robots.txt", "/.env", "/wp-login.php?transport=bus", "/socket.io2/"):
                assert wire.request("GET", target).status == 404
            assert wire.request("GET", "/status?transport=polling").status == 200
            assert wire.request("GET", "/x", [("Upgrade", "h2c"), ("Connection", "Upgrade")]).status == 404
            wire.request("GET", POLLING, FOREIGN)
            process.waitOutput("refused a handshake")
        assert "Socket.IO is at" not in process.output()

    def test_aFloodOfThemHidesNoHandshake(self, server: Server) -> None:
        process = server({"limits": {"log_lines_per_second": 1}})
        with wireTo(process) as wire:
            connection = wire.connection()
            for _ in range(60):
                connection.send(requestBytes("GET", "/ws?EIO=4"))
                connection.readResponse()
            wire.request("GET", POLLING, FOREIGN)
            process.waitOutput("Origin not allowed")
        assert process.output().count("at /ws") < 30

    def test_anAbsurdSubprotocolIsALine(self, server: Server) -> None:
        process = server()
        with wireTo(process) as wire:
            wire.tryWebSocket(WEBSOCKET, [("Sec-WebSocket-Protocol", "a b,(")])
            process.waitOutput(r"refused a handshake from \S+: a malformed Sec-WebSocket-Protocol header \(status 400,")


class TestLinesOfLibraries:
    def test_haveTheirValuesFilledIn(self, server: Server) -> None:
        process = server({"limits": {"idle_seconds": 0.2}}, "--log-level", "debug")
        with wireTo(process) as wire:
            wire.webSocket(WEBSOCKET).connection.send(b"\xf1\x80")  # reserved bits
            line = r'WebSocket: failing WebSocket connection \(code=1002\): "[^{}]+" \(conn [0-9a-f]{8}\)'
            process.waitOutput(rf"#debug\] {line}")
            idle = wire.connection()  # as a browser leaves connections: twisted.web has something to say about it
            assert idle.request("GET", "/status").status == 200
            assert wire.request("HEAD", "/status").status == 200
            process.waitOutput(r"#debug\] Timing out client")
        assert not re.search(r"\{[a-z_]*\}", process.output()), process.output()

    def test_aPortBehindAProxyIsNamedAsItWasConfigured(self, server: Server) -> None:
        process = server({"proxies": ["127.0.0.1"]}, "--listen", PROXIED)
        process.waitOutput(r"listening on haproxy:tcp:127\.0\.0\.1:\d+$")
        process.stop()
        assert "factory" not in process.output()

    def test_thatSayNothingAreNotShown(self, server: Server) -> None:
        process = server({"limits": {"idle_seconds": 0.2}})
        with wireTo(process) as wire:
            idle = wire.connection()
            assert idle.request("GET", "/status").status == 200
            idle.readToEnd()
            wire.request("GET", POLLING, FOREIGN)
            process.waitOutput("refused a handshake")
        assert "Timing out" not in process.output()
