"""IP addresses in their usual form, and what they are counted under."""

from __future__ import annotations

import pytest

from rtcsignal.addresses import networkOf, plainAddress
from rtcsignal.api import networkOf as networkForPlugins


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", None),
        ("unknown", None),
        ("_hidden", None),
        ("192.0.2", None),
        ("192.0.2.256", None),
        ("192.0.02.1", None),
        ("\u0661.1.1.1", None),
        ("example.org", None),
    ],
)
def test_addressesAreReadAsProxiesWriteThem(text: str, address: str | None) -> None:
    assert plainAddress(text) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_ofIpv6TheNetworkOf64BitsIsCounted(address: str, network: str) -> None:
    assert networkOf(address) == network


def test_pluginsCountAsTheServerDoes() -> None:
    assert networkForPlugins is networkOf
