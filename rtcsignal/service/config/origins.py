"""Whether an entry of ``origins`` can ever match what a browser or another client sends."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["originProblem"]

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)")
_PORT = re.compile(r"(.*?)(?::([0-9]*))?")
_WEB = ("http", "https", "ws", "wss")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NO_HOST = re.compile(r"[/?#@\\\s\[\],*%:]")
_MOST_PORT = 65535
_FORM = 'must look like "https://example.org", with ":PORT" where it is not the usual one, or be "*", "null" or "file://"'


def originProblem(text: str) -> str | None:
    """What is wrong with an entry; None if it can match.

    Browsers write an origin in one way only (URL standard, "Origin" and "Host serializing"): without a path, in ASCII,
    with a port that is not the usual one of the scheme, and with addresses in their shortest form.

    Args:
        text: An origin, a pattern with ``*`` for whole labels of the host, or ``*`` for any origin.
    """
    text = text.lower()
    if text in ("*", "null", "file://"):
        return None
    if text.startswith("file://"):
        return 'must be "file://": browsers do not say which file it is'
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return _FORM
    scheme, rest = match[1], match[2]
    if rest.endswith("/") and originProblem(text[:-1]) is None:
        return "must not end in a slash: an origin has no path"
    parts = _PORT.fullmatch(rest)
    if parts is None or not parts[1]:
        return _FORM
    return _hostProblem(scheme, parts[1]) or _portProblem(parts[2])


def _hostProblem(scheme: str, host: str) -> str | None:
    if host.startswith("[") and host.endswith("]"):
        return _addressProblem(host[1:-1])
    if not host.isascii():
        return _asciiHint(host)
    if _NO_HOST.search(host.replace("*", "")):
        return _FORM
    labels = host.removesuffix(".").split(".")
    if any("*" in label and label != "*" for label in labels):
        return 'must have "*" in place of a whole label of the host, as in "https://*.example.org"'
    if labels[-1] == "*":
        return 'must not have "*" as the last label of the host; "*" alone allows any origin'
    if scheme not in _WEB:
        return None
    if labels[0] == "" and len(labels) > 1:
        return f'must not begin with a dot; "*{host}" allows the hosts below it'
    if _NUMBER.fullmatch(labels[-1]):
        return _numberProblem(host)
    return None if all(label == "*" or _LABEL.fullmatch(label) for label in labels) else _FORM


def _addressProblem(text: str) -> str | None:
    try:
        shortest = IPv6Address(text).compressed if "%" not in text else ""
    except AddressValueError:
        shortest = ""
    if not shortest:
        return "must have an IPv6 address between the brackets"
    return None if text == shortest else f'must have the address in its shortest form, "[{shortest}]"'


def _numberProblem(host: str) -> str | None:
    """Browsers take what ends in a number for an IPv4 address."""
    try:
        IPv4Address(host)
    except AddressValueError:
        return "must have a name, or an IPv4 address of four numbers"
    return None


def _asciiHint(host: str) -> str:
    try:
        written = host.encode("idna").decode("ascii")
    except UnicodeError:
        return _FORM
    return f'must have the host as browsers send it, "{written}"'


def _portProblem(port: str | None) -> str | None:
    if port is None:
        return None
    if not port or int(port[:6]) > _MOST_PORT or len(port) > len(str(_MOST_PORT)):
        return f"requires a port number from 1 to {_MOST_PORT}"
    return "must have the port without leading zeros" if port.startswith("0") else None
