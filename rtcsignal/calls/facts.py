"""Facts: what may be known of session descriptions and candidates, and nothing else of them.

No address, name, password, fingerprint or id of a description gets into a fact. Where it matters whether two of them
are the same, a digest with a key of this process stands for them, which is of no use anywhere else. Pure but for that
key.

Sources: RFC 8866 (SDP), RFC 8839 section 5 (candidates, ICE in SDP), RFC 8122 (fingerprints).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, TypeAlias

from rtcsignal.addresses import addressBits, addressClass
from rtcsignal.kit import sdp

__all__ = ["MOST_TEXT", "Facts", "candidateFacts", "candidateIn", "descriptionFacts", "digest"]

Facts: TypeAlias = dict[str, Any]

MOST_TEXT = 65_536
"""So much of a description is read. Those of large meetings have less."""

_KEY = secrets.token_bytes(32)
_MOST_SECTIONS, _MOST_CANDIDATES, _MOST_CODECS = 32, 64, 32
_KINDS = {"audio", "video", "application"}
_TYPES = {"host", "srflx", "prflx", "relay"}
_SETUPS = {"actpass", "active", "passive", "holdconn"}
_DIRECTIONS = {"sendrecv", "sendonly", "recvonly", "inactive"}
# They come with codecs, and are of no use alone.
_AUXILIARY = {"rtx", "red", "ulpfec", "flexfec", "flexfec-03", "cn", "telephone-event"}
_ASSIGNED = {"0": "pcmu/8000", "3": "gsm/8000", "8": "pcma/8000", "9": "g722/8000"}
_CODEC = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,31}(/[0-9]{1,7}){1,2}")
_MID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_LINE = re.compile(
    r"\n(m=|o=|a=(?:rtpmap|candidate|mid|ice-ufrag|fingerprint|setup|sendrecv|sendonly|recvonly|inactive|end-of-candidates))"
    r"([^\r\n]{0,400})"
)


def digest(text: str) -> str:
    """What stands for a text: the same for the same text, in this process alone."""
    hashed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=5, key=_KEY).digest()
    return base64.urlsafe_b64encode(hashed)[:6].decode("ascii")


def descriptionFacts(text: str) -> Facts:
    """The facts of a session description.

    Args:
        text: All of it.
    """
    facts: Facts = {"bytes": len(text), "m": [], "cands": []}
    section: Facts | None = None
    seen: set[tuple[str, ...]] = set()
    ufrags: dict[str, str] = {}
    for match in _LINE.finditer(text, 0, MOST_TEXT):
        name, rest = match.groups()
        if name == "m=":
            if len(facts["m"]) == _MOST_SECTIONS:
                break
            section = _section(rest)
            facts["m"].append(section)
        elif name == "o=":
            _origin(facts, rest)
        elif section is not None and name == "a=rtpmap":
            _codec(section, rest)
        elif name == "a=candidate":
            if len(seen) < _MOST_CANDIDATES:
                _candidate(facts, seen, rest)
        else:
            _attribute(facts, section, ufrags, name[2:], rest[1:].strip())
    for each in facts["m"]:
        assigned = [_ASSIGNED[number] for number in each.pop("plain") if number in _ASSIGNED]
        each["codecs"] = list(dict.fromkeys([*each["codecs"], *assigned]))[:_MOST_CODECS]
    return facts


def candidateFacts(text: str) -> Facts | None:
    """The facts of a candidate.

    Args:
        text: With or without ``a=`` before it; empty for the end of candidates.

    Returns:
        None if it is not one.
    """
    text = text[:1000].strip().removeprefix("a=")
    if text in ("", "end-of-candidates"):
        return {"eoc": True}
    found = sdp.parseCandidate(text)
    if found is None or found.kind not in _TYPES:
        return None
    facts: Facts = {"proto": "tcp" if found.protocol == "tcp" else "udp", "type": found.kind}
    facts |= _address(found.address)
    extensions = text.split()[8:40]
    for key, value in zip(extensions[::2], extensions[1::2], strict=False):
        if key == "ufrag":
            facts["ufrag"] = digest(value)
        elif key == "tcptype" and value in ("active", "passive", "so"):
            facts["tcptype"] = value
    return facts


def candidateIn(body: Any) -> Facts | None:
    """The facts of the candidate in a message: a string in ``candidate``, or the object of browsers there.

    Returns:
        None if there is none.
    """
    if not isinstance(body, Mapping) or "candidate" not in body:
        return None
    value = body["candidate"]
    ufrag = body.get("usernameFragment")
    if isinstance(value, Mapping):
        ufrag = value.get("usernameFragment", ufrag)
        value = value.get("candidate", "")
    if value is None:
        return {"eoc": True}
    facts = candidateFacts(value) if isinstance(value, str) else None
    if facts is not None and "ufrag" not in facts and isinstance(ufrag, str) and ufrag:
        facts["ufrag"] = digest(ufrag)
    return facts


def _section(rest: str) -> Facts:
    tokens = rest.split(" ", 40)
    kind = tokens[0] if tokens[0] in _KINDS else "other"
    isOff = len(tokens) > 1 and tokens[1].partition("/")[0] == "0"
    plain = [] if kind not in ("audio", "video") else tokens[3:]
    return {"kind": kind, "off": isOff, "codecs": [], "plain": [number for number in plain if number in _ASSIGNED]}


def _origin(facts: Facts, rest: str) -> None:
    tokens = rest.split(" ", 3)
    if len(tokens) > 2:
        facts["sid"] = digest(tokens[1])
        facts["ver"] = tokens[2] if tokens[2].isdecimal() and len(tokens[2]) < 20 else digest(tokens[2])


def _codec(section: Facts, rest: str) -> None:
    number, _, name = rest[1:].partition(" ")
    name = name.strip().lower()
    if number in section["plain"]:
        section["plain"].remove(number)
    codecs = section["codecs"]
    isNew = len(codecs) < _MOST_CODECS and name not in codecs
    if isNew and _CODEC.fullmatch(name) and name.partition("/")[0] not in _AUXILIARY:
        codecs.append(name)


def _candidate(facts: Facts, seen: set[tuple[str, ...]], rest: str) -> None:
    """A candidate of a description: of those that differ in nothing else than their ports, one is enough."""
    tokens = rest.split(" ", 8)
    key = (*tokens[2:3], *tokens[4:5], *tokens[7:8])
    if key in seen:
        return
    seen.add(key)
    found = candidateFacts("candidate" + rest)
    if found is not None:
        found.pop("ufrag", None)
        if found not in facts["cands"]:
            facts["cands"].append(found)


def _attribute(facts: Facts, section: Facts | None, ufrags: dict[str, str], name: str, value: str) -> None:
    if name == "ice-ufrag":
        same = ufrags.get(value) or ufrags.setdefault(value, digest(value))
        facts.setdefault("ufrag", same)
        if section is not None:
            section["ufrag"] = same
    elif name == "fingerprint":
        if "fpr" not in facts:
            facts["fpr"] = digest(value.lower())
    elif name == "setup" and value in _SETUPS:
        facts.setdefault("setup", value)
    elif name == "end-of-candidates":
        facts["eoc"] = True
    elif section is not None and name == "mid" and _MID.fullmatch(value):
        section["mid"] = value
    elif section is not None and name in _DIRECTIONS:
        section["dir"] = name


def _address(text: str) -> Facts:
    """The class of an address, and a digest of its network: the first three bytes, or half of one of IPv6."""
    if text.endswith(".local"):
        return {"addr": "mdns"}
    bits = addressBits(text.partition("%")[0])
    if bits is None:
        return {"addr": "name"}
    return {"addr": addressClass(bits), "net": digest(bits[: 3 if len(bits) == 4 else 8].hex())}
