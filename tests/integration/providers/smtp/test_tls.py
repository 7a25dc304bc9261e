"""E-mail over TLS to real servers: names and chains are checked, and what is wrong with them is said in words."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.channels.message import Message, SendResult
from alerts.providers.smtp.provider import SmtpProvider

Tls = Literal["auto", "none", "starttls", "implicit"]


@dataclass(frozen=True)
class Target:
    """Server to send to."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: Tls = "auto"
    weight: int = 1


@dataclass
class Authority:
    """A certificate authority of the test, and what it signs."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = _name("Authority of a test")
        own = _certificate(self.name, self.key, self.name, self.key, days=30, names=(), authority=True)
        self.file = self.folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def context(self, *names: str, days: int = 30, own: bool = False) -> ssl.SSLContext:
        """A server's: a certificate for `names` that is good for so many days; `own`: signed by itself."""
        key, subject = ec.generate_private_key(ec.SECP256R1()), _name("A server")
        issuer, signing = (subject, key) if own else (self.name, self.key)
        certificate = _certificate(subject, key, issuer, signing, days=days, names=names)
        file = self.folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signing: ec.EllipticCurvePrivateKey,
    *,
    days: int,
    names: tuple[str, ...],
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if names:
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(signing, hashes.SHA256())


class Mailbox:
    """Takes everything; remembers whether it came by TLS and after a sign-in."""

    def __init__(self) -> None:
        self.got: list[tuple[bool, bool]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append((server.transport.get_extra_info("sslcontext") is not None, bool(session.authenticated)))
        return "250 2.0.0 queued"


def _signed_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"town" and data.password == b"secret", handled=False)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trusted by this process for the length of a test, as an operator trusts their own."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def handed(
    box: Mailbox,
    host: str,
    tls: Tls,
    *,
    starttls: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    password: str = "",
) -> SendResult:
    """Result of one message to a server with this certificate, named `host` by the sender."""
    message = Message(channel="email", delivery="d", to="a@b.example", data=b"Subject: x\r\n\r\nx\r\n", sender="t@t")

    async def run() -> SendResult:
        def session() -> SMTP:
            required = starttls is not None
            return SMTP(
                box, tls_context=starttls, require_starttls=required, authenticator=_signed_in, hostname="mx.example"
            )

        server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=implicit)
        user = "town" if password else ""
        target = Target(host, server.sockets[0].getsockname()[1], user=user, password=password, tls=tls)
        provider = SmtpProvider([target], connections=1)
        try:
            return await provider.send(message)
        finally:
            await provider.close()
            server.close()

    return asyncio.run(run())


@pytest.mark.parametrize("tls", ["starttls", "auto"])
def test_a_server_that_shows_who_it_is_gets_the_mail(authority: Authority, tls: Tls) -> None:
    box = Mailbox()
    answer = handed(box, "localhost", tls, starttls=authority.context("localhost"), password="secret")
    assert answer.result == "sent", answer
    assert box.got == [(True, True)]


def test_so_does_one_that_speaks_tls_from_the_start(authority: Authority) -> None:
    box = Mailbox()
    answer = handed(box, "localhost", "implicit", implicit=authority.context("localhost"))
    assert answer.result == "sent", answer
    assert box.got == [(True, False)]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("names", "how", "words"),
    [
        (("mail.elsewhere.example",), {}, "hostname mismatch"),
        (("localhost",), {"days": -1}, "certificate has expired"),
        (("localhost",), {"own": True}, "self-signed certificate"),
    ],
)
def test_a_server_that_may_be_another_gets_nothing(
    authority: Authority, tls: Tls, names: tuple[str, ...], how: dict[str, Any], words: str
) -> None:
    box, context = Mailbox(), authority.context(*names, **how)
    shown = {"implicit" if tls == "implicit" else "starttls": context}
    answer = handed(box, "localhost", tls, password="secret", **shown)
    assert answer.result == "not-begun" and not box.got
    assert f"its certificate was refused: {words}" in answer.reason.replace("self signed", "self-signed")
    assert "secret" not in answer.reason


def test_an_authority_that_nobody_trusts_gets_nothing(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path_factory.mktemp("other")).file))
    answer = handed(Mailbox(), "localhost", "starttls", starttls=authority.context("localhost"))
    assert answer.result == "not-begun" and "unable to get local issuer certificate" in answer.reason


def test_an_address_is_a_name_too(authority: Authority) -> None:
    assert handed(Mailbox(), "127.0.0.1", "starttls", starttls=authority.context("127.0.0.1")).result == "sent"
    wrong = handed(Mailbox(), "127.0.0.1", "starttls", starttls=authority.context("localhost"))
    assert "not valid for '127.0.0.1'" in wrong.reason


def test_on_this_machine_auto_takes_any_certificate(authority: Authority) -> None:
    box = Mailbox()
    answer = handed(box, "127.0.0.1", "auto", starttls=authority.context("elsewhere.example", own=True))
    assert answer.result == "sent" and box.got == [(True, False)]


def test_a_wrong_password_is_named_without_being_said(authority: Authority) -> None:
    answer = handed(Mailbox(), "localhost", "starttls", starttls=authority.context("localhost"), password="wrong-one")
    assert answer.result == "not-begun" and "refused our user name or password: 535" in answer.reason
    assert "wrong-one" not in answer.reason


def test_tls_of_the_wrong_kind_is_explained() -> None:
    assert "it offers no STARTTLS" in handed(Mailbox(), "localhost", "starttls").reason
    answer = handed(Mailbox(), "localhost", "implicit")
    assert answer.result == "not-begun" and "tls=implicit is for port 465" in answer.reason
