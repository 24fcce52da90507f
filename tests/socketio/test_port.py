"""A Socket.IO server on a port of its own, in one call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.address import IPv4Address
from twisted.web.resource import Resource

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.socketio.namespace import EventNamespace
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.port import mount, portFor
from rtcsignal.socketio.server import SocketOptions
from tests.engineio.frames import framesOf
from tests.engineio.memory import MemoryLink, SelectingClock
from tests.engineio.world import AFTER_HANDSHAKE
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import textFrame, upgradeBytes


@pytest.fixture
def chat() -> EventNamespace:
    """Everybody hears what anybody says."""
    chat = EventNamespace()

    @chat.on("say")
    def say(peer: Peer, text: str) -> None:
        chat.emit("said", text)

    return chat


@pytest.fixture
def links() -> Iterator[list[MemoryLink]]:
    links: list[MemoryLink] = []
    yield links
    for link in links:
        link.close()


def opened(port: PortFactory, clock: SelectingClock, links: list[MemoryLink], request: bytes) -> MemoryLink:
    """A connection that has sent a request."""
    link = MemoryLink(port.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1)), clock)
    links.append(link)
    link.send(request)
    link.turn()
    clock.advance(AFTER_HANDSHAKE)
    link.turn()
    return link


def test_whatItReturnsServesTheNamespaces(clock: SelectingClock, chat: EventNamespace, links: list[MemoryLink]) -> None:
    port = portFor({"/": chat}, clock)
    link = opened(port, clock, links, upgradeBytes("/socket.io/?EIO=4&transport=websocket"))
    link.send(textFrame("40") + textFrame('42["say","hello"]'))
    link.turn()
    link.turn()
    frames = framesOf(link.read().partition(b"\r\n\r\n")[2])
    assert frames[-1].text == '42["said","hello"]'


def test_pollingIsServedBesideIt(clock: SelectingClock, chat: EventNamespace, links: list[MemoryLink]) -> None:
    port = portFor({"/": chat}, clock, engine=EngineOptions(path="/a/b/", cookie="io"))
    link = opened(port, clock, links, requestBytes("GET", "/a/b/?EIO=4&transport=polling"))
    assert b"Set-Cookie: io=" in link.read()


def test_soIsWhateverElseThereIs(clock: SelectingClock, links: list[MemoryLink]) -> None:
    class Page(Resource):
        isLeaf = True

        def render_GET(self, request: object) -> bytes:
            return b"hello"

    root = Resource()
    root.putChild(b"page", Page())
    port = portFor({}, clock, root)
    assert opened(port, clock, links, requestBytes("GET", "/page")).read().endswith(b"hello")
    polling = requestBytes("GET", "/socket.io/?EIO=4&transport=polling")
    assert b'0{"sid":' in opened(port, clock, links, polling).read()


def test_allSettingsAreTaken(clock: SelectingClock, links: list[MemoryLink]) -> None:
    port = portFor(
        {}, clock, sockets=SocketOptions(connectTimeout=0.5), http=HttpLimits(headerBytes=500), engine=EngineOptions()
    )
    assert port.limits.headerBytes == 500
    opened(port, clock, links, upgradeBytes("/socket.io/?EIO=4&transport=websocket"))
    engine = port.engines["/socket.io/"]
    sessions = [len(engine.registry.sessions)]
    clock.advance(0.5)
    sessions.append(len(engine.registry.sessions))
    assert sessions == [1, 0]


def test_theEndOfTheServerEndsItsSessions(clock: SelectingClock, chat: EventNamespace, links: list[MemoryLink]) -> None:
    port = portFor({"/": chat}, clock)
    opened(port, clock, links, requestBytes("GET", "/socket.io/?EIO=3&transport=polling"))
    done: list[None] = []
    port.engines["/socket.io/"].close(0.5).addCallback(done.append)
    assert chat.peers == {}
    clock.pump([0.25] * 4)
    assert done == [None]


@pytest.mark.parametrize(("path", "names"), [("/x/", [b"x"]), ("/a/b/c/", [b"a", b"b", b"c"])])
def test_aResourceIsMountedWhereItsPathSays(path: str, names: list[bytes]) -> None:
    root, resource = Resource(), Resource()
    mount(root, path, resource)
    found = root
    for name in names:
        found = found.children[name]
    assert found is resource
