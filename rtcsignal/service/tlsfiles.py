"""Which file of an endpoint with TLS is at fault: OpenSSL says neither that nor what it had expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from OpenSSL.crypto import FILETYPE_PEM, Error, load_certificate, load_privatekey
from OpenSSL.SSL import TLS_METHOD, Context
from OpenSSL.SSL import Error as SSLError

from rtcsignal.service.config.endpoints import endpointArguments, kindOf

__all__ = ["faultyFile", "mismatch"]

_KEY_UNLESS_SAID = "server.pem"  # as Twisted has it


def faultyFile(endpoint: str) -> str:
    """What is wrong with the files of an endpoint that OpenSSL did not like.

    Args:
        endpoint: A Twisted endpoint string of the kind ``ssl``.
    """
    key, certificate, chain = _files(endpoint)
    if not _loads(_certificate, certificate):
        return f"{certificate} contains no certificate in PEM format"
    if not _loads(_key, key):
        return f"{key} contains no private key in PEM format, or one with a passphrase"
    return f"{chain} contains something that OpenSSL cannot use"


def mismatch(endpoint: str) -> str:
    """What is wrong between the files of an endpoint that are fine by themselves; empty if nothing is.

    Args:
        endpoint: An endpoint string of any kind.
    """
    key, certificate, _ = _files(endpoint)
    if kindOf(endpoint) != "ssl" or not _loads(_certificate, certificate) or not _loads(_key, key):
        return ""
    context = Context(TLS_METHOD)
    try:
        context.use_certificate_file(certificate)
        context.use_privatekey_file(key)
        context.check_privatekey()
    except SSLError:
        return f"the private key in {key} does not match the certificate in {certificate}"
    return ""


def _files(endpoint: str) -> tuple[str, str, str]:
    """The files of the key, the certificate and the chain; any that is not named is in the same file as another."""
    plain, named = endpointArguments(endpoint.removeprefix("haproxy:").partition(":")[2])
    key = named.get("privateKey", plain[1] if len(plain) > 1 else _KEY_UNLESS_SAID)
    certificate = named.get("certKey", plain[2] if len(plain) > 2 else key)
    return key, certificate, named.get("extraCertChain", certificate)


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
