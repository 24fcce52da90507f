"""Drops ICE candidates, in messages of their own and inside of descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from rtcsignal.api import Configurable, IMessageFilter, IPeer, IRoom, Message, Option, sdp

_LINE = "a=candidate:"


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
        kind, body = message.kind, message.body
        if kind == "candidate":
            return self._filterCandidate(message, body)
        if kind != "offer" and kind != "answer":
            return message
        text = sdp.textIn(body)
        if text is None or _LINE not in text:
            return message
        changed = self._cleaned(text)
        return message if changed is text else message.replace(body=sdp.withText(body, changed))

    def _filterCandidate(self, message: Message, body: Mapping[str, Any]) -> Message | None:
        """The text may be the value of ``candidate``, or inside an object there, as browsers write it."""
        value = body.get("candidate")
        inner = value.get("candidate") if isinstance(value, Mapping) else value
        if not isinstance(inner, str) or "candidate:" not in inner:
            return message
        if not self._passes(sdp.parseCandidate(inner)):
            return None
        shown = self._shown(inner)
        if shown is inner:
            return message
        new = {**value, "candidate": shown} if isinstance(value, Mapping) else shown
        return message.replace(body={**body, "candidate": new})

    def _cleaned(self, text: str) -> str:
        description = sdp.Description(text)
        emptied: list[list[str]] = []
        gone: set[str] = set()
        for section in description.media():
            kept = [line for line in section if self._stays(line, gone)]
            if len(kept) < len(section) and not any(line.startswith(_LINE) for line in kept):
                emptied.append(section)
            section[:] = [self._shown(line) if line.startswith(_LINE) else line for line in kept]
        for section in description.sections:
            # The address of the best candidate stands in lines of its own too.
            if any(section is each for each in emptied) or _names(section, gone):
                description.hideAddress(section)
        return description.text

    def _stays(self, line: str, gone: set[str]) -> bool:
        """Whether a line stays; if not, its address is added to those that are gone."""
        if not line.startswith(_LINE):
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


def _names(section: list[str], addresses: set[str]) -> bool:
    return any(line.startswith(("c=", "a=rtcp:")) and line.rpartition(" ")[2].lower() in addresses for line in section)


candidates = Candidates()
