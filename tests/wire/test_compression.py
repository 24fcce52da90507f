"""Polling answers of 1024 bytes and more are compressed for those who say that they can read it."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.wire.engine import Polling
from tests.wire.payloads import decode
from tests.wire.rawhttp import Response
from tests.wire.wire import Wire

TEXT = "4" + "so it goes. " * 200


def echoed(session: Polling, text: str, encoding: str | None) -> Response:
    """The answer to a poll with this Accept-Encoding when a message with this packet waits."""
    session.send(text)
    return session.poll([] if encoding is None else [("Accept-Encoding", encoding)])


def packetOf(session: Polling, body: bytes) -> object:
    """The one packet in an uncompressed body."""
    (packet,) = decode(session.revision, body)
    return packet


@pytest.mark.parametrize("accept", ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "GZIP"])
def test_gzipForThoseWhoAcceptIt(wire: Wire, revision: int, accept: str) -> None:
    session = wire.polling(revision)
    answer = echoed(session, TEXT, accept)
    assert answer.header("content-encoding") == "gzip"
    assert len(answer.body) < len(TEXT) / 2
    assert packetOf(session, gzip.decompress(answer.body)) == TEXT


def test_deflateForThoseWhoAcceptOnlyThat(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    answer = echoed(session, TEXT, "deflate")
    assert answer.header("content-encoding") == "deflate"
    assert packetOf(session, zlib.decompress(answer.body)) == TEXT


@pytest.mark.parametrize("accept", [None, "", "identity", "br", "gzip;q=0", "gzip;q=0, deflate;q=0.0"])
def test_plainForEverybodyElse(wire: Wire, revision: int, accept: str | None) -> None:
    session = wire.polling(revision)
    answer = echoed(session, TEXT, accept)
    assert answer.header("content-encoding") in {None, "identity"}
    assert packetOf(session, answer.body) == TEXT


def test_smallAnswersStayAsTheyAre(wire: Wire) -> None:
    answer = echoed(wire.polling(4), "4" + "x" * 1022, "gzip")
    assert answer.header("content-encoding") is None
    assert len(answer.body) == 1023


def test_theLimitIs1024Bytes(wire: Wire) -> None:
    answer = echoed(wire.polling(4), "4" + "x" * 1023, "gzip")
    assert answer.header("content-encoding") == "gzip"


def test_theHeaderOfThePollCountsAndNotThatOfTheHandshake(wire: Wire, revision: int) -> None:
    session = wire.polling(revision, headers=[("Accept-Encoding", "gzip")])
    assert echoed(session, TEXT, None).header("content-encoding") is None

    session = wire.polling(revision)
    assert echoed(session, TEXT, "gzip").header("content-encoding") == "gzip"


def test_theHeaderOfThePollThatWaitsCountsToo(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll([("Accept-Encoding", "gzip")])
    session.send(TEXT)
    assert session.finish().header("content-encoding") == "gzip"
