"""Encryption in front of a server that has none: a certificate authority made for a test, and a door that uses it."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services import Server, free_port

_PEM = serialization.Encoding.PEM


class Authority:
    """A private certificate authority; `certificates` is the file by which others trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.certificates = folder / f"{name}.pem"
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        own = self._signed(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        certificate = own.add_extension(usage, True).sign(self._key, hashes.SHA256())
        self.certificates.write_bytes(certificate.public_bytes(_PEM))

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now, own = datetime.now(UTC), self._key.public_key()
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), False)
        )

    def certificate_for(self, address: str) -> Path:
        """A file with a key and a certificate for this IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._signed(_named(address), key).add_extension(names, False).sign(self._key, hashes.SHA256())
        path = self._folder / f"{self.certificates.stem}-{address}.pem"
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + certificate.public_bytes(_PEM))
        return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class TlsDoor(Server):
    """A process at a port of 127.0.0.1 that speaks TLS and passes everything on to a plain port."""

    def __init__(self, plain_port: int, certificate: Path) -> None:
        self.port = free_port()
        super().__init__("TLS", [sys.executable, "-m", "tests.tls", str(self.port), str(plain_port), str(certificate)])

    def ping(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), timeout=2).close()


async def _serve(port: int, plain_port: int, context: ssl.SSLContext) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", plain_port)
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    await (await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=context)).serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


def _main(port: str, plain_port: str, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asyncio.run(_serve(int(port), int(plain_port), context))


if __name__ == "__main__":
    _main(*sys.argv[1:])
