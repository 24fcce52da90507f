"""Nothing larger than a million bytes is taken in, and it is not read first."""

from __future__ import annotations

import pytest

from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import BINARY, CONTINUATION, TEXT, frame
from tests.wire.wire import Wire

LIMIT = 1_000_000


def test_aBodyThatIsTooLargeIsRefusedAndTheSessionLives(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    answer = wire.request("POST", session.target, body=b"4" * (LIMIT + 1))
    assert answer.status == 413
    session.send("4hi")
    assert session.receive() == ["4hi"]


@pytest.mark.parametrize("length", [LIMIT + 1, 10**9, 10**30])
def test_aBodyThatIsAnnouncedTooLargeIsRefusedBeforeItComes(wire: Wire, revision: int, length: int) -> None:
    session = wire.polling(revision)
    connection = wire.connection()
    connection.send(requestBytes("POST", session.target, [("Content-Length", str(length))]))
    answer = connection.readResponse()
    assert answer.status == 413 if length < 10**18 else answer.status in {400, 413}
    assert answer.endsConnection
    assert not session.gone()


def test_aBodyThatTurnsOutTooLargeIsCutWhileItComes(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    connection = wire.connection()
    connection.send(requestBytes("POST", session.target, [("Transfer-Encoding", "chunked")]))
    chunk = b"%x\r\n%s\r\n" % (100_000, b"4" * 100_000)
    for _ in range(11):
        connection.send(chunk)
    assert connection.readResponse().status == 413
    assert not session.gone()


def test_aBodyWithoutASessionIsNotReadEither(wire: Wire, revision: int) -> None:
    connection = wire.connection()
    target = f"/engine.io/?EIO={revision}&transport=polling&sid=unknown"
    connection.send(requestBytes("POST", target, [("Content-Length", str(10**9))]))
    assert connection.readResponse().status in {400, 413}


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_aMessageOfExactlyTheLimitIsFine(wire: Wire, revision: int, opcode: int) -> None:
    socket = wire.socket(revision)
    payload = b"4" + b"x" * (LIMIT - 1) if opcode == TEXT else b"\x04" + b"\x00" * (LIMIT - 1)
    socket.socket.connection.send(frame(opcode, payload))
    answer = socket.socket.read()
    assert (answer.encode() if isinstance(answer, str) else answer) == payload


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_aMessageAboveTheLimitClosesWith1009(wire: Wire, revision: int, opcode: int) -> None:
    socket = wire.socket(revision)
    socket.socket.connection.send(frame(opcode, b"4" * (LIMIT + 1)))
    assert socket.untilClosed()[1] == 1009


@pytest.mark.parametrize("length", [LIMIT + 1, 10**9, 2**62])
def test_theAnnouncedLengthAloneClosesWith1009(wire: Wire, revision: int, length: int) -> None:
    socket = wire.socket(revision)
    socket.socket.connection.send(frame(TEXT, b"", announced=length))
    assert socket.untilClosed()[1] == 1009


def test_fragmentsCountTogether(wire: Wire, revision: int) -> None:
    socket = wire.socket(revision)
    half = b"4" * (LIMIT // 2)
    socket.socket.connection.send(frame(TEXT, half, fin=False) + frame(CONTINUATION, half, fin=False))
    socket.socket.connection.send(frame(CONTINUATION, b"4"))
    assert socket.untilClosed()[1] == 1009


def test_noMessageMayComeInMassesOfTinyFragments(wire: Wire, revision: int) -> None:
    """Their bookkeeping costs more than the bytes that the size limit counts."""
    socket = wire.socket(revision).socket
    socket.connection.send(frame(TEXT, b"4", fin=False) + frame(CONTINUATION, fin=False) * 5000)
    packets, code = socket.readUntilClosed()
    assert packets == []
    assert code in {1002, 1008, 1009, None}


def test_aMessageMayComeInSomeHundredFragments(wire: Wire, revision: int) -> None:
    socket = wire.socket(revision).socket
    pieces = [frame(TEXT, b"4", fin=False), *[frame(CONTINUATION, b"x", fin=False)] * 500, frame(CONTINUATION)]
    socket.connection.send(b"".join(pieces))
    assert socket.read() == "4" + "x" * 500


def test_theLimitIsToldAsMaxPayload(wire: Wire, revision: int) -> None:
    assert wire.polling(revision).handshake["maxPayload"] == LIMIT
