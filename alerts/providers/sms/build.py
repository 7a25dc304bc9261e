"""Builds the text message provider from the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from alerts.providers.circuit_breaker import CircuitBreaker
from alerts.providers.resources import BuiltProvider, ProviderResources
from alerts.providers.sms.gateway_api import GatewayApi
from alerts.providers.sms.http_json import HttpJson
from alerts.providers.sms.provider import Gateway, Quota, SmsProvider, client
from alerts.providers.sms.twilio import Twilio
from alerts.settings.provider_urls import SmsTarget

_ANSWER_SECONDS = 2.0
"""Expected response time of a text message provider; with the rate it decides the concurrency."""
_LEAST_TEXTS, _MOST_TEXTS = 16, 256


@dataclass(frozen=True, slots=True)
class Texts:
    """Configuration of text messages.

    `rate` is messages per second, to each target; `receipts` the URL for receipts, with `{}` for the kind of provider;
    `prefixes` the allowed number prefixes, empty for any.
    """

    targets: Sequence[SmsTarget]
    rate: float
    budget: Quota
    prefixes: Sequence[str]
    receipts: str
    clock: Callable[[], datetime]


def build(resources: ProviderResources) -> BuiltProvider | None:
    """See `BuildProvider`."""
    settings = resources.settings
    if not settings.sms:
        return None
    texts = Texts(
        targets=settings.sms,
        rate=settings.sms_rate,
        budget=resources.quota,
        prefixes=settings.sms_prefixes,
        receipts=f"{settings.public_url}/hooks/{{}}/receipts",
        clock=resources.clock,
    )
    concurrency = texts_at_once(texts.rate, len(texts.targets))
    return BuiltProvider(sms_provider(texts, concurrency), concurrency)


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


def names(targets: Sequence[SmsTarget]) -> list[str]:
    """Unique names for the targets, without secrets (the path of a URL may contain one) and the same at every start."""
    plain = [" ".join(filter(None, (one.kind, urlsplit(one.url).netloc, one.sender))) for one in targets]
    seen: Counter[str] = Counter()
    named = []
    for name in plain:
        seen[name] += 1
        named.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return named


def _form(target: SmsTarget, receipts: str) -> GatewayApi:
    if target.kind == "twilio":
        return Twilio(
            origin=target.url,
            account=target.account,
            token=target.token,
            sender=target.sender,
            callback=receipts.format("twilio"),
        )
    return HttpJson(url=target.url, token=target.token)
