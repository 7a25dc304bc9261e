"""Registry of channels: one row each. A new channel is a row here, its words in `kernel.terms`, and its own files."""

from __future__ import annotations

from alerts.channels import email, letter, push, sms
from alerts.channels.descriptor import ChannelDescriptor, WritableChannel
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import Channel

_ROWS = (
    ChannelDescriptor(
        "email",
        WritableChannel(email.EmailRenderer, email.parse_address, email.canary, email.missing, payload="mail"),
        stop_page_key="stop_email",
        reports_bounces=True,
    ),
    ChannelDescriptor(
        "sms",
        WritableChannel(sms.SmsRenderer, sms.parse_address, sms.canary, sms.missing),
        stop_page_key="stop_sms",
        takes_replies=True,
    ),
    ChannelDescriptor(
        "push",
        WritableChannel(
            push.PushRenderer,
            push.parse_address,
            push.canary,
            push.missing,
            payload="notification",
            inbox_stands_in=False,
        ),
    ),
    ChannelDescriptor(
        "letter",
        WritableChannel(
            letter.LetterRenderer,
            letter.parse_address,
            letter.canary,
            letter.missing,
            payload="page",
            inbox_stands_in=False,
        ),
    ),
    ChannelDescriptor(
        "phone",
        WritableChannel(
            letter.CallRenderer,
            letter.parse_number,
            letter.call_canary,
            letter.missing,
            payload="page",
            inbox_stands_in=False,
        ),
    ),
)

REGISTRY: dict[Channel, ChannelDescriptor] = {row.name: row for row in _ROWS}
WRITABLE: dict[Channel, WritableChannel] = {row.name: row.writable for row in _ROWS if row.writable is not None}
"""Channels that this version can send, in their order."""
ANSWERABLE: frozenset[Channel] = frozenset(channel for channel in WRITABLE if not REGISTRY[channel].terms.by_hand)
"""Channels on which a single message to one person leaves at once."""
[REPLIES] = (row.name for row in _ROWS if row.takes_replies)
"""Channel on which readers can answer."""
BOUNCING: tuple[Channel, ...] = tuple(row.name for row in _ROWS if row.reports_bounces)


def writable(channel: Channel) -> WritableChannel:
    """Behaviour of a channel. Raises Invalid for one that this version cannot send."""
    found = WRITABLE.get(channel)
    if found is None:
        *others, last = WRITABLE
        available = f"{', '.join(others)} or {last}"
        raise Invalid.field("channels", f"{channel} is not available in this version: use {available}")
    return found
