"""A certificate authority for one run of a lab. Its keys never leave the process that made them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# Kinds of key by the names of the model, in which the topology file gives them.
_KEYS: dict[str, Callable[[], Key]] = {
    "ecdsa-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-2048": lambda: rsa.generate_private_key(65_537, 2_048),
}
_LIFE = timedelta(days=30)  # of a lab that is forgotten
_BEFORE = timedelta(hours=1)  # clocks that are set back while it runs


class Authority:
    """Signs certificates for one kind of key."""

    def __init__(self, name: str, kind: str) -> None:
        self._name, self._kind = name, kind
        self._key = _KEYS[kind]()
        self.certificate = _pem(self._sign(f"{name} of this lab", self._key, None))

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """A certificate for a node, which is its DNS name too, and its new key, both as PEM."""
        key = _KEYS[self._kind]()
        san = x509.SubjectAlternativeName([x509.DNSName(name)])
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _pem(self._sign(name, key, san)), private

    def _sign(
        self, subject: str, key: Key, san: x509.SubjectAlternativeName | None
    ) -> x509.Certificate:
        """Without names for it, an authority's own certificate."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(f"{self._name} of this lab"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=san is None, path_length=None), critical=True)
        )
        if san is not None:
            builder = builder.add_extension(san, critical=False)
        return builder.sign(self._key, SHA384() if self._kind == "ecdsa-384" else SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
