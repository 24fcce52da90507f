"""``anonymous``: whoever is left comes in."""

from __future__ import annotations

from typing import Any

import pytest
from zope.interface import implementer

from rtcsignal.api import ConfigError, Handshake, IAuthenticator, Identity
from rtcsignal.policy.builtin.anonymous import anonymous as plugin
from rtcsignal.testing import InMemoryServer, MemoryClient


@implementer(IAuthenticator)
class Known:
    """Knows who says so."""

    name = "known"

    def authenticate(self, handshake: Handshake) -> Identity | None:
        return Identity("ann") if handshake.token() == "ann" else None


def joined(client: MemoryClient, **more: Any) -> str:
    """The user id as which a client has joined the kitchen."""
    answer = client.request("join-room", {"roomName": "kitchen", **more})
    assert answer.ok, answer.value
    return str(answer.value["userId"])


def test_whoIsLeftComesInAndChoosesAUserId() -> None:
    with InMemoryServer(Known(), plugin.configured({})) as server:
        ann, guest = server.connect(auth={"token": "ann"}), server.connect(auth={"token": "what"})
        assert joined(ann) == "ann"
        assert joined(guest, userId="bob") == "bob"
        assert guest.request("join-room", {"roomName": "garden"}).code == "bad-arguments"


def test_beforeOthersItLetsInEverybody() -> None:
    with InMemoryServer(plugin.configured({"user_id_prefix": "guest-"}), Known()) as server:
        assert joined(server.connect(auth={"token": "ann"})).startswith("guest-")


@pytest.mark.parametrize("prefix", ["guest-", ""])
def test_userIdsCanBeMadeByTheServer(prefix: str) -> None:
    with InMemoryServer(plugin.configured({"user_id_prefix": prefix})) as server:
        clients = [server.connect() for _ in range(20)]
        userIds = [joined(client) for client in clients]
        assert len(set(userIds)) == 20
        assert all(userId.startswith(prefix) and len(userId) == len(prefix) + 16 for userId in userIds)
        assert clients[0].join("kitchen", userIds[1]).code == "not-your-user-id"
        assert server.members("kitchen") == userIds


def test_theyGetRoles() -> None:
    with InMemoryServer(plugin.configured({"roles": ["guest", "listener"]})) as server:
        joined(server.connect(), userId="bob")
        (peer,) = server.hub.rooms["kitchen"].view.peers()
        assert peer.roles == frozenset({"guest", "listener"})


def test_aPrefixMustBeFitForAUserId() -> None:
    with pytest.raises(ConfigError, match="user_id_prefix: must not have control characters"):
        plugin.configured({"user_id_prefix": "a\nb"})
    with pytest.raises(ConfigError, match="user_id_prefix: must be a string of at most 64 characters"):
        plugin.configured({"user_id_prefix": "a" * 65})
