"""Whether ICE servers work: asks each of them for what a browser would ask it for, and says what came of that."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from rtcsignal.addresses import addressBits, addressClass
from rtcsignal.ice.stun import (
    ALLOCATE,
    BINDING,
    HEADER_BYTES,
    REFRESH,
    Login,
    StunResponse,
    readResponse,
    request,
    sizeOf,
)
from rtcsignal.iceservers import UrlParts, isTurn, urlParts

__all__ = ["SECONDS", "Outcome", "tryUrl"]

SECONDS = 3.0
"""How long a server has for everything that it is asked."""

_FIRST_RETRY = 0.25
_MOST_DATAGRAM = 4096
_MEANINGS = {
    300: "it names another server, and browsers do not go there",
    400: "it does not understand the request",
    403: "it does not serve this address",
    437: "it has an allocation for this address already",
    438: "its nonces do not last for one request",
    441: "other credentials belong to this allocation",
    442: "it does not relay over UDP",
    486: "the user has used up what it may have (user-quota)",
    500: "it has failed",
    508: "it has no port or no capacity left (total-quota, min-port, max-port)",
}


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        isGood: It works.
        text: What there is to say.
    """

    isGood: bool
    text: str


def tryUrl(url: str, username: str | None, credential: str | None, isShared: bool, seconds: float = SECONDS) -> Outcome:
    """Try one URL.

    Args:
        url: One in which browsers find nothing wrong.
        username: For TURN.
        credential: The password that belongs to it.
        isShared: They were made of a secret that is shared with TURN.
        seconds: How long it may take.
    """
    parts = urlParts(url)
    if parts.scheme in ("turns", "stuns") and parts.transport == "udp":
        return Outcome(False, "of no use: browsers do not speak TLS over UDP")
    try:
        places = socket.getaddrinfo(
            parts.host, parts.port, 0, socket.SOCK_DGRAM if parts.transport == "udp" else socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        return Outcome(False, "no such host")
    login = (username or "", credential or "") if isTurn(url) else None
    outcome = Outcome(False, "no such host")
    for place in sorted(places, key=lambda place: place[0] != socket.AF_INET):
        outcome = _Trial(parts, place[0], place[4], login, isShared, seconds).outcome()
        if outcome.isGood:
            break
    return outcome


class _Trial:
    """One attempt at one address."""

    def __init__(
        self,
        parts: UrlParts,
        family: int,
        address: tuple[object, ...],
        login: tuple[str, str] | None,
        isShared: bool,
        seconds: float,
    ) -> None:
        self._parts = parts
        self._family = family
        self._address = address
        self._login = login
        self._isShared = isShared
        self._seconds = seconds
        self._end = monotonic() + seconds

    def outcome(self) -> Outcome:
        began = monotonic()
        try:
            with self._connected() as line:
                response = self._allocated(line) if self._login is not None else self._ask(line, BINDING)
        except TimeoutError:
            return Outcome(False, f"no answer within {self._seconds:g} s")
        except ssl.SSLCertVerificationError as error:
            return Outcome(False, f"the certificate does not fit: {error.verify_message}")
        except ssl.SSLError as error:
            return Outcome(False, f"no TLS: {(error.reason or 'it failed').lower().replace('_', ' ')}")
        except OSError as error:
            return Outcome(False, f"no connection: {error.strerror or 'it was closed'}")
        except ValueError as error:
            return Outcome(False, str(error))
        return self._judged(response, round((monotonic() - began) * 1000))

    def _judged(self, response: StunResponse, milliseconds: int) -> Outcome:
        if response.code:
            return Outcome(False, f"refused ({response.code}): {self._meaning(response.code)}")
        what = "relay" if self._login is not None else "your address"
        text = f"ok, {what} {response.address or '?'}, {milliseconds} ms"
        if self._login is not None and response.address is not None and not _isPublic(response.address):
            text += "; warning: that is a private address, which nobody outside reaches (external-ip)"
        return Outcome(True, text)

    def _meaning(self, code: int) -> str:
        if code == 401:
            return "another secret, or clocks that differ" if self._isShared else "another user name or password"
        return _MEANINGS.get(code, "for a reason that only its log has")

    def _connected(self) -> socket.socket:
        kind = socket.SOCK_DGRAM if self._parts.transport == "udp" else socket.SOCK_STREAM
        line = socket.socket(self._family, kind)
        try:
            line.settimeout(self._left())
            line.connect(self._address)
            if self._parts.scheme in ("turns", "stuns"):
                return ssl.create_default_context().wrap_socket(line, server_hostname=self._parts.host)
        except BaseException:
            line.close()
            raise
        return line

    def _allocated(self, line: socket.socket) -> StunResponse:
        """Ask for a relay; at first without a password, to hear the realm."""
        username, password = self._login or ("", "")
        response = self._ask(line, ALLOCATE)
        for _ in range(2):  # once more if the nonce was too old
            if response.code not in (401, 438) or not response.nonce:
                break
            login = Login(username, password, response.realm, response.nonce)
            response = self._ask(line, ALLOCATE, login)
            if response.code == 401:
                break
        if not response.code:
            with suppress(OSError, ValueError):  # the relay ends by itself if this one is lost
                self._end = min(self._end, monotonic() + 0.5)
                self._ask(line, REFRESH, login, lifetime=0)
        return response

    def _ask(
        self, line: socket.socket, method: int, login: Login | None = None, lifetime: int | None = None
    ) -> StunResponse:
        transaction = secrets.token_bytes(12)
        message = request(method, transaction, login, lifetime)
        if self._parts.transport == "tcp":
            line.settimeout(self._left())
            line.sendall(message)
            return self._received(lambda: _readMessage(line, self._left), transaction)
        return self._askAgainAndAgain(line, message, transaction)

    def _askAgainAndAgain(self, line: socket.socket, message: bytes, transaction: bytes) -> StunResponse:
        """Datagrams get lost. That nothing listens there is not believed either: browsers do not hear of it."""
        wait = _FIRST_RETRY
        while True:
            until = min(monotonic() + wait, self._end)
            with suppress(ConnectionRefusedError):
                line.send(message)
            while monotonic() < until:
                try:
                    line.settimeout(max(until - monotonic(), 0.001))
                    found = readResponse(line.recv(_MOST_DATAGRAM), transaction)
                except TimeoutError:
                    break
                except ConnectionRefusedError:
                    continue
                if found is not None:
                    return found
            self._left()
            wait *= 2

    def _received(self, receive: Callable[[], bytes], transaction: bytes) -> StunResponse:
        while True:
            found = readResponse(receive(), transaction)
            if found is not None:
                return found

    def _left(self) -> float:
        """How many seconds are left.

        Raises:
            TimeoutError: None.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _readMessage(line: socket.socket, left: Callable[[], float]) -> bytes:
    data = b""
    size = HEADER_BYTES
    while len(data) < size:
        line.settimeout(left())
        more = line.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
        if len(data) == HEADER_BYTES:
            size = sizeOf(data)
    return data


def _isPublic(address: str) -> bool:
    bits = addressBits(address)
    return bits is not None and addressClass(bits) == "public"
