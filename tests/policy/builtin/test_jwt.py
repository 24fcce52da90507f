"""``jwt``: whose tokens are good, by which keys and algorithms, for how long, and what they say."""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsignal.api import ConfigError, Handshake, Identity, Refused
from rtcsignal.policy.builtin.jwt import jwt as plugin
from rtcsignal.policy.listing import formatPlugins, listPlugins
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.testing import FakeServices, InMemoryServer
from tests.policy.sources import Use, Wanted

SECRET, OTHER = "s" * 32, "t" * 64
RSA = rsa.generate_private_key(65537, 2048)
P256, P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
OTHER_P256 = ec.generate_private_key(ec.SECP256R1())
K256 = ec.generate_private_key(ec.SECP256K1())
ED25519, ED448 = ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()
GOOD = {"sub": "ann", "exp": 100}
NEEDED = "it needs PyJWT: pip install 'rtcsignal[jwt]'"
MACS = ("HS256", "HS384", "HS512")

PAIRS = [
    *((RSA, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    (P256, "ES256"),
    (OTHER_P256, "ES256"),
    (P384, "ES384"),
    (P521, "ES512"),
    (K256, "ES256K"),
    (ED25519, "EdDSA"),
    (ED448, "EdDSA"),
]


def pem(key: Any) -> str:
    """The public key."""
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def privatePem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def certificate(key: Any) -> str:
    """A certificate of the public key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    day = datetime.datetime(2024, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    """A key of a set; of a secret the text."""
    if isinstance(key, str):
        return {"kty": "oct", "k": base64.urlsafe_b64encode(key.encode()).decode().rstrip("="), **more}
    algorithm = next(name for each, name in PAIRS if each is key)
    made: Any = pyjwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**{name: value for name, value in made.items() if name != "key_ops"}, **more}


def token(claims: Any = GOOD, key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    return pyjwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers or None)


def forged(algorithm: Any, secret: str, claims: Any = GOOD) -> str:
    """A token with a MAC that is made as the algorithm's name, or else HS256, says, however short the secret is."""
    signed = ".".join(_text(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    name = algorithm if algorithm in MACS else "HS256"
    return f"{signed}.{_text(pyjwt.get_algorithm_by_name(name).sign(signed.encode(), secret.encode()))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


PUBLIC = pem(P256)


@pytest.fixture
def keys(tmp_path: Path) -> Callable[..., str]:
    """``keys(*PEM texts)`` or ``keys(*keys of a set)``: a file with these."""

    def write(*parts: str | dict[str, Any]) -> str:
        path = tmp_path / f"keys-{len(list(tmp_path.iterdir()))}"
        path.write_text(json.dumps({"keys": parts}) if parts and isinstance(parts[0], dict) else "\n".join(parts))  # type: ignore[arg-type]
        return str(path)

    return write


def made(**options: Any) -> Any:
    """A plugin that has started, at the beginning of time."""
    made = plugin.configured(options)
    made.start(FakeServices())
    return made


def judged(text: str, **options: Any) -> Identity | None:
    identity = made(**(options or {"secret": SECRET})).authenticate(Handshake("/", auth={"token": text}))
    assert identity is None or isinstance(identity, Identity)
    return identity


def isGood(text: str, **options: Any) -> bool:
    """Whether a token lets in; if not, it must be refused as none."""
    try:
        return judged(text, **options) is not None
    except Refused as refused:
        assert refused.code == "bad-token"
        return False


def claimed(claims: Any, **options: Any) -> Identity | str:
    """What comes of a token that says so: an identity, or the refusal's code and message."""
    try:
        identity = judged(token(claims), secret=SECRET, **options)
    except Refused as refused:
        return f"{refused.code}: {refused.message}"
    assert identity is not None
    return identity


class TestKeys:
    @pytest.mark.parametrize("number", range(len(PAIRS)), ids=[name for _, name in PAIRS])
    def test_everyKindIsGoodForItsAlgorithmsAlone(self, number: int, keys: Callable[..., str]) -> None:
        key, algorithm = PAIRS[number]
        signed = token(key=key, algorithm=algorithm)
        assert isGood(signed, keys=keys(pem(key)))
        assert isGood(signed, keys=keys(jwk(key)))
        others = [pem(each) for each, _ in PAIRS if each is not key]
        assert not isGood(signed, keys=keys(*others), secret=SECRET)

    @pytest.mark.parametrize(("length", "good"), [(32, {"HS256"}), (48, {"HS256", "HS384"}), (64, set(MACS))])
    def test_aSecretMustBeLongEnoughForItsAlgorithm(self, length: int, good: set[str]) -> None:
        secret = "x" * length
        assert {name for name in MACS if isGood(forged(name, secret), secret=secret)} == good

    def test_aCertificateHoldsAKey(self, keys: Callable[..., str]) -> None:
        assert isGood(token(key=P256, algorithm="ES256"), keys=keys(certificate(P256)))

    def test_aSetMayHoldSecrets(self, keys: Callable[..., str]) -> None:
        assert isGood(token(), keys=keys(jwk(SECRET)))

    def test_thoseOfOtherUsesAndKindsAreLeftOut(self, keys: Callable[..., str]) -> None:
        entries = [
            jwk(P256, use="enc"),
            jwk(P256, alg="ECDH-ES"),
            {"kty": "of-tomorrow"},
            jwk(P384),
        ]
        file = keys(*entries)
        assert isGood(token(key=P384, algorithm="ES384"), keys=file)
        assert not isGood(token(key=P256, algorithm="ES256"), keys=file)

    def test_oneOfASetMayBeForOneAlgorithm(self, keys: Callable[..., str]) -> None:
        file = keys(jwk(RSA, alg="PS256"))
        assert isGood(token(key=RSA, algorithm="PS256"), keys=file)
        assert not isGood(token(key=RSA, algorithm="RS256"), keys=file)

    def test_theConfigurationMaySayWhichAlgorithmsAreGood(self, keys: Callable[..., str]) -> None:
        options = {"keys": keys(pem(RSA)), "secret": OTHER, "algorithms": ["PS256", "HS512"]}
        assert isGood(token(key=RSA, algorithm="PS256"), **options)
        assert not isGood(token(key=RSA, algorithm="RS256"), **options)
        assert isGood(token(key=OTHER, algorithm="HS512"), **options)
        assert not isGood(token(key=OTHER), **options)


class TestRollOver:
    def test_twoSecrets(self) -> None:
        old, new = token(), token(key=OTHER)
        for signed in (old, new):
            assert isGood(signed, secret=OTHER, old_secret=SECRET)
        assert not isGood(old, secret=OTHER)

    def test_twoKeysWithoutNamesAreBothTried(self, keys: Callable[..., str]) -> None:
        file = keys(pem(P256), pem(OTHER_P256))
        for key in (P256, OTHER_P256):
            assert isGood(token(key=key, algorithm="ES256"), keys=file)
            assert isGood(token(key=key, algorithm="ES256", kid="whatever"), keys=file)

    def test_ofKeysWithNamesTheOneIsTriedThatTheTokenNames(self, keys: Callable[..., str]) -> None:
        file, other = keys(jwk(P256, kid="1"), jwk(OTHER_P256, kid="2")), OTHER_P256
        assert isGood(token(key=P256, algorithm="ES256", kid="1"), keys=file)
        assert isGood(token(key=other, algorithm="ES256", kid="2"), keys=file)
        assert isGood(token(key=other, algorithm="ES256"), keys=file)
        assert not isGood(token(key=other, algorithm="ES256", kid="1"), keys=file)
        assert not isGood(token(key=other, algorithm="ES256", kid="3"), keys=file)

    def test_aReloadReadsTheFileAgain(self, keys: Callable[..., str]) -> None:
        file = keys(pem(P256))
        with InMemoryServer(use=[{"jwt": {"keys": file}}]) as server:
            old, new = (token(key=key, algorithm="ES256") for key in (P256, OTHER_P256))
            client = server.connect(auth={"token": old})
            assert client.connected
            assert not server.connect(auth={"token": new}).connected
            Path(file).write_text(pem(OTHER_P256))
            assert server.reload()
            assert server.connect(auth={"token": new}).connected
            assert not server.connect(auth={"token": old}).connected
            assert client.connected


class TestAttacks:
    def test_aPublicKeyIsNoSecret(self, keys: Callable[..., str]) -> None:
        """The algorithm is changed to HMAC, with the public key, which everybody knows, as the secret."""
        for key in (RSA, P256, ED25519):
            for secret in (pem(key), pem(key).strip(), json.dumps(jwk(key))):
                for file in (keys(pem(key)), keys(jwk(key))):
                    assert not isGood(forged("HS256", secret), keys=file)
                    assert not isGood(forged("HS256", secret), keys=file, secret=SECRET)

    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, [], {}, "HS256 "])
    def test_noneIsNoAlgorithm(self, name: Any, keys: Callable[..., str]) -> None:
        whole = forged(name, SECRET)
        for text in (whole, whole.rpartition(".")[0] + "."):
            assert not isGood(text, keys=keys(pem(RSA)), secret=SECRET)

    def test_aKeyInTheTokenIsNotLookedAt(self) -> None:
        text = token(key=P256, algorithm="ES256", jwk=jwk(P256), jku="https://evil.example/keys", x5u="https://x")
        assert not isGood(text, secret=SECRET)

    def test_anExtensionThatMustBeUnderstoodIsNot(self) -> None:
        assert not isGood(token(crit=["exp"], exp=5))

    @settings(deadline=None)
    @given(st.data())
    def test_aChangedTokenIsNone(self, data: st.DataObject) -> None:
        signed = token()
        at = data.draw(st.integers(1, len(signed) - 2))
        other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != signed[at]))
        changed = signed[:at] + other + signed[at + 1 :]
        if signed[at] != ".":
            assert not isGood(changed)

    @settings(deadline=None)
    @given(st.text() | st.text("eyJ.{}[]\"", max_size=60))
    def test_whateverComesIsJudged(self, text: str) -> None:
        for whole in (text, f"e{text}.e30.x", f"eyJhbGciOiJIUzI1NiJ9.{text}.x", f"e{text}.{text}.{text}"):
            try:
                assert judged(whole) is None
            except Refused as refused:
                assert refused.code == "bad-token"

    @pytest.mark.parametrize(
        "whole",
        [
            _text(b"{" + b"[" * 8000) + ".e30.x",
            _text(b'{"alg":' + b"[" * 9000) + ".e30.x",
            "eyJhbGciOiJIUzI1NiJ9." + "e" * 20000 + ".x",
            "e\ud800.e30.x",
        ],
        ids=["deep header", "deep value", "long", "half a character"],
    )
    def test_nothingBreaksIt(self, whole: str) -> None:
        assert not isGood(whole)

    @pytest.mark.parametrize("payload", [b"[]", b"7", b"null", b"\xff", b"", b"[" * 9000, b'{"a":NaN,', b'"text"'])
    def test_whatIsSignedMustBeAnObject(self, payload: bytes) -> None:
        assert not isGood(pyjwt.PyJWS().encode(payload, SECRET, "HS256"))

    def test_badTokensAreNoFailuresOfThePlugin(self) -> None:
        """So nobody can make it count as broken, which would keep out everybody."""
        with InMemoryServer(use=[{"jwt": {"secret": SECRET}}]) as server:
            for _ in range(12):
                assert server.connect(auth={"token": "e.e.e"}).refusal["data"]["code"] == "bad-token"
            assert server.counters("jwt").errors == 0
            assert server.connect(auth={"token": token()}).connected


class TestClaims:
    def test_theySayWhoItIs(self) -> None:
        claims = {**GOOD, "roles": ["host", "member", 7], "team": "blue"}
        assert claimed(claims) == Identity("ann", frozenset({"host", "member"}), claims, 110)

    @pytest.mark.parametrize(
        ("claims", "path", "roles"),
        [
            ({"roles": "host member"}, "roles", {"host", "member"}),
            ({"realm": {"roles": ["host"]}}, "realm.roles", {"host"}),
            ({"https://example.org/roles": ["host"]}, "https://example.org/roles", {"host"}),
            ({"realm": ["roles"]}, "realm.roles", set()),
            ({"roles": {"host": True}}, "roles", set()),
            ({"roles": None}, "roles", set()),
            ({}, "roles", set()),
        ],
    )
    def test_theRolesMayBeAnywhere(self, claims: Any, path: str, roles: set[str]) -> None:
        identity = claimed({**GOOD, **claims}, roles_claim=path)
        assert isinstance(identity, Identity)
        assert identity.roles == roles

    @pytest.mark.parametrize(
        ("value", "userId"), [("ann", "ann"), (7, "7"), ("Zoë \U0001f98a", "Zoë \U0001f98a"), ("a|b@c", "a|b@c")]
    )
    def test_theUserIdMayBeAnotherClaim(self, value: Any, userId: str) -> None:
        identity = claimed({"exp": 100, "uid": value}, user_id_claim="uid")
        assert isinstance(identity, Identity)
        assert identity.userId == userId

    @pytest.mark.parametrize("value", [None, "", "a\nb", "\x00", True, 1.5, ["ann"], {"a": 1}, 10**20])
    def test_itMustBeOne(self, value: Any) -> None:
        assert claimed({"exp": 100, "sub": value}) == "bad-token: The token has no sub that can be a user id."

    def test_orTheClientChooses(self) -> None:
        identity = claimed({"exp": 100}, user_id_claim="")
        assert isinstance(identity, Identity)
        assert identity.userId is None

    def test_whatIsRequiredMustBeThere(self) -> None:
        assert claimed({"sub": "ann"}) == "bad-token: The token has no exp."
        assert claimed({"sub": "ann", "exp": None}) == "bad-token: The token has no exp."
        assert claimed(GOOD, required=["exp", "team"]) == "bad-token: The token has no team."
        identity = claimed({"sub": "ann"}, required=[])
        assert isinstance(identity, Identity)
        assert identity.expiresAt is None

    @pytest.mark.parametrize(
        ("issuer", "good"),
        [("a", True), ("b", True), ("c", False), (None, False), (["a"], False)],
    )
    def test_theIssuerMustBeOneOfOurs(self, issuer: Any, good: bool) -> None:
        outcome = claimed({**GOOD, "iss": issuer}, issuers=["a", "b"])
        assert isinstance(outcome, Identity) if good else outcome == "bad-token: The token is from another issuer."
        assert isinstance(claimed({**GOOD, "iss": issuer}), Identity)

    @pytest.mark.parametrize(
        ("audience", "ours", "good"),
        [
            ("a", ["a"], True),
            (["x", "a"], ["a", "b"], True),
            ("x", ["a"], False),
            ([], ["a"], False),
            (None, ["a"], False),
            ({"a": 1}, ["a"], False),
            ("a", [], False),
            (None, [], True),
        ],
    )
    def test_aTokenForOthersIsNotTaken(self, audience: Any, ours: list[str], good: bool) -> None:
        claims = {**GOOD, **({} if audience is None else {"aud": audience})}
        outcome = claimed(claims, audiences=ours)
        assert isinstance(outcome, Identity) if good else outcome == "bad-token: The token is for another audience."


class TestTimes:
    @pytest.mark.parametrize(
        ("claims", "now", "outcome"),
        [
            ({"exp": 100}, 99, "good"),
            ({"exp": 100}, 104.9, "good"),
            ({"exp": 100}, 105, "expired"),
            ({"exp": 100.5}, 105.2, "good"),
            ({"exp": 1e6, "nbf": 50}, 45, "good"),
            ({"exp": 1e6, "nbf": 50}, 44.9, "bad-token"),
            ({"exp": 1e6, "iat": 50}, 0, "good"),
            ({"exp": "100"}, 0, "bad-token"),
            ({"exp": True}, 0, "bad-token"),
            ({"exp": float("nan")}, 0, "bad-token"),
            ({"exp": float("inf")}, 0, "bad-token"),
            ({"exp": 10**400}, 0, "bad-token"),
            ({"exp": 100, "nbf": "now"}, 0, "bad-token"),
            ({"exp": 0}, 10, "expired"),
        ],
    )
    def test_aTokenIsGoodForATime(self, claims: Any, now: float, outcome: str) -> None:
        services, made = FakeServices(), plugin.configured({"secret": SECRET, "leeway": 5})
        services.clock.advance(now)
        made.start(services)
        handshake = Handshake("/", auth={"token": token({"sub": "ann", **claims})})
        if outcome == "good":
            assert made.authenticate(handshake).expiresAt == claims["exp"] + 5
        else:
            with pytest.raises(Refused, match=outcome):
                made.authenticate(handshake)

    def test_theTimeOfDayIsThatOfTheSystem(self) -> None:
        services, made = FakeServices(), plugin.configured({"secret": SECRET, "leeway": 0})
        made.start(services)
        handshake = Handshake("/", auth={"token": token({"sub": "ann", "exp": 2000, "nbf": 1000})})
        for services.wallOffset, code in ((999, "bad-token"), (2000, "expired")):
            with pytest.raises(Refused, match=code):
                made.authenticate(handshake)
        services.wallOffset = 1000
        assert made.authenticate(handshake).expiresAt == 2000

    def test_inAServerItsEndIsTheEnd(self) -> None:
        with InMemoryServer(use=[{"jwt": {"secret": SECRET, "leeway": 0}}]) as server:
            tokens = (token({"sub": "ann", "exp": 10}), token({"sub": "bob", "exp": 99}))
            ann, bob = (server.connect(auth={"token": each}) for each in tokens)
            for client, name in ((ann, "ann"), (bob, "bob")):
                assert client.join("kitchen", name).ok
            bob.take()
            server.advance(10.1)
            assert not ann.connected
            assert ann.take("refused")[0][1]["code"] == "expired"
            assert bob.take() == [("user-left", "ann", {"roomName": "kitchen", "reason": "expired"})]
            assert server.members("kitchen") == ["bob"]


class TestWhereTheTokenIs:
    @pytest.mark.parametrize("text", [None, "", "abc", "t1.abc.def", "e.e", "e.e.e.e.e", 7])
    def test_whatIsNoneIsForTheNextPlugin(self, text: Any) -> None:
        assert made(secret=SECRET).authenticate(Handshake("/", auth={"token": text})) is None

    def test_itMayBeElsewhere(self) -> None:
        authenticate = made(secret=SECRET, token_key="pass", cookie="sid").authenticate
        for handshake in (
            Handshake("/", auth={"pass": token()}),
            Handshake("/", query={"pass": token()}),
            Handshake("/", headers={"authorization": f"Bearer {token()}"}),
            Handshake("/", headers={"cookie": f"sid={token()}"}),
        ):
            assert authenticate(handshake).userId == "ann"
        assert authenticate(Handshake("/", auth={"token": token()})) is None


class TestOptions:
    def test_nothingToJudgeByIsAMistake(self) -> None:
        with pytest.raises(ConfigError, match="keys: is required, or secret: tokens cannot be judged without"):
            plugin.configured({"issuers": ["a"]})

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"secret": "short"}, "secret: must have at least 32 bytes"),
            ({"secret": SECRET, "old_secret": "short"}, "old_secret: must have at least 32 bytes"),
            ({"secret": PUBLIC}, "secret: must not be a public key, which everyone may know; keys is the option"),
            ({"secret": SECRET, "algorithms": ["HS257"]}, "algorithms: there is no HS257"),
            ({"secret": SECRET, "algorithms": ["none"]}, "algorithms: there is no none"),
            ({"secret": SECRET, "algorithms": ["HS512"]}, "algorithms: none of them is fit for a key that is there"),
            ({"keys": "/nowhere"}, "keys: /nowhere cannot be read: No such file or directory"),
            ({"secret": SECRET, "leeway": -1}, "leeway: must be a number from 0 to 600, not -1"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_wrongOnesAreNamed(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            plugin.configured(options)

    @pytest.mark.parametrize(
        ("parts", "problem"),
        [
            ((), "holds no key for signatures"),
            (("some text",), "holds no key for signatures"),
            ((privatePem(P256),), "has a private key, which belongs to the issuer alone"),
            ((pem(P256), privatePem(P384)), "has a private key"),
            (("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",), "has a public key that cannot be read"),
            ((certificate(P256).replace("MII", "AAA"),), "has a certificate that cannot be read"),
            ((pem(rsa.generate_private_key(65537, 1024)),), "has an RSA key of less than 2048 bits"),
            ((pem(ec.generate_private_key(ec.BrainpoolP256R1())),), "has a key of a kind that no algorithm is for"),
            (("{",), "is not a JSON Web Key Set"),
            (('{"keys":7}',), "is not a JSON Web Key Set"),
            (('{"keys":[7]}',), "is not a JSON Web Key Set"),
            (('{"keys":[]}',), "holds no key for signatures"),
            (({**jwk(P256), "d": "AAAA"},), "has a private key"),
            (({**jwk(P256), "x": "AAAA"},), "has a key that cannot be read, number 0: InvalidKeyError"),
            (({"kty": "EC"},), "has a key that cannot be read, number 0"),
            (({"kty": "RSA", "alg": "ES256"},), "has a key that cannot be read, number 0"),
            (({"kty": "oct", "k": "c2hvcnQ"},), "must have at least 32 bytes"),
            (({"kty": "oct"},), "has a key that cannot be read, number 0"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_aFileWithoutUsableKeysIsNamedWithWhatIsWrong(
        self, parts: Any, problem: str, keys: Callable[..., str]
    ) -> None:
        file = keys(*parts)
        with pytest.raises(ConfigError) as raised:
            plugin.configured({"keys": file})
        (text,) = raised.value.problems
        assert text.startswith(f"keys: {file} ")
        assert problem in text

    def test_neitherIsOneThatIsNoText(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError, match=r"keys: .* is neither PEM nor a JSON Web Key Set"):
            plugin.configured({"keys": str(tmp_path / "keys")})

    def test_thePlaceInTheConfigurationIsNamed(self, tmp_path: Path) -> None:
        path = tmp_path / "server.conf"
        path.write_text("plugins:\n  use:\n    - jwt: {keys: keys.pem}\n    - anonymous\n")
        with pytest.raises(ConfigError) as raised:
            loadPlugins(loadConfig(str(path)).plugins)
        place = f"{path}:3:7: plugins.use.0.jwt.keys"
        assert raised.value.problems == (f"{place}: {tmp_path}/keys.pem cannot be read: No such file or directory",)

    def test_secretsAreNotShown(self) -> None:
        made = plugin.configured({"secret": SECRET, "old_secret": OTHER})
        assert SECRET not in repr(made) + repr(made._keys)
        assert OTHER not in repr(made._keys)


class TestWithoutPyJWT:
    @pytest.fixture(autouse=True)
    def _notInstalled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "jwt", None)
        monkeypatch.delitem(sys.modules, plugin.__module__)
        monkeypatch.delattr(importlib.import_module("rtcsignal.policy.builtin"), "jwt")

    def test_theStartEndsWithWhatToDo(self) -> None:
        with pytest.raises(ConfigError) as raised:
            loadPlugins(Wanted((), [Use("jwt", {"secret": SECRET})]))
        assert raised.value.problems == (f"built in: jwt cannot be loaded: {NEEDED}",)

    def test_whoDoesNotUseItMissesNothing(self) -> None:
        assert loadPlugins(Wanted((), [Use("anonymous")])).entries[0].name == "anonymous"
        listing = listPlugins(Wanted())
        assert listing.problems == ()
        assert list(formatPlugins(listing))[-2:] == ["jwt (not used)", f"  built in, but not here: {NEEDED}"]
