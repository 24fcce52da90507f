"""The rules, one by one: what has happened, and what is to be said of it."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.calls.timeline import Event
from rtcsignal.calls.verdicts import Verdict, judge

HOST = {"type": "host", "addr": "private", "net": "n1", "proto": "udp"}
RELAY = {"type": "relay", "addr": "public", "net": "n9", "proto": "udp"}


def ev(t: float, who: str, kind: str, **data: Any) -> Event:
    return Event(t, who, kind, data)


def offer(t: float, who: str, version: int = 1, delivered: int = 1, sid: str = "", **more: Any) -> Event:
    return _described("offer", t, who, version, delivered, sid, more)


def answer(t: float, who: str, version: int = 1, delivered: int = 1, sid: str = "", **more: Any) -> Event:
    return _described("answer", t, who, version, delivered, sid, more)


def _described(kind: str, t: float, who: str, version: int, delivered: int, sid: str, more: dict[str, Any]) -> Event:
    facts = {"sid": sid or f"s{who}", "ver": str(version), "ufrag": f"u{who}{version}", "fpr": f"f{who}"}
    facts |= more.pop("f", {})
    return ev(t, who, kind, delivered=delivered, f=facts, **more)


def cand(t: float, who: str, version: int = 1, delivered: int = 1, facts: dict[str, str] = HOST, **more: Any) -> Event:
    return ev(t, who, "candidate", delivered=delivered, f={**facts, "ufrag": f"u{who}{version}"}, **more)


def end(t: float, who: str) -> Event:
    return ev(t, who, "candidate", delivered=1, f={"eoc": True})


def state(t: float, who: str, word: str, ice: str = "", dtls: str = "") -> Event:
    return ev(t, who, "state", state=word, ice=ice, dtls=dtls)


def turn(t: float, who: str, count: int = 1, expires: float | None = 600_000) -> Event:
    return ev(t, who, "turn", turn=count, expires=expires)


def refused(t: float, who: str, code: int = 401, **more: Any) -> Event:
    return ev(t, who, "gather-error", code=code, scheme="turn", proto="udp", **more)


BEGUN = [offer(0, "a"), answer(100, "b")]
UP = [*BEGUN, cand(200, "a"), cand(200, "b"), state(300, "a", "connected"), state(300, "b", "connected")]


def told(verdict: Verdict) -> tuple[str, str | None]:
    return verdict.verdict, verdict.side


CASES: dict[str, tuple[list[Event], float, tuple[str, str | None]]] = {
    "nothing": ([], 0, ("in-progress", None)),
    "connected": (UP, 9_000, ("connected", None)),
    "one who says so is not believed if the other has failed": (
        [*BEGUN, state(1, "a", "connected"), state(2, "b", "failed", "connected", "failed")],
        9_000,
        ("dtls-failed", None),
    ),
    "all was delivered, and nobody reports": (
        [*BEGUN, cand(1, "a"), cand(1, "b")],
        10_000,
        ("probably-connected", None),
    ),
    "the same a moment before": ([*BEGUN, cand(1, "a"), cand(1, "b")], 9_000, ("in-progress", None)),
    "candidates inside of descriptions count": (
        [offer(0, "a", f={"cands": [HOST]}), answer(1, "b", f={"cands": [HOST, 7]})],
        20_000,
        ("probably-connected", None),
    ),
    "hung up": ([offer(0, "a"), ev(900, "a", "hangup")], 9_000, ("hung-up", None)),
    "called again after that": (
        [offer(0, "a"), ev(900, "a", "hangup"), offer(1_000, "a", 2)],
        9_000,
        ("no-answer", "b"),
    ),
    "a hang-up is no leave": ([*BEGUN, ev(900, "a", "hangup"), ev(901, "a", "leave")], 9_000, ("hung-up", None)),
    "absent": ([offer(0, "a", delivered=0), offer(1_500, "a", delivered=0)], 3_000, ("peer-absent", "b")),
    "delivered later": ([offer(0, "a", delivered=0), offer(1_500, "a")], 3_000, ("in-progress", None)),
    "came later": ([offer(0, "a", delivered=0), ev(9, "b", "join")], 3_000, ("in-progress", None)),
    "dropped, whoever is there": ([offer(0, "a", delivered=0, dropped="x")], 1, ("refused-by-filter", "a")),
    "dropped on both sides": (
        [offer(0, "a", delivered=0, dropped="x"), offer(1, "b", delivered=0, dropped="x")],
        2,
        ("refused-by-filter", None),
    ),
    "a later one passed": ([offer(0, "a", delivered=0, dropped="x"), offer(9, "a", 2)], 20, ("in-progress", None)),
    "the answer is dropped": (
        [offer(0, "a"), answer(9, "b", delivered=0, dropped="x")],
        20,
        ("answer-not-delivered", "b"),
    ),
    "and dropped again after a restart": (
        [offer(0, "a"), answer(9, "b", delivered=0, dropped="x"), offer(5_000, "a", 2)],
        5_100,
        ("answer-not-delivered", "b"),
    ),
    "a later answer arrives": (
        [offer(0, "a"), answer(9, "b", delivered=0), offer(20, "a"), answer(30, "b")],
        40,
        ("in-progress", None),
    ),
    "nobody was left for the answer": (
        [offer(0, "a"), ev(5, "a", "leave"), answer(9, "b", delivered=0)],
        20,
        ("peer-left", "a"),
    ),
    "left": ([offer(0, "a"), ev(9, "b", "leave")], 20, ("peer-left", "b")),
    "came back": ([offer(0, "a"), ev(9, "b", "leave"), ev(10, "b", "join")], 20, ("in-progress", None)),
    "left a call that was up": ([*UP, ev(9_000, "b", "leave")], 9_001, ("peer-left", "b")),
    "changed on the way": (
        [offer(0, "a"), answer(1, "b", fOut={"fpr": "other"})],
        2,
        ("fingerprint-changed", "b"),
    ),
    "another fingerprint of the same session": (
        [offer(0, "a"), offer(1, "a", 2, f={"fpr": "other"})],
        2,
        ("fingerprint-changed", "a"),
    ),
    "both offer and both answer": (
        [offer(0, "a"), offer(9, "b"), answer(20, "a", 2), answer(21, "b", 2)],
        30,
        ("glare", None),
    ),
    "both offer and one answers": ([offer(0, "a"), offer(9, "b"), answer(20, "b", 2)], 30, ("in-progress", None)),
    "both offer and nobody answers": ([offer(9, "a"), offer(0, "b")], 5_010, ("glare", None)),
    "both offer, and there is time": ([offer(0, "a"), offer(9, "b")], 4_000, ("in-progress", None)),
    "a later offer is answered": (
        [offer(0, "a"), offer(9, "b"), answer(20, "a", 2), answer(21, "b", 2), offer(30, "a", 3), answer(40, "b", 3)],
        50,
        ("in-progress", None),
    ),
    "one after the other": ([*BEGUN, offer(200, "b", 2), answer(300, "a", 2)], 400, ("in-progress", None)),
    "a description that is not understood": (
        [offer(0, "a"), ev(5, "b", "client-error", op="offer", name="TypeError")],
        20,
        ("description-error", "b"),
    ),
    "a candidate that is not understood": (
        [offer(0, "a"), ev(5, "b", "client-error", op="candidate", name="TypeError")],
        20,
        ("in-progress", None),
    ),
    "understood after all": (
        [offer(0, "a"), ev(5, "b", "client-error", op="offer", name="x"), offer(9, "a", 2), answer(10, "b")],
        20,
        ("in-progress", None),
    ),
    "no answer": ([offer(0, "a")], 5_000, ("no-answer", "b")),
    "resent again and again": ([offer(t, "a") for t in range(0, 20_000, 1_500)], 20_000, ("no-answer", "b")),
    "no answer to a restart": ([*UP, state(9_000, "a", "failed"), offer(10_000, "a", 2)], 15_100, ("no-answer", "b")),
    "an offer of its own": ([offer(0, "a"), offer(6_000, "b")], 6_100, ("in-progress", None)),
    "no codec in common": (
        [
            offer(
                0,
                "a",
                f={"m": [{"kind": "audio", "codecs": ["x/1"]}, {"kind": "video", "mid": "1", "codecs": ["a/9"]}]},
            ),
            answer(1, "b", f={"m": [{"kind": "audio", "codecs": ["x/1"]}, {"kind": "video", "codecs": ["b/9"]}]}),
            state(2, "a", "connected"),
        ],
        3,
        ("codec-mismatch", None),
    ),
    "rejected before": (
        [
            offer(0, "a", f={"m": [{"kind": "video", "off": True}]}),
            answer(1, "b", f={"m": [{"kind": "video", "off": True}]}),
        ],
        3,
        ("in-progress", None),
    ),
    "what makes no sense is no mismatch": (
        [offer(0, "a", f={"m": [{"kind": "video", "codecs": 7}, 7]}), answer(1, "b", f={"m": 7})],
        3,
        ("in-progress", None),
    ),
    "expired, by the credential that was used": (
        [turn(0, "a"), *BEGUN, refused(200, "a", expires=1_000)],
        300,
        ("turn-expired", "a"),
    ),
    "expired, by the last issue": ([turn(0, "a", expires=150), *BEGUN, refused(200, "a")], 300, ("turn-expired", "a")),
    "expired, in milliseconds": ([turn(0, "a"), *BEGUN, refused(200, "a", expires=150)], 300, ("turn-expired", "a")),
    "not expired": ([turn(0, "a"), *BEGUN, refused(200, "a"), refused(200, "b", 403)], 300, ("turn-refused", None)),
    "refused, but there is a relay": (
        [turn(0, "a"), *BEGUN, refused(200, "a"), cand(201, "a", facts=RELAY)],
        300,
        ("in-progress", None),
    ),
    "a relay of yesterday": (
        [
            turn(0, "a"),
            *BEGUN,
            cand(200, "a", facts=RELAY),
            offer(60_000, "a", 2),
            answer(60_010, "b", 2),
            refused(60_050, "a"),
        ],
        60_100,
        ("turn-refused", "a"),
    ),
    "a closed port over TCP": ([turn(0, "a"), *BEGUN, refused(200, "a", 701)], 300, ("turn-unreachable", "a")),
    "a closed port over UDP": ([turn(0, "a"), *BEGUN], 8_000, ("turn-unreachable", "a")),
    "restarts are no sign of gathering": (
        [turn(0, "a"), *BEGUN, offer(5_000, "a", 2), answer(5_001, "b", 2)],
        8_100,
        ("turn-unreachable", "a"),
    ),
    "a restart after a call that was up": (
        [turn(0, "a"), *UP, end(400, "a"), state(60_000, "a", "failed"), offer(60_100, "a", 2), answer(60_200, "b", 2)],
        63_000,
        ("in-progress", None),
    ),
    "it has come to its end": ([turn(0, "a"), *BEGUN, end(200, "a"), cand(200, "b")], 8_050, ("no-candidates", "a")),
    "the end may be in the description": (
        [turn(0, "a"), turn(0, "b"), offer(0, "a", f={"eoc": True}), answer(1, "b"), cand(2, "b", facts=RELAY)],
        8_050,
        ("no-candidates", "a"),
    ),
    "a client that never comes to the end": (
        [
            turn(0, "a"),
            *BEGUN,
            state(1, "a", "connecting"),
            *(
                each
                for t in range(0, 20_000, 5_000)
                for each in (offer(t, "a", t + 2), cand(t + 1, "a", t + 2), answer(t + 2, "b", t + 2))
            ),
        ],
        18_000,
        ("turn-unreachable", "a"),
    ),
    "no relay was given, and ICE failed": (
        [*BEGUN, cand(1, "a"), state(2, "a", "failed", "failed")],
        3,
        ("turn-never-issued", "a"),
    ),
    "no relay was given, and there is nothing else": (
        [turn(0, "a", 0), turn(0, "b", 0), *BEGUN],
        8_150,
        ("turn-never-issued", None),
    ),
    "no candidate arrives": (
        [*BEGUN, cand(1, "a", delivered=0, dropped="x"), cand(1, "b")],
        3,
        ("candidates-not-delivered", "a"),
    ),
    "but inside of the description": (
        [offer(0, "a", f={"cands": [HOST]}), answer(1, "b"), cand(2, "a", delivered=0), cand(2, "b")],
        3,
        ("in-progress", None),
    ),
    "too early": (
        [
            cand(0, "a"),
            ev(1, "b", "client-error", op="candidate", name="InvalidStateError"),
            offer(900, "a"),
            answer(950, "b"),
            cand(951, "b"),
        ],
        6_000,
        ("candidate-before-description", "b"),
    ),
    "only names": (
        [*BEGUN, cand(1, "a", facts={"type": "host", "addr": "mdns"}), cand(1, "b"), state(2, "a", "connecting")],
        10_200,
        ("only-mdns", "a"),
    ),
    "different networks": (
        [*BEGUN, cand(1, "a"), cand(1, "b", facts={**HOST, "net": "n2"}), state(2, "a", "connecting")],
        10_200,
        ("only-host-different-networks", None),
    ),
    "the same network": (
        [*BEGUN, cand(1, "a"), cand(1, "b"), state(2, "a", "connecting")],
        10_200,
        ("in-progress", None),
    ),
    "UDP is blocked": (
        [
            turn(0, "a"),
            turn(0, "b"),
            *BEGUN,
            cand(1, "a", facts=RELAY),
            cand(1, "b", facts=RELAY),
            ev(2, "a", "state", state="connecting", sel={"relayProtocol": "tls"}),
        ],
        10_200,
        ("udp-blocked", "a"),
    ),
    "nobody restarts": ([*UP, state(9_000, "a", "disconnected")], 14_000, ("ice-restart-needed", None)),
    "it may heal": ([*UP, state(9_000, "a", "disconnected")], 13_000, ("connected", None)),
    "it is being restarted": (
        [*UP, state(9_000, "a", "disconnected"), offer(12_000, "a", 2), answer(12_100, "b", 2)],
        15_000,
        ("in-progress", None),
    ),
    "the restart does not help": (
        [
            *UP,
            state(9_000, "a", "disconnected"),
            offer(12_000, "a", 2),
            answer(12_100, "b", 2),
            cand(12_101, "a", 2),
            cand(12_101, "b", 2),
        ],
        23_000,
        ("ice-failed", None),
    ),
    "ICE failed": (
        [
            turn(0, "a"),
            turn(0, "b"),
            *BEGUN,
            cand(1, "a", facts=RELAY),
            cand(1, "b", facts=RELAY),
            state(9, "a", "failed", "failed"),
        ],
        10,
        ("ice-failed", None),
    ),
    "a page that was closed": ([*UP, state(9_000, "a", "closed", "closed")], 20_000, ("connected", None)),
    "a storm": (
        [each for t in range(12) for each in (offer(t * 300, "a", t), answer(t * 300 + 9, "b", t))],
        4_000,
        ("renegotiation-storm", "a"),
    ),
    "it was long ago": (
        [
            *(each for t in range(12) for each in (offer(t * 300, "a", t), answer(t * 300 + 9, "b", t))),
            state(5_000, "a", "connected"),
        ],
        60_000,
        ("connected", None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_theRules(name: str) -> None:
    events, now, wanted = CASES[name]
    verdict = judge(events, now, at=1_700_000_000 if "that was used" in name else None)
    if "that was used" in name:
        events = [each if each.ev != "gather-error" else refused(200, "a", expires=1_699_999_990) for each in events]
        verdict = judge(events, now, at=1_700_000_000)
    assert told(verdict) == wanted, verdict
    assert verdict.why


def test_theOthersAreNamedBySide() -> None:
    assert "ann" in judge([offer(0, "b")], 5_000, names={"a": "ann", "b": "bob"}).why


def test_withoutATimeOfDayTheLastIssueCounts() -> None:
    events = [turn(0, "a"), *BEGUN, refused(200, "a", expires=1_699_999_990)]
    assert judge(events, 300).verdict == "turn-refused"


@pytest.mark.parametrize(
    ("events", "isTrouble"),
    [
        ([offer(0, "a"), ev(9, "b", "leave")], True),
        ([*UP, ev(9_000, "b", "leave")], False),
        ([*BEGUN, cand(1, "a"), cand(1, "b"), ev(9_000, "b", "leave")], False),
        ([*BEGUN, cand(1, "a"), cand(1, "b"), state(3, "a", "connecting"), ev(9_000, "b", "leave")], True),
    ],
)
def test_whoLeavesIsNotAlwaysATrouble(events: list[Event], isTrouble: bool) -> None:
    verdict = judge(events, 10_000)
    assert (verdict.verdict, verdict.isTrouble) == ("peer-left", isTrouble)
