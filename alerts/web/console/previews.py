"""Previews of a draft on each channel, rendered by the code that sends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import msgspec

from alerts.channels.i18n import direction, translator
from alerts.channels.letter import LetterPage
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.print_pages import PrintedPage
from alerts.channels.sms_segments import count
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.kernel.errors import DomainError
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from alerts.services import Services

_SHOWN: tuple[Channel, ...] = ("sms", "push", "email", "letter")
_NOTHING: dict[str, Any] = {"error": "", "text": "", "title": "", "body": "", "subject": "", "segments": 0}
_READER = "reader@example.org"
_ADDRESS = json.dumps({"name": "A. Reader", "lines": ["1 Sample Street", "London SE17 1RW"]})
"""Address on a letter that is only looked at."""


def previews(services: Services, notice: NoticeState, area_words: str, now: datetime) -> list[dict[str, Any]]:
    """Return the messages of each language of a notice: text, segments, push title and body, letter as plain text."""
    return [_of_language(services, notice, tag, area_words, now) for tag in notice.plan.content]


def text_messages(services: Services, notice: NoticeState, area_words: str, now: datetime) -> dict[str, str]:
    """Return the whole text message of each language of a notice; "" for one that cannot be sent."""
    if "sms" not in notice.plan.channels:
        return {}
    made = {}
    for tag in notice.plan.content:
        try:
            made[tag] = preview_message(services, notice, tag, area_words, now, "sms").decode()
        except DomainError:
            made[tag] = ""
    return made


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


def preview_message(
    services: Services, notice: NoticeState, tag: str, area_words: str, now: datetime, channel: Channel
) -> bytes:
    """Return the message of one language and channel to a made-up reader. Raises Invalid for what cannot be sent."""
    words = _words(services, notice, tag, area_words, now)
    personal = _reader(words, _ADDRESS if channel == "letter" else _READER)
    return services.renderer.prepare(words, channel).message(personal).data


def letter_pages(services: Services, notice: NoticeState, area_words: str, now: datetime) -> list[PrintedPage]:
    """Return the printed page of each language of a notice, to a made-up reader; none if it goes out by other ways."""
    if "letter" not in notice.plan.channels:
        return []
    made = []
    for tag in notice.plan.content:
        words = _words(services, notice, tag, area_words, now)
        data = services.renderer.prepare(words, "letter").message(_reader(words, _ADDRESS)).data
        page = msgspec.json.decode(data, type=LetterPage)
        made.append(PrintedPage(to=_ADDRESS, delivery="preview", page=page, urgent=words.priority == "emergency"))
    return made


def _reader(words: NoticeWords, to: str) -> Personal:
    """Return a reader whose links lead nowhere."""
    return Personal(
        delivery="preview",
        to=to,
        why_url=f"{words.url}#why",
        stop_url=f"{words.url}#stop",
        preferences_url=words.url,
    )


def _of_language(services: Services, notice: NoticeState, tag: str, area_words: str, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {"lang": tag, "dir": direction(tag), "name": translator("en").language(tag)}
    shown |= dict.fromkeys(_SHOWN)
    for channel in _SHOWN:
        if channel not in notice.plan.channels:
            continue
        try:
            data = preview_message(services, notice, tag, area_words, now, channel)
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
    if channel == "letter":
        return {"text": _page_text(msgspec.json.decode(data, type=LetterPage))}
    letter = message_from_bytes(data, policy=policy.default)
    part = letter.get_body(("plain",))
    return {"subject": str(letter["Subject"]), "text": "" if part is None else part.get_content()}


def _page_text(page: LetterPage) -> str:
    """Return what a letter says, line by line."""
    lines = [page.sender]
    for part in page.parts:
        lines += [*part.banners, part.tag, part.title, part.instruction, part.body, *part.near, *part.facts]
        lines += [part.url, part.check]
    return "\n".join(line for line in (*lines, page.because) if line)


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
