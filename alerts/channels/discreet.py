"""Discreet messages: a neutral sender, subject and preview, for people whose phone or mail somebody else reads.

What it is about is behind the link alone. The identity of the message and its way out (RFC 8058) stay.
"""

from __future__ import annotations

import re
from email.utils import parseaddr

import msgspec
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.channels.mail_headers import address_field, text_field
from alerts.channels.merge_fields import quoted_printable
from alerts.channels.message import Message

_FIELD = re.compile(rb"(?ms)^([A-Za-z-]+):.*?\r\n(?![ \t])")
_TOLD = frozenset((b"from", b"subject", b"mime-version", b"content-type", b"content-transfer-encoding"))
"""Header fields that are written anew."""


def discreet(message: Message, t: Translator, url: str, stop_url: str = "", mark: str = "") -> Message:
    """Return the message without a word of what it is about; `url` leads there. `mark` comes first, as in `TEST`."""
    first = f"{mark}: " if mark else ""
    if message.channel == "sms":
        return replace(message, data=f"{first}{t.text('discreet', 'sms', url=url)}".encode())
    if message.channel == "push":
        payload = msgspec.json.decode(message.data)
        payload |= {"title": first + t.text("discreet", "subject"), "body": t.text("discreet", "open")}
        payload.pop("severity", None)
        return replace(message, data=msgspec.json.encode(payload))
    return replace(message, data=_mail(message, t, url, stop_url, first)) if message.channel == "email" else message


def _mail(message: Message, t: Translator, url: str, stop_url: str, first: str) -> bytes:
    head = message.data.partition(b"\r\n\r\n")[0] + b"\r\n"
    kept = b"".join(field[0] for field in _FIELD.finditer(head) if field[1].lower() not in _TOLD)
    text = f"{t.text('discreet', 'open')}\n{url}\n"
    if stop_url:
        text += f"\n-- \n{t.text('message', 'stop')}: {stop_url}\n"
    sender = f"{t.text('discreet', 'sender')} <{parseaddr(message.sender)[1] or message.sender}>"
    told = address_field("From", sender) + text_field("Subject", first + t.text("discreet", "subject"))
    form = (
        "MIME-Version: 1.0\r\n"
        'Content-Type: text/plain; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return told.encode() + kept + form.encode() + quoted_printable(text) + b"\r\n"
