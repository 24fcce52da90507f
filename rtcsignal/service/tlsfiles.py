"""Which file of an endpoint with TLS is at fault: OpenSSL says neither that nor what it had expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from OpenSSL.crypto import FILETYPE_PEM, Error, load_certificate, load_privatekey

from rtcsignal.service.checks import endpointArguments

__all__ = ["faultyFile"]

_KEY_UNLESS_SAID = "server.pem"  # as Twisted has it


def faultyFile(endpoint: str) -> str:
    """What is wrong with the files of an endpoint that OpenSSL did not like.

    Args:
        endpoint: A Twisted endpoint string of the kind ``ssl``.
    """
    plain, named = endpointArguments(endpoint.removeprefix("haproxy:").partition(":")[2])
    key = named.get("privateKey", plain[1] if len(plain) > 1 else _KEY_UNLESS_SAID)
    certificate = named.get("certKey", plain[2] if len(plain) > 2 else key)
    if not _loads(_certificate, certificate):
        return f"{certificate} holds no certificate in PEM form"
    if not _loads(_key, key):
        return f"{key} holds no private key in PEM form, or one with a pass phrase"
    return f"{named.get('extraCertChain', certificate)} holds something that OpenSSL cannot use"


def _certificate(pem: bytes) -> None:
    load_certificate(FILETYPE_PEM, pem)


def _key(pem: bytes) -> None:
    load_privatekey(FILETYPE_PEM, pem, b"")


def _loads(load: Callable[[bytes], None], path: str) -> bool:
    try:
        load(Path(path).read_bytes())
    except (Error, OSError):
        return False
    return True
