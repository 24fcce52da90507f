"""Which of several addresses that proxies tell is the client's own, and how many connections an address has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.addresses import UNIX, plainAddress
from rtcsignal.engineio.http.addresses import AddressCounts, Proxies

PROXIES = Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"])


class TestForwarded:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.66, 192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.66, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
            ("10.9.9.9", "2001:db8::1,2001:db8:1::1", "2001:db8::1"),
            ("::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "10.1.2.3, 10.1.2.4", "10.1.2.3"),
            ("127.0.0.1", "192.0.2.1, unknown", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.1, unknown, 10.1.2.3", "10.1.2.3"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", ",,,", "127.0.0.1"),
            ("192.0.2.5", "192.0.2.1", "192.0.2.5"),
            ("127.0.0.2", "127.0.0.1", "127.0.0.2"),
            ("", "192.0.2.1", ""),
        ],
    )
    def test_theRightmostAddressThatIsNoProxysCounts(self, peer: str, forwarded: str, client: str) -> None:
        assert PROXIES.clientOf(peer, {"x-forwarded-for": forwarded}) == client

    def test_withoutTheHeaderWhoeverIsConnectedIsTheClient(self) -> None:
        assert PROXIES.clientOf("127.0.0.1", {}) == "127.0.0.1"

    def test_nobodyIsTrustedUnlessItIsSaid(self) -> None:
        assert Proxies().clientOf("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}) == "127.0.0.1"
        assert not Proxies().trusts("")
        assert not PROXIES.trusts("")
        assert not PROXIES.trusts("nonsense")

    def test_aProxyMayConnectOverAUnixSocket(self) -> None:
        proxies = Proxies([UNIX])
        assert proxies.clientOf("", {"x-forwarded-for": "192.0.2.1"}) == "192.0.2.1"
        assert proxies.clientOf("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}) == "127.0.0.1"

    def test_longListsAreReadOnlyAtTheirEnd(self) -> None:
        forwarded = ",".join(["192.0.2.1", *["10.0.0.1"] * 5_000])
        assert PROXIES.clientOf("127.0.0.1", {"x-forwarded-for": forwarded}) == "10.0.0.1"

    @given(st.text())
    def test_anythingGivesAnAddress(self, forwarded: str) -> None:
        client = PROXIES.clientOf("127.0.0.1", {"x-forwarded-for": forwarded})
        assert plainAddress(client) == client

    @pytest.mark.parametrize(
        ("peer", "proto", "here", "secure"),
        [
            ("127.0.0.1", "https", False, True),
            ("127.0.0.1", "http", True, False),
            ("127.0.0.1", "https, http", False, False),
            ("127.0.0.1", "WSS", False, True),
            ("192.0.2.1", "https", False, False),
            ("192.0.2.1", "http", True, True),
        ],
    )
    def test_theNearestProxySaysWhetherTheClientCameOverTls(
        self, peer: str, proto: str, here: bool, secure: bool
    ) -> None:
        assert PROXIES.isSecure(peer, {"x-forwarded-proto": proto}, here) is secure
        assert PROXIES.isSecure(peer, {}, here) is here


class TestCounts:
    def test_anAddressHasItsSlotsAndNoMore(self) -> None:
        counts = AddressCounts(2)
        slots = [counts.take("192.0.2.1") for _ in range(2)]
        assert not counts.hasSlotFor("192.0.2.1")
        assert counts.hasSlotFor("192.0.2.2")
        slots[0].free()
        slots[0].free()
        assert counts.hasSlotFor("192.0.2.1")
        slots[1].free()
        assert counts.counts == {}

    def test_aNetworkOfIpv6SharesItsSlots(self) -> None:
        counts = AddressCounts(1)
        counts.take("2001:db8::1")
        assert not counts.hasSlotFor("2001:db8::2")
        assert counts.hasSlotFor("2001:db8:0:1::1")

    def test_whoHasNoAddressIsNotCounted(self) -> None:
        counts = AddressCounts(1)
        counts.take("")
        assert counts.hasSlotFor("")
