"""Parsers for the provider settings: mail servers, text message providers and the DKIM key."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from alerts.kernel.domain_names import to_ascii
from alerts.kernel.terms import Channel
from alerts.settings.key_files import SettingsError

Tls = Literal["auto", "none", "starttls", "implicit"]
"""auto: STARTTLS where the server offers it, and required off loopback."""


class SmtpTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server of ALERTS_SMTP_URL."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: Tls = "auto"
    weight: int = 1
    secret: str = ""
    """Secret that authenticates bounce reports at /hooks/smtp/receipts: bearer, or Standard Webhooks."""

    def __repr__(self) -> str:
        return f"SmtpTarget({self.host}:{self.port})"


class SmsTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A text message provider of ALERTS_SMS_URL."""

    kind: Literal["twilio", "http-json"]
    url: str
    """URL that messages are posted to; for twilio only the origin, `https://host[:port]`."""
    account: str = ""
    """Twilio's account SID."""
    token: str = ""
    """Twilio's auth token; the bearer of http-json, "" for none."""
    sender: str = ""
    """Twilio: the sender's number."""
    secret: str = ""
    """http-json: key of the signatures of receipts and inbound texts (Standard Webhooks); "" refuses them all."""
    weight: int = 1

    def __repr__(self) -> str:
        return f"SmsTarget({self.kind} {urlsplit(self.url).netloc})"


class DkimKey(msgspec.Struct, frozen=True, kw_only=True):
    """Private key and DNS name for signing e-mail."""

    domain: str
    selector: str
    key: bytes
    """The private key, PEM."""

    def __repr__(self) -> str:
        return f"DkimKey({self.selector}._domainkey.{self.domain})"


def smtp(text: str) -> tuple[SmtpTarget, ...]:
    """Parse ALERTS_SMTP_URL. Raises SettingsError."""
    return tuple(_smtp_target(url) for url in words(text))


def _smtp_target(url: str) -> SmtpTarget:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    secret = query.pop("secret", "").replace(" ", "+")  # a + of base64 is decoded as a blank in a query
    try:
        port = parts.port
        weight = int(query.pop("weight", "1"))
    except ValueError:  # the error's message quotes the URL with its password
        raise SettingsError(
            "ALERTS_SMTP_URL: the port and the weight are numbers (write a / or : in a password as %2F or %3A)"
        ) from None
    tls = query.pop("tls", "auto")
    if parts.scheme != "smtp" or not parts.hostname or tls not in get_args(Tls) or weight < 1 or query:
        raise SettingsError(
            "ALERTS_SMTP_URL: expected smtp://user:pass@host:port?tls=none|starttls|implicit&weight=1, "
            "several separated by commas (write a comma in a password as %2C)"
        )
    return SmtpTarget(
        host=_dns_name(parts.hostname, "ALERTS_SMTP_URL"),
        port=port or (465 if tls == "implicit" else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=cast(Tls, tls),
        weight=weight,
        secret=secret,
    )


def _dns_name(host: str, variable: str) -> str:
    """Return a host name in A-labels: sockets would take one beyond ASCII for another domain."""
    try:
        return to_ascii(host)
    except ValueError:
        raise SettingsError(f"{variable}: the host's name cannot be written in the DNS") from None


def sms(text: str) -> tuple[SmsTarget, ...]:
    """Parse ALERTS_SMS_URL. Raises SettingsError."""
    return tuple(_sms_target(url) for url in words(text))


def _sms_target(url: str) -> SmsTarget:
    """Parse one provider. Error messages never quote the URL, which contains secrets."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    try:
        port, weight = parts.port, int(query.pop("weight", "1"))
    except ValueError:
        raise SettingsError("ALERTS_SMS_URL: the port and the weight are numbers") from None
    known = {"twilio": ("from", "tls"), "http+json": ("secret",), "https+json": ("secret",)}.get(parts.scheme)
    if known is None or not parts.hostname or weight < 1 or set(query) - set(known):
        raise SettingsError(
            "ALERTS_SMS_URL: expected twilio://SID:TOKEN@host[:port]?from=%2B44…[&tls=off] or "
            "https+json://[token@]host[:port]/path?secret=whsec_…, several separated by commas"
        )
    name = _dns_name(parts.hostname, "ALERTS_SMS_URL")
    host = f"[{name}]" if ":" in name else name
    where = f"{host}:{port}" if port else host
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "twilio":
        tls = query.get("tls", "on")
        if not user or not password or not query.get("from", " ")[0].strip() or tls not in ("on", "off"):
            raise SettingsError("ALERTS_SMS_URL: twilio needs SID:TOKEN@ and ?from=%2B… (the + written as %2B)")
        origin = f"{'https' if tls == 'on' else 'http'}://{where}"
        sender = query["from"].strip()
        return SmsTarget(kind="twilio", url=origin, account=user, token=password, sender=sender, weight=weight)
    secret = query.get("secret", "").replace(" ", "+")  # a + of base64 is decoded as a blank in a query
    posted = f"{parts.scheme.removesuffix('+json')}://{where}{parts.path or '/'}"
    return SmsTarget(kind="http-json", url=posted, token=user or password, secret=secret, weight=weight)


def is_webhook_secret(secret: str) -> bool:
    """Return True if a secret is usable for signing: base64, with or without `whsec_`."""
    try:
        return bool(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False


def dkim(values: Mapping[str, str], sender: str) -> DkimKey | None:
    """Load the DKIM key for `sender` (a bare address), if one is set. Raises SettingsError."""
    if "ALERTS_DKIM_KEY_FILE" not in values:
        return None
    try:
        key = Path(values["ALERTS_DKIM_KEY_FILE"]).read_bytes()
    except OSError as error:
        raise SettingsError(f"ALERTS_DKIM_KEY_FILE: cannot be read: {error.strerror}") from error
    selector = values.get("ALERTS_DKIM_SELECTOR", "alerts")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", selector, re.IGNORECASE):
        raise SettingsError("ALERTS_DKIM_SELECTOR: expected a DNS name such as alerts or mail.2026")
    from alerts.net.dkim import DkimSigner  # here, since few commands need what it imports

    domain = sender.rpartition("@")[2].lower()
    try:
        DkimSigner(domain, selector, key)
    except ValueError as error:
        raise SettingsError(f"ALERTS_DKIM_KEY_FILE: {error}") from error
    return DkimKey(domain=domain, selector=selector, key=key)


ANYWHERE = ("+",)
"""ALERTS_SMS_PREFIXES=any."""


def prefixes(text: str) -> tuple[str, ...]:
    """Parse ALERTS_SMS_PREFIXES. Raises ValueError."""
    if text.strip().lower() == "any":
        return ANYWHERE
    named = tuple(words(text))
    if not all(re.fullmatch(r"\+[1-9]\d{0,14}", word) for word in named):
        raise ValueError("expected beginnings of international numbers such as +44,+353")
    return named


def testers(text: str) -> dict[Channel, str]:
    """Parse ALERTS_CANARY: at most one address per channel; a push subscription is JSON in a file.

    Raises ValueError.
    """
    found: dict[Channel, str] = {}
    for word in words(text):
        channel, address = _tester(word)
        if channel in found:
            raise ValueError(f"expected one tester for {channel}, not two")
        found[channel] = address
    return found


def _tester(word: str) -> tuple[Channel, str]:
    if re.fullmatch(r"\+[1-9]\d{6,14}", word):
        return "sms", word
    if word.startswith("push:"):
        path = Path(word.removeprefix("push:"))
        try:
            subscription = json.loads(path.read_text(encoding="utf-8"))
            _ = subscription["endpoint"], subscription["keys"]["p256dh"], subscription["keys"]["auth"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{path} holds no {{"endpoint", "keys": {{"p256dh", "auth"}}}}') from error
        return "push", json.dumps(subscription)
    if re.fullmatch(r"[^@\s]+@[^@\s]+", word):
        return "email", word
    raise ValueError("expected tester@example.org, +447700900000 or push:/path/to/subscription.json")


def words(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]
