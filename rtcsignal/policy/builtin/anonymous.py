"""Lets in everybody who is left: the last of the authenticators."""

from __future__ import annotations

import secrets

from zope.interface import implementer

from rtcsignal.api import ConfigError, Configurable, Handshake, IAuthenticator, Identity, Option

_RANDOM_BYTES = 8


@implementer(IAuthenticator)
class Anonymous(Configurable):
    """Lets in everybody whom no authenticator before it knows."""

    name = "anonymous"
    roles = Option(list[str], [], "Roles that they get.")
    userIdPrefix = Option(
        str, None, "Their user ids are made by the server, and begin so; null lets them choose.", most=64
    )

    def prepare(self) -> None:
        self._roles = frozenset(self.roles)
        if self.userIdPrefix is not None and not self.userIdPrefix.isprintable():
            raise ConfigError("user_id_prefix: must not have control characters")

    def authenticate(self, _handshake: Handshake) -> Identity:
        if self.userIdPrefix is None:
            return Identity(roles=self._roles, signedIn=False)
        return Identity(self.userIdPrefix + secrets.token_hex(_RANDOM_BYTES), self._roles, signedIn=False)


anonymous = Anonymous()
