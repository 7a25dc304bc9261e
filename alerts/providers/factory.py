"""Factory: builds the provider of each channel from the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from alerts.channels.message import Provider
from alerts.kernel.terms import Channel
from alerts.providers.circuit_breaker import CircuitBreaker
from alerts.providers.inbox import Inbox
from alerts.providers.sms.gateway_api import GatewayApi
from alerts.providers.sms.http_json import HttpJson
from alerts.providers.sms.provider import Gateway, Quota, SmsProvider, client
from alerts.providers.sms.twilio import Twilio
from alerts.providers.smtp.provider import Signs, SmtpProvider, Target

INBOX_CHANNELS: tuple[Channel, ...] = ("email", "sms")
INBOX_CONCURRENCY = 1000
"""Maximum messages that wait for one commit of the inbox."""
_ANSWER_SECONDS = 2.0
"""Expected response time of a text message provider; with the rate it decides the concurrency."""
_LEAST_TEXTS, _MOST_TEXTS = 16, 256


class TextTarget(Protocol):
    """A text message provider (`alerts.settings.provider_urls.SmsTarget`)."""

    @property
    def kind(self) -> Literal["twilio", "http-json"]: ...
    @property
    def url(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def weight(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Texts:
    """Configuration of text messages.

    `rate` is messages per second, to each target; `receipts` the URL for receipts, with `{}` for the kind of provider;
    `prefixes` the allowed number prefixes, empty for any.
    """

    targets: Sequence[TextTarget]
    rate: float
    budget: Quota
    prefixes: Sequence[str]
    receipts: str
    clock: Callable[[], datetime]


def providers(
    *,
    smtp: Sequence[Target],
    smtp_connections: int,
    inbox: Inbox | None,
    signer: Signs | None = None,
    texts: Texts | None = None,
) -> tuple[dict[Channel, Provider], dict[Channel, int]]:
    """Build (channel → provider, channel → maximum concurrent sends).

    E-mail is sent by SMTP if a server is set, text messages by their providers if one is set; otherwise both go to the
    inbox if it exists. A channel without provider is absent: its deliveries end `failed-technical: no provider`.
    `signer` signs what is sent by SMTP.
    """
    chosen: dict[Channel, Provider] = {}
    at_once: dict[Channel, int] = {}
    if inbox is not None:
        for channel in INBOX_CHANNELS:
            chosen[channel], at_once[channel] = inbox.provider(channel), INBOX_CONCURRENCY
    if smtp:
        chosen["email"] = SmtpProvider(smtp, connections=smtp_connections, signer=signer)
        at_once["email"] = smtp_connections * len(smtp)
    if texts is not None and texts.targets:
        at_once["sms"] = texts_at_once(texts.rate, len(texts.targets))
        chosen["sms"] = sms_provider(texts, at_once["sms"])
    return chosen, at_once


def texts_at_once(rate: float, targets: int) -> int:
    """Concurrent sends for text messages at this rate."""
    return int(min(max(rate * _ANSWER_SECONDS * targets, _LEAST_TEXTS), _MOST_TEXTS))


def sms_provider(texts: Texts, connections: int) -> SmsProvider:
    """Build the text message provider, with at most `connections` to each target."""
    members = [
        CircuitBreaker(Gateway(_form(target, texts.receipts), client(connections), texts.rate), name, target.weight)
        for target, name in zip(texts.targets, names(texts.targets), strict=True)
    ]
    return SmsProvider(
        members,
        name=" and ".join(sorted({target.kind for target in texts.targets})),
        rate=texts.rate,
        budget=texts.budget,
        prefixes=texts.prefixes,
        clock=texts.clock,
    )


def names(targets: Sequence[TextTarget]) -> list[str]:
    """Unique names for the targets, without secrets (the path of a URL may contain one) and the same at every start."""
    plain = [" ".join(filter(None, (one.kind, urlsplit(one.url).netloc, one.sender))) for one in targets]
    seen: Counter[str] = Counter()
    named = []
    for name in plain:
        seen[name] += 1
        named.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return named


def _form(target: TextTarget, receipts: str) -> GatewayApi:
    if target.kind == "twilio":
        return Twilio(
            origin=target.url,
            account=target.account,
            token=target.token,
            sender=target.sender,
            callback=receipts.format("twilio"),
        )
    return HttpJson(url=target.url, token=target.token)
