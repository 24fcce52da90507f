"""A key and a certificate that it signed itself, as good as any for measuring and for tests."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["writeCertificate"]

_NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def writeCertificate(folder: Path) -> tuple[Path, Path]:
    """Write ``key.pem`` and ``certificate.pem``, for 127.0.0.1, which is localhost, and for a day.

    Args:
        folder: Where.

    Returns:
        The paths of both.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    keyPath, certificatePath = folder / "key.pem", folder / "certificate.pem"
    plain = serialization.NoEncryption()
    keyPath.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificatePath.write_bytes(certificate.public_bytes(pem))
    return keyPath, certificatePath
