"""Session descriptions as lines: enough to change some of them and to keep all others byte by byte.

A description is split and joined without loss, whatever its line end; nothing is parsed that is not asked for.
Sources: RFC 8866 (SDP), RFC 8839 section 5.1 (candidates), RFC 8829 section 5 (what browsers write).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = [
    "Candidate",
    "Description",
    "damage",
    "isPrivate",
    "parseCandidate",
    "textIn",
    "withText",
    "withoutRelated",
]

_NO_PORT = "9"
_NO_ADDRESS = "IN IP4 0.0.0.0"
_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - nothing listens there, it is what stands for no address
_RELATED_ADDRESS = re.compile(r" raddr (\S+)")
_RELATED_PORT = re.compile(r" rport \S+")
_PAYLOAD = re.compile(r"a=(rtpmap|fmtp|rtcp-fb):([0-9]+)[ \t]")
_APT = re.compile(r"a=fmtp:[0-9]+ (?:.*;)?\s*apt=([0-9]+)")
# Those that RFC 3551 assigns need no rtpmap.
_ASSIGNED = frozenset(map(str, range(35)))


class Candidate(NamedTuple):
    """What filters look at in an ICE candidate.

    Attributes:
        protocol: ``udp`` or ``tcp``, in lower case.
        address: An IP address, or a name that ends in ``.local``; in lower case.
        port: As a string.
        kind: ``host``, ``srflx``, ``prflx`` or ``relay``, in lower case.
    """

    protocol: str
    address: str
    port: str
    kind: str


def parseCandidate(text: str) -> Candidate | None:
    """Read a candidate, with or without ``a=`` before it.

    Returns:
        None if it is not a candidate: an end-of-candidates, or nothing that can be read.
    """
    tokens = text.strip().removeprefix("a=").split()
    if len(tokens) < 8 or not tokens[0].lower().startswith("candidate:") or tokens[6].lower() != "typ":
        return None
    return Candidate(tokens[2].lower(), tokens[4].lower(), tokens[5], tokens[7].lower())


def isPrivate(address: str) -> bool:
    """Whether an address is useless, or should stay private, outside of its own network. Names are: they mean
    something only where they are resolved."""
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return True


def withoutRelated(line: str) -> str:
    """A candidate without the address behind the one it names (``raddr``, ``rport``). The same text if it has none."""
    if all(match[1] in _NOWHERE for match in _RELATED_ADDRESS.finditer(line)):
        return line
    return _RELATED_PORT.sub(f" rport {_NO_PORT}", _RELATED_ADDRESS.sub(f" raddr {_NOWHERE[0]}", line))


def textIn(body: Any) -> str | None:
    """The description in the body of an offer or answer: the string in ``sdp``, or in an object there, as some send it.

    Returns:
        None if there is none.
    """
    value = body.get("sdp") if isinstance(body, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("sdp")
    return value if isinstance(value, str) else None


def withText(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A copy of a body with another description in the place of the one that `textIn` found."""
    value = body["sdp"]
    return {**body, "sdp": {**value, "sdp": text} if isinstance(value, Mapping) else text}


class Description:
    """A session description.

    Args:
        text: All of it.

    Attributes:
        sections: Lists of lines: first the session's, then one for each ``m=`` line. Change them in place. The last
            line is empty if the text ends as it should.
    """

    def __init__(self, text: str) -> None:
        self._source = self._plain = text
        self._end = "\r\n" if "\r\n" in text else "\n"
        if self._end == "\r\n" and text.count("\n") != text.count("\r\n"):
            # Browsers take either line end, so lines behind the other one must not be overlooked.
            self._plain = text.replace("\r\n", "\n").replace("\n", "\r\n")
        self.sections: list[list[str]] = [[]]
        for line in self._plain.split(self._end):
            if line.startswith("m="):
                self.sections.append([])
            self.sections[-1].append(line)

    @property
    def text(self) -> str:
        """The description as it is now; the very text it was made of if no line has changed."""
        text = self._end.join([line for section in self.sections for line in section])
        return self._source if text == self._plain else text

    def media(self, kind: str | None = None) -> Iterator[list[str]]:
        """The media sections, perhaps only those of one kind: ``audio``, ``video``, ``application``."""
        for section in self.sections[1:]:
            if kind is None or section[0].startswith(f"m={kind} "):
                yield section

    @staticmethod
    def hideAddress(section: list[str]) -> None:
        """Let a section name no address and no port, as if no candidate had been gathered yet."""
        for index, line in enumerate(section):
            if line.startswith("m="):
                fields = line.split(" ")
                if len(fields) > 1 and fields[1] != "0":  # that means: not wanted
                    section[index] = " ".join((fields[0], _NO_PORT, *fields[2:]))
            elif line.startswith("c="):
                section[index] = f"c={_NO_ADDRESS}"
            elif line.startswith("a=rtcp:") and " " in line:
                section[index] = f"a=rtcp:{_NO_PORT} {_NO_ADDRESS}"


def damage(before: str, after: str) -> str | None:
    """What a change has broken that was whole before: things for which browsers refuse all of a description.

    Args:
        before: A description.
        after: The same one, changed.

    Returns:
        What is wrong, without a word of the description; None if nothing is.
    """
    problem = _problem(after)
    return problem if problem is not None and problem != _problem(before) else None


def _problem(text: str) -> str | None:
    if not text.endswith("\n"):
        return "the last line has no end"
    description = Description(text)
    mids = {line[6:] for section in description.media() for line in section if line.startswith("a=mid:")}
    for line in description.sections[0]:
        if line.startswith("a=group:BUNDLE") and not mids.issuperset(line.split()[1:]):
            return "BUNDLE names a section that is not there"
    problems = (_problemOf(section) for section in description.media() if "RTP/" in section[0])
    return next((problem for problem in problems if problem is not None), None)


def _problemOf(section: list[str]) -> str | None:
    payloads = set(section[0].split()[3:])
    if not payloads:
        return "a section has no payload types"
    named = [(match[1], match[2]) for line in section if (match := _PAYLOAD.match(line))]
    if not payloads.issuperset(payload for _, payload in named):
        return "a payload type is described that the section does not have"
    mapped = {payload for attribute, payload in named if attribute == "rtpmap"}
    if not _ASSIGNED.issuperset(payloads - mapped):
        return "a payload type has no rtpmap"
    if any(match[1] not in payloads for line in section if (match := _APT.match(line))):
        return "a retransmission belongs to a payload type that the section does not have"
    return None
