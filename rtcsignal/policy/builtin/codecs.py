"""Edits offers and answers: which codecs, in which order, with how much bandwidth. All other lines stay as they are."""

from __future__ import annotations

import re
from functools import partial

from zope.interface import implementer

from rtcsignal.api import (
    GONE,
    Configurable,
    IMessageFilter,
    IPeer,
    IRoom,
    IServices,
    Message,
    Option,
    Refused,
    rewritten,
    sdp,
)

_STATIC = {"0": "pcmu", "3": "gsm", "8": "pcma", "9": "g722", "13": "cn", "18": "g729"}
_AUXILIARY = frozenset(("rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event"))
_PAYLOAD = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):([0-9]+)[ \t]")
_NAME = re.compile(r"a=rtpmap:([0-9]+) ([^/]+)")
_FORMAT = re.compile(r"a=fmtp:([0-9]+) (.*)")
_APT = re.compile(r"(?:^|;)\s*apt=([0-9]+)")
_PROFILE = re.compile(r"profile-level-id=([0-9a-fA-F]{6})")
_MOST_SECTIONS = 5_000
_MOST_PAYLOADS = 20_000
_RID_PAYLOADS = re.compile(r"(?<=[ ;])pt=([0-9,]+);?")


@implementer(IMessageFilter)
class Codecs(Configurable):
    """Edits offers and answers. Codecs are named without case: ``opus``, ``vp8``; ``h264/42e01f`` means one profile."""

    name = "codecs"
    keepAudio = Option(list[str], [], "Keep only these audio codecs; empty keeps all.")
    keepVideo = Option(list[str], [], "Keep only these video codecs; empty keeps all.")
    drop = Option(list[str], [], "Drop these codecs.")
    order = Option(list[str], [], "Put these codecs first, in this order.")
    audioKbps = Option(int, 0, "Most kbit/s of each audio section; 0 leaves it open.", least=0)
    videoKbps = Option(int, 0, "Most kbit/s of each video section; 0 leaves it open.", least=0)
    ptime = Option(int, 0, "Milliseconds of audio in a packet; 0 leaves it open.", least=0, most=120)
    refuse = Option(bool, False, "Refuse a description in which no codec is left; else such a section stays as it is.")

    def prepare(self) -> None:
        self._drop = {codec.lower() for codec in self.drop}
        self._keep = {
            "audio": {codec.lower() for codec in self.keepAudio},
            "video": {codec.lower() for codec in self.keepVideo},
        }
        self._rank = {codec.lower(): rank for rank, codec in enumerate(self.order)}
        self._services: IServices | None = None
        self._told = False

    def start(self, services: IServices) -> None:
        self._services = services

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message | None:
        body = rewritten(message.body, _mentionsMedia, partial(self._changed, _Effort()))
        if body is message.body:
            return message
        return None if body is GONE else message.replace(body=body)

    def _changed(self, effort: _Effort, text: str) -> str:
        """A string as it is passed on: edited if it is a description."""
        description = sdp.Description(text)
        effort.add(description)
        changed = self._edited(description)
        if changed is text:
            return text
        broken = sdp.damage(text, changed)
        if broken is None:
            return changed
        self._tell(broken)
        return text

    def _tell(self, broken: str) -> None:
        """A description that the receiver cannot read costs the call; one that was not edited costs little."""
        if self._services is not None and not self._told:
            self._told = True
            text = "a description was passed on unchanged, because changed it would be broken: {broken}"
            self._services.log.error(text, broken=broken)

    def _edited(self, description: sdp.Description) -> str:
        for kind, kbps in (("audio", self.audioKbps), ("video", self.videoKbps)):
            for section in description.media(kind):
                if section[0].split(" ")[1] == "0" and "a=bundle-only" not in section:
                    continue  # it is not wanted anyway
                self._editCodecs(section, kind)
                if kbps:
                    _setBandwidth(section, kbps)
                if kind == "audio" and self.ptime:
                    _setPtime(section, self.ptime)
        return description.text

    def _editCodecs(self, section: list[str], kind: str) -> None:
        codecs = _Codecs(section)
        gone = codecs.followers({p for p in codecs.payloads if self._unwanted(codecs, p, kind)})
        left = [payload for payload in codecs.payloads if payload not in gone]
        if not any(codecs.names[payload] not in _AUXILIARY for payload in left):
            if self.refuse and gone:
                raise Refused("no-common-codec", f"No {kind} codec is left that is allowed here.", {"media": kind})
            return
        if gone:
            section[1:] = [edited for line in section[1:] if (edited := _without(gone, line)) is not None]
        left.sort(key=lambda payload: self._rankOf(codecs, payload))
        section[0] = " ".join((*section[0].split(" ")[:3], *left))

    def _unwanted(self, codecs: _Codecs, payload: str, kind: str) -> bool:
        names = codecs.allNames(payload)
        if names & self._drop:
            return True
        keep = self._keep[kind]
        return bool(keep) and codecs.names[payload] not in _AUXILIARY and not names & keep

    def _rankOf(self, codecs: _Codecs, payload: str) -> int:
        names = codecs.allNames(codecs.leader(payload))
        return min((self._rank[name] for name in names if name in self._rank), default=len(self._rank))


def _mentionsMedia(text: str) -> bool:
    return "m=audio " in text or "m=video " in text


class _Effort:
    """What there is to edit in a message: no browser puts a tenth of the most into one, and more takes too long."""

    def __init__(self) -> None:
        self._sections = 0
        self._payloads = 0

    def add(self, description: sdp.Description) -> None:
        """There is one more description in the message.

        Raises:
            Refused: It is too much.
        """
        self._sections += len(description.sections)
        self._payloads += sum(section[0].count(" ") for section in description.media())
        if self._sections > _MOST_SECTIONS or self._payloads > _MOST_PAYLOADS:
            raise Refused("too-large", "The message describes too many media.", {"most": _MOST_SECTIONS})


class _Codecs:
    """The codecs of a media section: payload types, with their names and formats."""

    def __init__(self, section: list[str]) -> None:
        self.payloads = section[0].split(" ")[3:]
        self.names = {payload: _STATIC.get(payload, "") for payload in self.payloads}
        self.formats: dict[str, str] = {}
        for line in section:
            if match := _NAME.match(line):
                self.names[match[1]] = match[2].lower()
            elif match := _FORMAT.match(line):
                self.formats[match[1]] = match[2]
        # A section may name a payload type as often as it likes, but its format is searched once.
        self._allNames: dict[str, set[str]] = {}
        self._allNeeds: dict[str, set[str]] = {}

    def allNames(self, payload: str) -> set[str]:
        """The codec's name, and for H.264 its name with the profile."""
        if payload not in self._allNames:
            name = self.names.get(payload, "")
            profile = _PROFILE.search(self.formats.get(payload, ""))
            self._allNames[payload] = {name, f"{name}/{profile[1].lower()}"} if profile else {name}
        return self._allNames[payload]

    def leader(self, payload: str) -> str:
        """The codec that a retransmission belongs to, else the codec itself."""
        return next(iter(self._needs(payload)), payload) if self.names[payload] == "rtx" else payload

    def followers(self, gone: set[str]) -> set[str]:
        """`gone`, and what is of no use without: retransmissions of what is gone, and redundancy that wraps it."""
        followers: dict[str, list[str]] = {}
        for payload in dict.fromkeys(self.payloads):
            for needed in self._needs(payload):
                followers.setdefault(needed, []).append(payload)
        gone, left = set(gone), list(gone)
        while left:
            more = [payload for payload in followers.get(left.pop(), ()) if payload not in gone]
            gone.update(more)
            left += more
        return gone

    def _needs(self, payload: str) -> set[str]:
        if payload not in self._allNeeds:
            self._allNeeds[payload] = self._needsIn(self.names[payload], self.formats.get(payload, ""))
        return self._allNeeds[payload]

    @staticmethod
    def _needsIn(name: str, form: str) -> set[str]:
        if name == "rtx":
            return set(_APT.findall(form))
        return set(form.split("/")) if name == "red" and "/" in form else set()


def _without(gone: set[str], line: str) -> str | None:
    """A line without the payload types that are gone; None if it is about one of them only."""
    match = _PAYLOAD.match(line)
    if match is not None:
        return None if match[1] in gone else line
    if not line.startswith("a=rid:"):
        return line

    def left(match: re.Match[str]) -> str:
        stays = [payload for payload in match[1].split(",") if payload not in gone]
        return match[0].replace(match[1], ",".join(stays)) if stays else ""

    edited = _RID_PAYLOADS.sub(left, line)
    return line if edited == line else edited.rstrip(" ;")


def _setBandwidth(section: list[str], kbps: int) -> None:
    """``b=`` lines stand behind ``i=`` and ``c=``, before ``k=`` and ``a=`` (RFC 8866 section 5)."""
    section[:] = [line for line in section if not line.startswith(("b=AS:", "b=TIAS:"))]
    at = next((index for index, line in enumerate(section) if index and line[:2] not in ("i=", "c=")), len(section))
    section[at:at] = [f"b=AS:{kbps}", f"b=TIAS:{kbps * 1000}"]


def _setPtime(section: list[str], milliseconds: int) -> None:
    for attribute in ("a=ptime:", "a=maxptime:"):
        line = f"{attribute}{milliseconds}"
        places = [index for index, each in enumerate(section) if each.startswith(attribute)]
        if places:
            section[places[0]] = line
        else:
            # The last line of the last section is empty: it is the end of the text.
            section.insert(len(section) - (section[-1] == ""), line)


codecs = Codecs()
