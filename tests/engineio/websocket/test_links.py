"""WebSockets that carry no session are counted, by address."""

from __future__ import annotations

from rtcsignal.engineio.websocket.link import WebSocketLink
from rtcsignal.engineio.websocket.links import Links

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_oneThatCarriesASessionIsNotCounted() -> None:
    links = Links(8)
    for _ in range(20):
        links.add(WebSocketLink())
    assert (len(links), dict(links.counts)) == (20, {})
    assert links.hasSlotFor(HERE)


def test_anAddressHasSoManyThatCarryNone() -> None:
    links = Links(10)
    idle = [WebSocketLink() for _ in range(10)]
    for link in idle:
        assert links.hasSlotFor(HERE)
        links.add(link)
        links.count(link, HERE)
        links.count(link, HERE)
    assert not links.hasSlotFor(HERE)
    assert links.hasSlotFor(THERE)
    links.carries(idle[0])
    assert dict(links.counts) == {HERE: 9}
    links.remove(idle[1])
    assert dict(links.counts) == {HERE: 8}
    assert links.all == frozenset(idle[:1] + idle[2:])


def test_whatIsGoneIsNotCountedAnyMore() -> None:
    links, link = Links(10), WebSocketLink()
    links.add(link)
    links.remove(link)
    links.count(link, HERE)
    links.remove(link)
    assert (len(links), dict(links.counts)) == (0, {})


def test_aFewMayCloseWhereHardlyAnySessionIsAllowed() -> None:
    links = Links(1)
    for _ in range(8):
        assert links.hasSlotFor(HERE)
        link = WebSocketLink()
        links.add(link)
        links.count(link, HERE)
    assert not links.hasSlotFor(HERE)


def test_thereNeedNotBeALimit() -> None:
    links = Links(0)
    for _ in range(50):
        link = WebSocketLink()
        links.add(link)
        links.count(link, HERE)
    assert links.hasSlotFor(HERE)
