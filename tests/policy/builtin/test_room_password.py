"""``room-password``: of the configuration or of the first member; wrong ones are throttled."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity, Refused
from rtcsignal.policy.builtin.room_password import roomPassword as plugin
from rtcsignal.testing import Answer, FakePeer, FakeRoom, FakeServices, InMemoryServer

STAFF = Identity(roles=frozenset({"staff"}))


def using(**options: Any) -> list[Any]:
    return [{"room-password": options}]


def join(server: InMemoryServer, room: str, user: str = "eve", address: str = "192.0.2.1", **more: Any) -> Answer:
    return server.connect(address=address).join(room, user, **more)


class TestThePasswordOfTheFirstMember:
    def test_isAskedOfAllOthers(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            assert join(server, "kitchen", "ann", password="sesame").ok
            assert join(server, "kitchen").code == "password-needed"
            assert join(server, "kitchen", password="").code == "password-needed"
            assert join(server, "kitchen", password="Sesame").code == "wrong-password"
            assert join(server, "kitchen", password="sesame").ok
            assert server.members("kitchen") == ["ann", "eve"]

    def test_noneIsNone(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            assert join(server, "kitchen", "ann").ok
            assert join(server, "kitchen", "ben", password="sesame").ok
            assert join(server, "kitchen", "cat").ok

    @pytest.mark.parametrize("password", [7, ["sesame"], "x" * 257])
    def test_mustBeOne(self, password: Any) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            assert join(server, "kitchen", password=password).code == "bad-password"
            assert join(server, "kitchen", "ann", password="sesame").ok
            assert join(server, "kitchen", password=password).code == "wrong-password"

    def test_endsWithTheRoom(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            ann = server.connect()
            ann.join("kitchen", "ann", password="sesame")
            ann.leave("kitchen", "ann")
            assert join(server, "kitchen").ok

    def test_isNotSetByWhoIsRefusedByAnotherPolicy(self) -> None:
        use: list[Any] = ["room-password", {"allow-rooms": {"rooms": {"*": ["staff"]}}}]
        with InMemoryServer(use=use) as server:
            assert join(server, "kitchen", password="sesame").code == "role-needed"
            assert server.connect(STAFF).join("kitchen", "ann").ok
            assert server.connect(STAFF).join("kitchen", "ben").ok

    def test_survivesAReload(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            join(server, "kitchen", "ann", password="sesame")
            assert server.reload(use=using(attempts=7))
            assert join(server, "kitchen", password="other").code == "wrong-password"
            assert join(server, "kitchen", password="sesame").ok

    def test_isComparedInATimeThatTellsNothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[tuple[int, int]] = []
        compare = hmac.compare_digest

        def watched(one: bytes, other: bytes) -> bool:
            compared.append((len(one), len(other)))
            return compare(one, other)

        monkeypatch.setattr(hmac, "compare_digest", watched)
        with InMemoryServer(use=["room-password"]) as server:
            join(server, "kitchen", "ann", password="sesame")
            for password in ("s", "sesamo", "sesame", "x" * 256):
                join(server, "kitchen", password=password)
        assert compared == [(64, 64)] * 4

    def test_isKeptAsADigest(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            join(server, "kitchen", "ann", password="sesame")
            join(server, "cellar", "ann", password="sesame")
            kept = [server.hub.rooms[name].view.shared["room-password"] for name in ("kitchen", "cellar")]
            assert kept[0] != kept[1]
            assert "sesame" not in repr(kept)

    def test_isTheSameHoweverItsLettersAreComposed(self) -> None:
        with InMemoryServer(use=["room-password"]) as server:
            join(server, "kitchen", "ann", password="caf\u00e9")
            assert join(server, "kitchen", password="cafe\u0301").ok

    def test_mayBeSwitchedOff(self) -> None:
        with InMemoryServer(use=using(first_sets=False)) as server:
            assert join(server, "kitchen", "ann", password="sesame").ok
            assert join(server, "kitchen").ok


class TestThePasswordOfTheConfiguration:
    def test_isAskedOfEverybody(self) -> None:
        with InMemoryServer(use=using(passwords={"staff-*": "sesame", "open-*": ""})) as server:
            assert join(server, "staff-1", password="mine").code == "wrong-password"
            assert join(server, "staff-1", password="sesame").ok
            assert join(server, "open-1", "ann", password="mine").ok
            assert join(server, "open-1").ok
            assert join(server, "kitchen", "ann", password="mine").ok
            assert join(server, "kitchen").code == "password-needed"

    def test_isNotAskedOfSomeRoles(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, except_for=["staff"])) as server:
            assert server.connect(STAFF).join("kitchen", "ann").ok

    def test_mayBeInAFile(self, tmp_path: Path) -> None:
        path = tmp_path / "passwords.json"
        path.write_text('{"kitchen": "sesame"}\n')
        with InMemoryServer(use=using(passwords_file=str(path))) as server:
            assert join(server, "kitchen", password="sesame").ok
            assert join(server, "kitchen").code == "password-needed"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("sesame", "is not JSON"),
            ('["sesame"]', "passwords_file: must be a mapping of strings to strings, not what it is"),
            ('{"a": 1}', "passwords_file: must be a mapping of strings to strings, not what it is"),
        ],
    )
    def test_aFileThatHasNoneEndsTheStart(self, tmp_path: Path, text: str, problem: str) -> None:
        path = tmp_path / "passwords.json"
        path.write_text(text)
        with pytest.raises(ConfigError, match=problem), InMemoryServer(use=using(passwords_file=str(path))):
            pass


class TestWrongPasswords:
    @staticmethod
    def wrong(server: InMemoryServer, times: int, **more: Any) -> list[str | None]:
        return [join(server, "kitchen", password="wrong", **more).code for _ in range(times)]

    def test_areThrottledAndWhoWaitsIsToldForHowLong(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, attempts=3, pause=20)) as server:
            assert self.wrong(server, 4) == ["wrong-password"] * 3 + ["too-many-attempts"]
            server.advance(7.5)
            answer = join(server, "kitchen", password="sesame")
            assert (answer.code, answer.value["error"]["retry_after"]) == ("too-many-attempts", 13)
            server.advance(13)
            assert join(server, "kitchen", password="sesame").ok

    def test_areCountedByAddressAndRoom(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, attempts=1)) as server:
            assert self.wrong(server, 2) == ["wrong-password", "too-many-attempts"]
            assert join(server, "cellar", password="sesame").ok
            assert join(server, "kitchen", password="sesame", address="192.0.2.2").ok

    def test_ofOneIpv6NetworkAreCountedTogether(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, attempts=1)) as server:
            assert self.wrong(server, 1, address="2001:db8::1") == ["wrong-password"]
            assert self.wrong(server, 1, address="2001:db8::2") == ["too-many-attempts"]
            assert self.wrong(server, 1, address="2001:db8:0:1::2") == ["wrong-password"]

    def test_rightOnesAndMissingOnesAreNotCounted(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, attempts=1)) as server:
            assert all(join(server, "kitchen", password="sesame").ok for _ in range(5))
            assert {join(server, "kitchen").code for _ in range(5)} == {"password-needed"}
            assert self.wrong(server, 1) == ["wrong-password"]

    def test_areStillKnownAfterAReload(self) -> None:
        with InMemoryServer(use=using(passwords={"*": "sesame"}, attempts=1)) as server:
            self.wrong(server, 1)
            assert server.reload()
            assert join(server, "kitchen", password="sesame").code == "too-many-attempts"

    def test_areForgottenInTheEnd(self) -> None:
        services = FakeServices()
        configured = plugin.configured({"passwords": {"*": "sesame"}, "pause": 1})
        configured.start(services)
        for number in range(30):
            peer = FakePeer("eve", joinRequest={"password": "wrong"}, address=f"192.0.2.{number}")
            with pytest.raises(Refused, match="wrong-password"):
                configured.mayJoin(peer, FakeRoom("kitchen"))
            services.clock.advance(2)
        assert len(services.data["attempts"]) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"attempts": 0}, "attempts: must be a whole number of at least 1, not 0"),
        ({"pause": 0}, "pause: must be a number from 0.1 to 86400, not 0"),
        ({"passwords": {"a": 1}}, "passwords: must be a mapping of strings to strings, not what it is"),
    ],
)
def test_wrongOptionsEndTheStart(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), InMemoryServer(use=using(**options)):
        pass
