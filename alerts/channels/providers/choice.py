"""Which provider each channel leaves by."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.channels.message import Provider
from alerts.channels.providers.inbox import Inbox
from alerts.channels.providers.smtp import SmtpProvider, Target
from alerts.domain.words.terms import Channel

INBOX_CHANNELS: tuple[Channel, ...] = ("email", "sms")
INBOX_CONCURRENCY = 1000
"""Messages that wait for one commit of the inbox."""


def providers(
    *, smtp: Sequence[Target], smtp_connections: int, inbox: Inbox | None
) -> tuple[dict[Channel, Provider], dict[Channel, int]]:
    """(Channel → provider, channel → messages on their way at once).

    E-mail leaves by SMTP where a server is set, else by the inbox where there is one; texts by the inbox. A channel
    without provider is not in the answer: its deliveries end `failed-technical: no provider`.
    """
    chosen: dict[Channel, Provider] = {}
    at_once: dict[Channel, int] = {}
    if inbox is not None:
        for channel in INBOX_CHANNELS:
            chosen[channel], at_once[channel] = inbox.provider(channel), INBOX_CONCURRENCY
    if smtp:
        chosen["email"] = SmtpProvider(smtp, connections=smtp_connections)
        at_once["email"] = smtp_connections * len(smtp)
    return chosen, at_once
