"""Drops ICE candidates, wherever they stand in a message, and in descriptions."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from rtcsignal.api import GONE, Configurable, IMessageFilter, IPeer, IRoom, Message, Option, rewritten, sdp

_BEGINNINGS = ("candidate:", "a=candidate:")


@implementer(IMessageFilter)
class Candidates(Configurable):
    """Drops ICE candidates by kind. The end of candidates always passes."""

    name = "candidates"
    relayOnly = Option(bool, False, "Pass only candidates of TURN servers.")
    noHost = Option(bool, False, "Drop host candidates: the addresses of the machine itself.")
    noMdns = Option(bool, False, "Drop candidates with a name that ends in .local.")
    noTcp = Option(bool, False, "Drop TCP candidates.")
    noIpv6 = Option(bool, False, "Drop candidates with an IPv6 address.")
    noPrivate = Option(bool, False, "Drop candidates with a name, or with an address that is not public.")
    hideRelated = Option(bool, True, "Blank the private address that server-reflexive and relay candidates mention.")

    def prepare(self) -> None:
        self._drops = any((self.relayOnly, self.noHost, self.noMdns, self.noTcp, self.noIpv6, self.noPrivate))

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message | None:
        judge = self._judgeOther if message.kind == "other" else self._judge
        body = rewritten(message.body, _mentionsCandidates, judge)
        if body is message.body:
            return message
        return None if body is GONE else message.replace(body=body)

    def _judgeOther(self, text: str) -> Any:
        """In messages of unknown kinds people may write of candidates for an office."""
        return self._judge(text) if " typ " in text.lower() else text

    def _judge(self, text: str) -> Any:
        """What is left of a string: `GONE` if it is a candidate that is not wanted."""
        line = text.strip()
        if "\n" in line:
            return self._cleaned(text)
        if not _isCandidate(line):
            return text
        return self._shown(text) if self._passes(sdp.parseCandidate(line)) else GONE

    def _cleaned(self, text: str) -> str:
        description = sdp.Description(text)
        gone: set[str] = set()
        emptied: list[bool] = []
        for section in description.sections:
            kept = [line for line in section if self._stays(line, gone)]
            emptied.append(len(kept) < len(section) and not any(map(_isCandidate, kept)))
            section[:] = [self._shown(line) if _isCandidate(line) else line for line in kept]
        for section, isEmptied in zip(description.sections, emptied, strict=True):
            # The address of the best candidate stands in lines of its own too.
            if isEmptied or _names(section, gone):
                description.hideAddress(section)
        return description.text

    def _stays(self, line: str, gone: set[str]) -> bool:
        """Whether a line stays; if not, its address is added to those that are gone."""
        if not _isCandidate(line):
            return True
        candidate = sdp.parseCandidate(line)
        stays = self._passes(candidate)
        if not stays and candidate is not None:
            gone.add(candidate.address)
        return stays

    def _shown(self, line: str) -> str:
        return sdp.withoutRelated(line) if self.hideRelated else line

    def _passes(self, candidate: sdp.Candidate | None) -> bool:
        if candidate is None:
            return not self._drops  # what cannot be read cannot be judged
        address = candidate.address
        return not (
            (self.relayOnly and candidate.kind != "relay")
            or (self.noHost and candidate.kind == "host")
            or (self.noMdns and address.endswith(".local"))
            or (self.noTcp and candidate.protocol != "udp")
            or (self.noIpv6 and ":" in address)
            or (self.noPrivate and sdp.isPrivate(address))
        )


def _mentionsCandidates(text: str) -> bool:
    return "candidate:" in text or "CANDIDATE:" in text.upper()


def _isCandidate(line: str) -> bool:
    """Firefox reads the word in capitals too."""
    return line[:12].lower().startswith(_BEGINNINGS)


def _names(section: list[str], addresses: set[str]) -> bool:
    return any(line.startswith(("c=", "a=rtcp:")) and line.rpartition(" ")[2].lower() in addresses for line in section)


candidates = Candidates()
