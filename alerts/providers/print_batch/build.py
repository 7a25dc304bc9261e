"""Builds the print batches of letters and calls."""

from __future__ import annotations

from functools import partial

from alerts.kernel.terms import Channel
from alerts.providers.print_batch.provider import PrintBatchProvider
from alerts.providers.resources import BuildProvider, BuiltProvider, ProviderResources

_CONCURRENCY = 64
"""Pages that wait for one commit."""


def _build(channel: Channel, resources: ProviderResources) -> BuiltProvider | None:
    if resources.writer is None or resources.seal is None:
        return None
    provider = PrintBatchProvider(channel, resources.writer, resources.settings.secret_key, resources.seal)
    return BuiltProvider(provider, _CONCURRENCY)


def build(channel: Channel) -> BuildProvider:
    """Return the builder of one channel. It needs no setting: people print, and people call."""
    return partial(_build, channel)
