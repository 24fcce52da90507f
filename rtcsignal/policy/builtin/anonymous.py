"""Lets in everyone who is left: the last of the authenticators."""

from __future__ import annotations

import secrets

from zope.interface import implementer

from rtcsignal.api import ConfigError, Configurable, Handshake, IAuthenticator, Identity, Option

_RANDOM_BYTES = 8


@implementer(IAuthenticator)
class Anonymous(Configurable):
    """Lets in everyone whom no authenticator before it knows."""

    name = "anonymous"
    roles = Option(list[str], [], "Roles that guests get.")
    userIdPrefix = Option(
        str, None, "The server makes their user ids, and begins them with this; null lets them choose.", most=64
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
