"""Which provider each channel leaves by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from alerts.channels.message import Provider
from alerts.kernel.terms import Channel
from alerts.providers.failover import CircuitBreaker
from alerts.providers.inbox import Inbox
from alerts.providers.sms.gateway_api import GatewayApi
from alerts.providers.sms.http_json import HttpJson
from alerts.providers.sms.provider import Gateway, Quota, SmsProvider, client
from alerts.providers.sms.twilio import Twilio
from alerts.providers.smtp.provider import Signs, SmtpProvider, Target

INBOX_CHANNELS: tuple[Channel, ...] = ("email", "sms")
INBOX_CONCURRENCY = 1000
"""Messages that wait for one commit of the inbox."""
_ANSWER_SECONDS = 2.0
"""How long a text may be under way before more than the rate's worth is: it decides how many are at once."""
_LEAST_TEXTS, _MOST_TEXTS = 16, 256


class TextTarget(Protocol):
    """One text message provider (`alerts.settings.provider_urls.SmsTarget`)."""

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
    """How texts leave. `rate` is messages a second, to each target; `receipts` the URL that receipts come to, with
    `{}` for the kind of provider; `prefixes` the beginnings of the numbers that may be texted, none for any."""

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
    """(Channel → provider, channel → messages on their way at once).

    E-mail leaves by SMTP where a server is set, texts by their providers where one is, else both by the inbox where
    there is one. A channel without provider is not in the answer: its deliveries end `failed-technical: no provider`.
    `signer` signs what leaves by SMTP.
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
    """Texts on their way at once."""
    return int(min(max(rate * _ANSWER_SECONDS * targets, _LEAST_TEXTS), _MOST_TEXTS))


def sms_provider(texts: Texts, connections: int) -> SmsProvider:
    """The provider of texts; `connections` to each target at most."""
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
    """A name for each, without secrets (the path of a URL may hold one) and the same at every start."""
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
