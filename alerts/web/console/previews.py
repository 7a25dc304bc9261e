"""Previews of a draft on each channel, rendered by the code that sends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import msgspec

from alerts.channels.i18n import direction, translator
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.sms_segments import count
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.kernel.errors import DomainError
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from alerts.services import Services

_SHOWN: tuple[Channel, ...] = ("sms", "push", "email")
_NOTHING: dict[str, Any] = {"error": "", "text": "", "title": "", "body": "", "subject": "", "segments": 0}
_READER = "reader@example.org"


def previews(services: Services, notice: NoticeState, area_words: str, now: datetime) -> list[dict[str, Any]]:
    """Return the messages of each language of a notice: text, segments, push title and body, letter as plain text."""
    return [_of_language(services, notice, tag, area_words, now) for tag in notice.plan.content]


def test_mails(services: Services, notice: NoticeState, area_words: str, now: datetime, to: str) -> list[Message]:
    """Return the e-mail of each language of a notice as a test to one person: marked TEST, its links lead nowhere."""
    made = []
    for tag in notice.plan.content:
        words = msgspec.structs.replace(_words(services, notice, tag, area_words, now), status="Test")
        personal = Personal(
            delivery=f"test-{new_id().hex}",
            to=to,
            why_url=f"{words.url}#why",
            stop_url=f"{words.url}#stop",
            preferences_url=words.url,
        )
        made.append(services.renderer.prepare(words, "email").message(personal))
    return made


def _of_language(services: Services, notice: NoticeState, tag: str, area_words: str, now: datetime) -> dict[str, Any]:
    words = _words(services, notice, tag, area_words, now)
    shown: dict[str, Any] = {"lang": tag, "dir": direction(tag), "name": translator("en").language(tag)}
    shown |= dict.fromkeys(_SHOWN)
    personal = Personal(
        delivery="preview",
        to=_READER,
        why_url=f"{words.url}#why",
        stop_url=f"{words.url}#stop",
        preferences_url=words.url,
    )
    for channel in _SHOWN:
        if channel not in notice.plan.channels:
            continue
        try:
            data = services.renderer.prepare(words, channel).message(personal).data
        except DomainError as error:
            shown[channel] = {**_NOTHING, "error": error.message}
            continue
        shown[channel] = shown_on(channel, data)
    return shown


def shown_on(channel: Channel, data: bytes) -> dict[str, Any]:
    """Return what a rendered message of a channel shows its reader."""
    return {**_NOTHING, **_read(channel, data)}


def _read(channel: Channel, data: bytes) -> dict[str, Any]:
    if channel == "sms":
        text = data.decode()
        measured = count(text)
        return {"text": text, "segments": measured.segments, "encoding": measured.encoding, "letters": len(text)}
    if channel == "push":
        payload = json.loads(data)
        return {"title": payload.get("title", ""), "body": payload.get("body", "")}
    letter = message_from_bytes(data, policy=policy.default)
    part = letter.get_body(("plain",))
    return {"subject": str(letter["Subject"]), "text": "" if part is None else part.get_content()}


def _words(services: Services, notice: NoticeState, tag: str, area_words: str, now: datetime) -> NoticeWords:
    plan, said, settings = notice.plan, notice.plan.content[tag], services.settings
    organisation = services.views.issuer(plan)
    danger = danger_to_life(plan, notice.msg_type)
    return NoticeWords(
        notice=notice.id,
        number=notice.number,
        thread=notice.thread,
        kind=plan.kind,
        msg_type=notice.msg_type,
        status=plan.status,
        priority="emergency" if danger else plan.priority,
        severity=plan.severity,
        danger_to_life=danger,
        frame_language=tag,
        body_language=tag,
        title=said.title,
        body=said.body,
        instruction=said.instruction,
        sms=said.sms,
        area_words=area_words,
        issued_at=now,
        expires=plan.expires or now + timedelta(hours=24),
        url=f"{settings.public_url}/alerts/{notice.id}",
        short_url=f"{settings.public_url}/a/{notice.number}",
        sender=organisation.sender(settings.sender) if organisation else settings.sender,
        organisation=organisation.named(tag, settings.default_language) if organisation else "",
        sender_name=organisation.sender_name if organisation else "",
        timezone=settings.timezone,
    )
