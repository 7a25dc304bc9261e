"""Factory: builds the provider of each channel from the settings."""

from __future__ import annotations

from alerts.channels.message import Provider
from alerts.channels.registry import WRITABLE
from alerts.kernel.terms import Channel
from alerts.providers.print_batch.build import build as build_print_batch
from alerts.providers.resources import BuildProvider, BuiltProvider, ProviderResources
from alerts.providers.sms.build import build as build_sms
from alerts.providers.smtp.build import build as build_smtp
from alerts.providers.webpush.build import build as build_webpush

BUILDERS: dict[Channel, BuildProvider] = {
    "email": build_smtp,
    "sms": build_sms,
    "push": build_webpush,
    "letter": build_print_batch("letter"),
    "phone": build_print_batch("phone"),
}
"""Provider builders by channel, one for each of `channels.registry.WRITABLE`."""
INBOX_CONCURRENCY = 1000
"""Maximum messages that wait for one commit of the inbox."""


def providers(resources: ProviderResources) -> tuple[dict[Channel, Provider], dict[Channel, int]]:
    """Build (channel → provider, channel → maximum concurrent sends).

    A channel for which the settings name no provider uses the local inbox if it exists. One without either is absent:
    its deliveries end `failed-technical: no provider`.
    """
    chosen: dict[Channel, Provider] = {}
    concurrency: dict[Channel, int] = {}
    for channel, build in BUILDERS.items():
        built = build(resources) or _local_inbox(resources, channel)
        if built is not None:
            chosen[channel], concurrency[channel] = built
    return chosen, concurrency


def _local_inbox(resources: ProviderResources, channel: Channel) -> BuiltProvider | None:
    if resources.inbox is None or not WRITABLE[channel].inbox_stands_in:
        return None
    return BuiltProvider(resources.inbox.provider(channel), INBOX_CONCURRENCY)
