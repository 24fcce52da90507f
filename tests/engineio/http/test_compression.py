"""Compression of answers: for whom, how, and once for all who get the same."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from twisted.internet.task import Clock

from rtcsignal.engineio.http import compression as module
from rtcsignal.engineio.http.compression import Compression
from rtcsignal.engineio.http.exchange import Request, Response


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def compression(clock: Clock) -> Compression:
    return Compression(clock)


def request(**headers: str) -> Request:
    return Request("GET", {}, {name.replace("_", "-"): value for name, value in headers.items()})


def headersOf(response: Response) -> dict[str, str]:
    return dict(response.headers)


class TestCompression:
    LONG = b"abc" * 400

    @pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip", "GZIP", "gzip;q=0.5", "deflate;q=0, gzip ; q=1"])
    def test_gzipIsPreferred(self, compression: Compression, accepted: str) -> None:
        response = compression.of(request(accept_encoding=accepted), Response(200, self.LONG))
        assert gzip.decompress(response.body) == self.LONG
        assert headersOf(response) == {
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
        }

    @pytest.mark.parametrize("accepted", ["deflate", "br, deflate", "gzip;q=0, deflate", "gzip; q=0.000,deflate"])
    def test_deflateIsTheOther(self, compression: Compression, accepted: str) -> None:
        response = compression.of(request(accept_encoding=accepted), Response(200, self.LONG))
        assert zlib.decompress(response.body) == self.LONG
        assert headersOf(response)["Content-Encoding"] == "deflate"

    @pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, deflate;q=0.00", "xgzip"])
    def test_whoAcceptsNeitherGetsItAsItIs(self, compression: Compression, accepted: str) -> None:
        response = Response(200, self.LONG)
        assert compression.of(request(accept_encoding=accepted), response) is response

    def test_whoDoesNotSayGetsItAsItIs(self, compression: Compression) -> None:
        response = Response(200, self.LONG)
        assert compression.of(request(), response) is response

    def test_shortAnswersAreNotWorthIt(self, compression: Compression) -> None:
        accepting = request(accept_encoding="gzip")
        short = Response(200, bytes(1023))
        assert compression.of(accepting, short) is short
        assert headersOf(compression.of(accepting, Response(200, bytes(1024))))["Content-Encoding"] == "gzip"

    def test_errorsAreNotCompressed(self, compression: Compression) -> None:
        error = Response(400, self.LONG)
        assert compression.of(request(accept_encoding="gzip"), error) is error

    def test_theSameAnswerIsTheSameBytes(self, compression: Compression) -> None:
        accepting, answer = request(accept_encoding="gzip"), Response(200, self.LONG)
        assert compression.of(accepting, answer) == compression.of(accepting, answer)


class TestSharing:
    accepting = request(accept_encoding="gzip")

    @pytest.fixture
    def count(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The size of each body that is compressed."""
        sizes: list[int] = []

        def compress(body: bytes, *arguments: Any, **options: Any) -> bytes:
            sizes.append(len(body))
            return gzip.compress(body, *arguments, **options)

        monkeypatch.setattr(module, "gzip", type("gzip", (), {"compress": staticmethod(compress)}))
        return sizes

    def test_theSameAnswerIsCompressedOnce(self, compression: Compression, count: list[int]) -> None:
        answers = [compression.of(self.accepting, Response(200, bytes(2000))).body for _ in range(40)]
        assert len(set(answers)) == 1
        assert count == [2000]
        compression.of(request(accept_encoding="deflate"), Response(200, bytes(2000)))
        assert gzip.decompress(answers[0]) == bytes(2000)

    def test_andForgottenSoon(self, compression: Compression, clock: Clock, count: list[int]) -> None:
        for _ in range(2):
            compression.of(self.accepting, Response(200, bytes(2000)))
            clock.advance(1)
            assert clock.getDelayedCalls() == []
        assert count == [2000, 2000]

    def test_littleIsKept(self, compression: Compression, count: list[int]) -> None:
        bodies = [bytes([number]) * 1_000_000 for number in range(6)]
        for body in bodies + bodies[:1]:
            assert gzip.decompress(compression.of(self.accepting, Response(200, body)).body) == body
        assert len(count) == 7
