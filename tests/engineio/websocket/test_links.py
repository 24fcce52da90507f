"""WebSockets that carry no session are counted, by address."""

from __future__ import annotations

from rtcsignal.engineio.websocket.link import WebSocketLink
from rtcsignal.engineio.websocket.links import Links

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_one_that_carries_a_session_is_not_counted() -> None:
    links = Links(8)
    for _ in range(20):
        links.add(WebSocketLink())
    assert (len(links), dict(links.counts)) == (20, {})
    assert links.hasSlotFor(HERE)


def test_an_address_has_so_many_that_carry_none() -> None:
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


def test_what_is_gone_is_not_counted_any_more() -> None:
    links, link = Links(10), WebSocketLink()
    links.add(link)
    links.remove(link)
    links.count(link, HERE)
    links.remove(link)
    assert (len(links), dict(links.counts)) == (0, {})


def test_a_few_may_close_where_hardly_any_session_is_allowed() -> None:
    links = Links(1)
    for _ in range(8):
        assert links.hasSlotFor(HERE)
        link = WebSocketLink()
        links.add(link)
        links.count(link, HERE)
    assert not links.hasSlotFor(HERE)


def test_there_need_not_be_a_limit() -> None:
    links = Links(0)
    for _ in range(50):
        link = WebSocketLink()
        links.add(link)
        links.count(link, HERE)
    assert links.hasSlotFor(HERE)
