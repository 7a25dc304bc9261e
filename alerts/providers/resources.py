"""Parameters and result of the provider builders, one of which each channel has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from alerts.channels.message import Provider
from alerts.eventlog.ports import Writer
from alerts.providers.inbox import Inbox
from alerts.providers.sms.provider import Quota
from alerts.providers.webpush.vapid import Vapid
from alerts.settings import Settings


@dataclass(frozen=True, slots=True)
class ProviderResources:
    """Settings, and the parts of this process that providers share with others."""

    settings: Settings
    clock: Callable[[], datetime]
    quota: Quota
    """Daily quota of each text message provider."""
    vapid: Vapid
    inbox: Inbox | None = None
    writer: Writer | None = None
    """Stores the pages of print batches; None: there are none."""
    seal: Callable[[UUID, bytes], bytes] | None = None
    """Encrypts under a subject's own key."""


class BuiltProvider(NamedTuple):
    """A provider and its maximum of concurrent sends."""

    provider: Provider
    concurrency: int


BuildProvider = Callable[[ProviderResources], BuiltProvider | None]
"""Builds the provider of a channel; None if the settings name none."""
