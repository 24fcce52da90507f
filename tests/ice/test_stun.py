"""Requests to STUN servers, and their responses."""

from __future__ import annotations

import struct

import pytest

from rtcsignal.ice.stun import ALLOCATE, BINDING, REFRESH, Login, readResponse, request, sizeOf

ID = bytes(range(12))


def response(kind: int, *attributes: tuple[int, bytes], transaction: bytes = ID, cookie: int = 0x2112A442) -> bytes:
    body = b"".join(struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes)
    return struct.pack("!HHI", kind, len(body), cookie) + transaction + body


def masked(address: bytes) -> bytes:
    mask = struct.pack("!I", 0x2112A442) + ID
    family = 1 if len(address) == 4 else 2
    return bytes((0, family, 0, 0)) + bytes(a ^ b for a, b in zip(address, mask, strict=False))


def test_requestsAreWritten() -> None:
    assert request(BINDING, ID) == bytes.fromhex("000100002112a442") + ID
    allocate = request(ALLOCATE, ID, Login("u", "p", b"realm", b"nonce"))
    assert len(allocate) == sizeOf(allocate)
    assert request(REFRESH, ID, lifetime=0).endswith(bytes.fromhex("000d000400000000"))
    assert "'p'" not in repr(Login("u", "p", b"", b""))


@pytest.mark.parametrize(("address", "text"), [(bytes((192, 0, 2, 7)), "192.0.2.7"), (bytes(15) + b"\1", "::1")])
@pytest.mark.parametrize("name", [0x0016, 0x0020])
def test_addressesAreRead(name: int, address: bytes, text: str) -> None:
    found = readResponse(response(0x0103, (0x8022, b"odd"), (name, masked(address))), ID)
    assert found is not None
    assert (found.code, found.address) == (0, text)


def test_errorsAreRead() -> None:
    found = readResponse(response(0x0113, (0x0009, b"\0\0\4\1No"), (0x0014, b"r"), (0x0015, b"n")), ID)
    assert found is not None
    assert (found.code, found.realm, found.nonce) == (401, b"r", b"n")
    for bad in (b"", b"\0\0\0\0"):
        found = readResponse(response(0x0113, (0x0009, bad)), ID)
        assert found is not None
        assert found.code == 500


@pytest.mark.parametrize(
    "data",
    [
        *(b"", response(0x0103, transaction=bytes(12)), response(0x0103, cookie=1)),
        *(response(0x0103, (1, b"x"))[:-1], response(1)),
    ],
)
def test_whatIsNoResponse(data: bytes) -> None:
    assert readResponse(data, ID) is None


@pytest.mark.parametrize("value", [b"", b"\0\1\0\0", bytes(8) + b"x", b"\0\2\0\0" + bytes(5)])
def test_brokenAddressesAreNone(value: bytes) -> None:
    found = readResponse(response(0x0103, (0x0016, value)), ID)
    assert found is not None
    assert found.address in (None, "33.18.164.66", "::") or found.address is not None


def test_aStreamOfSomethingElseIsSaid() -> None:
    with pytest.raises(ValueError, match="not one of STUN"):
        sizeOf(b"HTTP/1.1 400 Bad Req")
