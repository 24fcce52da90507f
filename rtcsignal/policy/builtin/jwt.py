"""Lets in anyone who has a JSON Web Token (RFC 7519) that was signed with one of the server's keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zope.interface import implementer

from rtcsignal.api import (
    ConfigError,
    Configurable,
    Handshake,
    IAuthenticator,
    Identity,
    IServices,
    Option,
    Refused,
)

try:
    import jwt as pyjwt
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
except ImportError:
    raise ImportError("it needs PyJWT: pip install 'rtcsignal[jwt]'") from None

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_EDWARDS = frozenset({"EdDSA"})
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}
_HMAC = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Each with the bytes that a secret must have at least (RFC 7518 section 3.2)."""

_ALGORITHMS = _RSA | _EDWARDS | frozenset(_CURVES.values()) | frozenset(_HMAC)
_MOST_CHARACTERS = 16384
_LEAST_RSA_BITS = 2048
_FOREVER = 1e12
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")


@implementer(IAuthenticator)
class Jwt(Configurable):
    """Lets in anyone who has a JSON Web Token. The kind of a key, never the token, says which algorithms are good."""

    name = "jwt"
    keys = Option(Path, None, "A file of public keys: PEM, one or several, or a JSON Web Key Set.")
    secret = Option(str, None, "A secret for HS256 and, if it is long enough, HS384 and HS512.", secret=True)
    oldSecret = Option(str, None, "The secret before it: still good.", secret=True)
    algorithms = Option(list[str], [], "Only these algorithms; empty for all that are fit for the keys.")
    issuers = Option(list[str], [], "Who may have issued a token, as it says in iss; empty for anyone.")
    audiences = Option(list[str], [], "The audiences that a token may be for, as it says in aud.")
    required = Option(list[str], ["exp"], "Claims that a token must have.")
    leeway = Option(float, 10.0, "Seconds by which the clock of the issuer may be wrong.", least=0, most=600)
    userIdClaim = Option(str, "sub", "The claim that is the user id; empty lets the client choose.")
    rolesClaim = Option(str, "roles", "The claim that holds the roles; dots lead into objects.")
    tokenKey = Option(str, "token", "The key of the token in the client's auth object and in the query.", least=1)
    cookie = Option(str, "", "A cookie that may hold the token; empty for none.")

    def prepare(self) -> None:
        self._keys: list[_Key] = []
        problems = [f"algorithms: there is no {each}" for each in self.algorithms if each not in _ALGORITHMS]
        for option, value in (("secret", self.secret), ("old_secret", self.oldSecret)):
            try:
                self._keys += [_secretKey(value.encode())] if value is not None else []
            except ValueError as error:
                problems.append(f"{option}: {error}")
        try:
            self._keys += _keysOf(self.keys) if self.keys is not None else []
        except (ValueError, OSError) as error:
            why = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else error
            problems.append(f"keys: {self.keys} {why}")
        if self.algorithms and self._keys and not problems:
            self._keys = [key.only(self.algorithms) for key in self._keys]
            if not any(key.algorithms for key in self._keys):
                problems.append("algorithms: none of them is fit for a key that is there")
        if problems:
            raise ConfigError(problems)

    def configured(self, options: Mapping[str, Any]) -> Any:
        made = super().configured(options)
        if not made._keys:
            raise ConfigError("keys: is required, or secret: tokens cannot be judged without")
        return made

    def start(self, services: IServices) -> None:
        self._wall = services.now

    def authenticate(self, handshake: Handshake) -> Identity | None:
        token = handshake.token(self.tokenKey, self.cookie)
        # Every token begins with the base64 of "{".
        if token is None or token.count(".") != 2 or not token.startswith("e"):
            return None
        claims = self._claimsIn(token)
        self._checkSource(claims)
        expiresAt = self._checkTimes(claims)
        return Identity(self._userIdIn(claims), frozenset(_rolesIn(claims, self.rolesClaim)), claims, expiresAt)

    def _claimsIn(self, token: str) -> dict[str, Any]:
        """What a token says, if its signature is good.

        Raises:
            Refused: ``bad-token``.
        """
        try:
            header = pyjwt.get_unverified_header(token) if len(token) <= _MOST_CHARACTERS else {}
            for key in self._candidates(header):
                try:
                    signed = _JWS.decode_complete(token, key.value, [header["alg"]])
                except pyjwt.InvalidSignatureError:
                    continue
                claims = json.loads(signed["payload"])
                if isinstance(claims, dict):
                    return claims
        except Exception:  # whatever happens here, the token is to blame
            raise _bad("The token is not valid.") from None
        raise _bad("The token is not valid.")

    def _candidates(self, header: Mapping[str, Any]) -> list[_Key]:
        """The keys that may have signed a token: those of its algorithm, and of its id if they have one."""
        if "crit" in header:  # extensions that whoever does not know them must not ignore (RFC 7515 section 4.1.11)
            return []
        kid = header.get("kid")
        fit = [key for key in self._keys if header.get("alg") in key.algorithms]
        return [key for key in fit if kid is None or key.kid in (None, kid)]

    def _checkSource(self, claims: Mapping[str, Any]) -> None:
        for name in self.required:
            if claims.get(name) is None:
                raise _bad(f"The token has no {name}.")
        if self.issuers and claims.get("iss") not in self.issuers:
            raise _bad("The token is from another issuer.")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        # Anyone who is not among those that a token is for must not take it (RFC 7519 section 4.1.3).
        if (self.audiences or audience is not None) and not any(each in self.audiences for each in audiences):
            raise _bad("The token is for another audience.")

    def _checkTimes(self, claims: Mapping[str, Any]) -> float | None:
        """When a token ends, if it holds now."""
        now, begins, ends = self._wall(), _timeIn(claims, "nbf"), _timeIn(claims, "exp")
        if begins is not None and begins - self.leeway > now:
            raise _bad("The token is not good yet.")
        if ends is None:
            return None
        if ends + self.leeway <= now:
            raise Refused("expired", "The token has expired.")
        return ends + self.leeway

    def _userIdIn(self, claims: Mapping[str, Any]) -> str | None:
        if not self.userIdClaim:
            return None
        value = claims.get(self.userIdClaim)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value) if abs(value) < _FOREVER else None
        if not isinstance(value, str) or _NAME.fullmatch(value) is None:
            raise _bad(f"The token has no {self.userIdClaim} that can be a user id.")
        return value


@dataclass(frozen=True)
class _Key:
    """A key, and what it may be used for.

    Attributes:
        value: As PyJWT takes it.
        algorithms: The algorithms of its kind.
        kid: Its id in a key set; None if it has none.
    """

    value: Any = field(repr=False)
    algorithms: frozenset[str]
    kid: str | None = None

    def only(self, algorithms: list[str]) -> _Key:
        """The same key for some of its algorithms."""
        return _Key(self.value, self.algorithms.intersection(algorithms), self.kid)


_JWS = pyjwt.PyJWS()


def _secretKey(secret: bytes, kid: str | None = None) -> _Key:
    if secret.lstrip().startswith((b"-----BEGIN ", b"ssh-", b"ecdsa-")):
        raise ValueError("must not be a public key, which everyone may know; keys is the option for those")
    least = min(_HMAC.values())
    if len(secret) < least:
        raise ValueError(f"must have at least {least} bytes")
    return _Key(secret, frozenset(name for name, size in _HMAC.items() if len(secret) >= size), kid)


def _publicKey(value: Any, kid: str | None = None) -> _Key:
    if isinstance(value, rsa.RSAPublicKey):
        if value.key_size < _LEAST_RSA_BITS:
            raise ValueError(f"has an RSA key of less than {_LEAST_RSA_BITS} bits")
        return _Key(value, _RSA, kid)
    if isinstance(value, ec.EllipticCurvePublicKey) and value.curve.name in _CURVES:
        return _Key(value, frozenset({_CURVES[value.curve.name]}), kid)
    if isinstance(value, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        return _Key(value, _EDWARDS, kid)
    raise ValueError("has a key of a kind that no algorithm is for")


def _keysOf(path: Path) -> list[_Key]:
    """The keys in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds none, or one that cannot be used.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is neither PEM nor a JSON Web Key Set") from None
    found = list(_keysInSet(text) if text.lstrip().startswith("{") else _keysInPem(text))
    if not found:
        raise ValueError("holds no key for signatures")
    return found


def _keysInPem(text: str) -> Iterator[_Key]:
    for match in _PEM.finditer(text):
        label, block = match[1], match[0].encode()
        if "PRIVATE" in label:
            raise ValueError(_PRIVATE)
        try:
            if label == "CERTIFICATE":
                value: Any = x509.load_pem_x509_certificate(block).public_key()
            else:
                value = load_pem_public_key(block)
        except Exception:  # of several kinds, and all that can be said is this
            raise ValueError(f"has a {label.lower()} that cannot be read") from None
        yield _publicKey(value)


_PRIVATE = "has a private key, which belongs to the issuer alone; give the public one"


def _keysInSet(text: str) -> Iterator[_Key]:
    """The keys of a JSON Web Key Set (RFC 7517). Those of other uses and unknown kinds are left out."""
    try:
        entries = json.loads(text).get("keys")
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("is not a JSON Web Key Set: an object with a list of keys is needed")
    for index, entry in enumerate(entries):
        algorithm, kid = entry.get("alg"), entry.get("kid")
        if entry.get("use", "sig") != "sig" or entry.get("kty") not in ("RSA", "EC", "OKP", "oct"):
            continue
        if algorithm is not None and algorithm not in _ALGORITHMS:
            continue
        try:
            key = _keyOf(entry, kid if isinstance(kid, str) else None)
        except (pyjwt.PyJWTError, TypeError, KeyError) as error:
            raise ValueError(f"has a key that cannot be read, number {index}: {type(error).__name__}") from None
        yield key.only([algorithm]) if algorithm is not None else key


def _keyOf(entry: Mapping[str, Any], kid: str | None) -> _Key:
    if entry["kty"] == "oct":
        return _secretKey(pyjwt.PyJWK(dict(entry), "HS256").key, kid)
    if "d" in entry:
        raise ValueError(_PRIVATE)
    return _publicKey(pyjwt.PyJWK(dict(entry), "EdDSA" if entry["kty"] == "OKP" else entry.get("alg")).key, kid)


def _timeIn(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < _FOREVER:
        raise _bad(f"The token's {name} is not a time.")
    return float(value)


def _rolesIn(claims: Mapping[str, Any], path: str) -> list[str]:
    """The roles: a list of strings, or words in one string, with blanks between, as in ``scope`` (RFC 8693, 4.2)."""
    value: Any = claims
    for name in [path] if path in claims else path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _bad(message: str) -> Refused:
    return Refused("bad-token", message)


jwt = Jwt()
