"""Builds the Web Push provider."""

from __future__ import annotations

from alerts.net.safe_client import SOON, SafeHttpClient
from alerts.providers.resources import BuiltProvider, ProviderResources
from alerts.providers.webpush.provider import WebPush


def build(resources: ProviderResources) -> BuiltProvider:
    """See `BuildProvider`. Needs no setting: each browser names its push service, and the inbox is one of them."""
    settings = resources.settings
    client = SafeHttpClient(
        allow_private=settings.allow_private_targets,
        own=settings.inbox_url,
        connections=settings.push_concurrency,
        begin_s=SOON,
    )
    provider = WebPush(client, resources.vapid, clock=resources.clock, own=settings.inbox_url)
    return BuiltProvider(provider, settings.push_concurrency)
