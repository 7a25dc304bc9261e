"""Providers as the settings choose them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.channels.registry import WRITABLE
from alerts.providers.factory import BUILDERS, INBOX_CONCURRENCY, providers
from alerts.providers.inbox import Inbox
from alerts.providers.resources import ProviderResources
from alerts.providers.webpush.vapid import Vapid
from alerts.settings import load

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SMTP = {"ALERTS_SMTP_URL": "smtp://mail.example,smtp://mail2.example", "ALERTS_SMTP_CONNECTIONS": "8"}
SMS = {"ALERTS_SMS_URL": "https+json://sms.example/", "ALERTS_SMS_RATE": "20"}


class NoQuota:
    daily = 0

    async def reserve(self, name: str) -> int | None:
        return None

    def refund(self, name: str, day: int) -> None: ...

    def remaining(self, name: str) -> int:
        return 0

    async def close(self) -> None: ...


def resources(folder: Path, inbox: Inbox | None = None, **env: str) -> ProviderResources:
    url = f"sqlite:///{folder / 'alerts.db'}"
    settings = load({"ALERTS_DATABASE_URL": url, "ALERTS_PUBLIC_URL": "https://town.example", **env})
    vapid = Vapid(lambda: bytes(48), "mailto:a@example.org", clock=lambda: NOW)
    return ProviderResources(settings=settings, clock=lambda: NOW, quota=NoQuota(), vapid=vapid, inbox=inbox)


def test_every_writable_channel_has_a_builder() -> None:
    assert set(BUILDERS) == set(WRITABLE)


@pytest.mark.parametrize(
    ("env", "concurrency"),
    [
        ({}, {"push": 64}),
        ({"ALERTS_PUSH_CONCURRENCY": "5"}, {"push": 5}),
        (SMTP, {"email": 16, "push": 64}),
        (SMS, {"sms": 40, "push": 64}),
    ],
)
def test_a_channel_without_a_provider_is_absent(
    tmp_path: Path, env: dict[str, str], concurrency: dict[str, int]
) -> None:
    chosen, at_once = providers(resources(tmp_path, **env))
    assert at_once == concurrency
    assert {channel: provider.channel for channel, provider in chosen.items()} == {c: c for c in concurrency}


def test_the_inbox_stands_in_for_a_missing_provider(tmp_path: Path) -> None:
    inbox = Inbox.file(tmp_path / "inbox.db", clock=lambda: NOW)
    try:
        chosen, at_once = providers(resources(tmp_path, inbox, **SMTP))
    finally:
        inbox.close()
    assert (chosen["email"].name, at_once["email"]) == ("smtp", 16)
    assert (chosen["sms"].name, at_once["sms"]) == ("inbox", INBOX_CONCURRENCY)
    assert (chosen["push"].name, at_once["push"]) == ("webpush", 64)
