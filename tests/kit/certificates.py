"""Certificates made for one test: sound, expired, or of another name; and the two sides that use them."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """A certificate and its key, as PEM files; it is its own authority."""

    pem: Path
    key: Path
    until: datetime

    def server(self) -> ssl.SSLContext:
        """The context of a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        """The context of a client that trusts it, and checks its name and its dates."""
        return ssl.create_default_context(cafile=str(self.pem))


def certificate(folder: Path, *, host: str = "127.0.0.1", expired: bool = False, days: int = 1) -> Certificate:
    """Make a certificate for a name or an address, good from yesterday and for ``days``, or no more for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + (timedelta(hours=-1) if expired else timedelta(days=days))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([_general(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(builder.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    secret.chmod(0o600)
    return Certificate(pem=pem, key=secret, until=until)


def contexts(folder: Path, *, host: str = "127.0.0.1", expired: bool = False) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and a client's that trusts it."""
    pair = certificate(folder, host=host, expired=expired)
    return pair.server(), pair.client()


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
