"""Which file of an endpoint with TLS is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from OpenSSL.crypto import Error
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from bench.certificate import writeCertificate
from rtcsignal.service.ports import whyNot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a key, a certificate, and a file that is neither."""
    writeCertificate(tmp_path)
    (tmp_path / "other.pem").write_text("neither\n")
    (tmp_path / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("privateKey={0}/key.pem:certKey={0}/other.pem", "other.pem contains no certificate in PEM format"),
        ("{0}/key.pem:{0}/other.pem", "other.pem contains no certificate in PEM format"),
        ("privateKey={0}/key.pem", "key.pem contains no certificate in PEM format"),
        (
            "{0}/other.pem:{0}/certificate.pem",
            "other.pem contains no private key in PEM format, or one with a passphrase",
        ),
        (
            "privateKey={0}/key.pem:certKey={0}/certificate.pem:extraCertChain={0}/damaged.pem",
            "damaged.pem contains something that OpenSSL cannot use",
        ),
    ],
)
def test_theFileThatIsAtFaultIsNamed(folder: Path, arguments: str, reason: str) -> None:
    endpoint = "ssl:8443:" + arguments.format(folder)
    with pytest.raises(Error) as raised:
        serverFromString(reactor, endpoint)
    assert whyNot(raised.value, endpoint) == f"{folder}/{reason}"
