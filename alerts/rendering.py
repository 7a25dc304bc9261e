"""Words become messages: the layouts of `templates/`, one context a channel.

`Renderer.prepare` renders a notice once for all readers of one language and channel; `Prepared.message` splices what
one reader alone sees, as bytes, in microseconds.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from alerts import data
from alerts.channels import prose, sms
from alerts.channels.email import Envelope, Parts, PreparedEmail, Values
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.personal import alternative, because
from alerts.channels.splice import mark, without_marks
from alerts.channels.tone import TONES, Tone, tag, tone
from alerts.channels.words import Frame, direction, frame, primary
from alerts.domain.words.errors import Invalid
from alerts.domain.words.terms import Channel

_P = '<p style="margin:0 0 16px">'


class Prepared(Protocol):
    """One notice, in one language, for one channel, ready for any number of readers."""

    @property
    def channel(self) -> Channel:
        """How it reads."""

    @property
    def language(self) -> str:
        """The frame's language."""

    def message(self, personal: Personal) -> Message:
        """The message for one reader. Raises ValueError if an address or link could break a header."""


class DigestItem(msgspec.Struct, frozen=True, kw_only=True):
    """One held notice in a reader's digest; `past` says that it ran out before the digest came."""

    words: NoticeWords
    personal: Personal
    past: bool = False


class Renderer:
    """Builds messages. Holds the layouts and nothing else; safe to share between threads.

    `sender` is `Name <address>`; `clock` dates what is prepared.
    """

    def __init__(
        self,
        *,
        sender: str,
        clock: Callable[[], datetime],
        timezone: str = "Europe/London",
        default_language: str = "en",
    ) -> None:
        self._sender, self._clock, self._timezone, self._default = sender, clock, timezone, default_language
        self._name = parseaddr(sender)[0] or parseaddr(sender)[1]
        self._layouts = environment()
        self._plain = environment(autoescape=False)

    def prepare(self, words: NoticeWords, channel: Channel) -> Prepared:
        """Render once for everyone who reads `words.frame_language` on `channel`.

        Raises Invalid for a channel that this version cannot write for (push, letter).
        """
        words = _unmarked(words)
        speech = frame(words.frame_language, self._default)
        if channel == "email":
            return _NoticeEmail(self._email(words, speech), words, speech)
        if channel == "sms":
            return _NoticeSms(self._sms(words, speech), words, speech)
        raise Invalid.field("channels", f"{channel} is not available in this version: use email or sms")

    def confirmation(self, channel: Channel, language: str, to: str, delivery: str, confirm_url: str) -> Message:
        """The one message that an unconfirmed address gets."""
        speech = frame(language, self._default)
        if channel == "sms":
            words = speech.text("confirm", "sms", url=confirm_url)
            prepared = sms.prepare(head=f"{self._name}: {words}", words="", tail="", stop="")
            return prepared.message(delivery=delivery, to=to)
        if channel != "email":
            raise Invalid.field("channels", f"{channel} is not available in this version: use email or sms")
        title = speech.text("confirm", "subject")
        envelope = Envelope(title, self._sender, speech.tag, self._clock(), bulk=False)
        context = {"title": title, "preview": "", "tone": TONES["clear"]}
        prepared_email = PreparedEmail(envelope, lambda _: self._parts("confirm", speech, context))
        return prepared_email.message(
            delivery=delivery,
            to=to,
            stop_url="",
            variant="",
            values=Values({"confirm_url": confirm_url}, {"confirm_url": html.escape(confirm_url)}),
        )

    def digest(
        self, language: str, items: Sequence[DigestItem], personal: Personal, channel: Channel = "email"
    ) -> Message:
        """One reader's collected items, as the carrier of their deliveries. `items` must not be empty."""
        speech = frame(language, self._default)
        count = len(items)
        title = speech.text("digest", "subject_one" if count == 1 else "subject_many", count=speech.number(count))
        if channel == "sms":
            listed = "; ".join(f"{item.words.title} {item.words.short_url}" for item in items if not item.past)
            text = sms.prepare(
                head=f"{self._name}: {title}.", words=listed, tail="", stop=speech.text("message", "stop_sms")
            )
            return text.message(delivery=personal.delivery, to=personal.to)
        envelope = Envelope(title, self._sender, speech.tag, self._clock())
        context = {
            "title": title,
            "preview": "; ".join(item.words.title for item in items),
            "tone": TONES["minor"],
            "items": [_digest_context(item, speech) for item in items],
            "stop": bool(personal.stop_url),
            "fewer": bool(personal.preferences_url),
        }
        prepared = PreparedEmail(envelope, lambda _: self._parts("digest", speech, context))
        reason = speech.text("because", "everything" if personal.stop_url else "team")
        return _spliced(prepared, personal, reason, "", "", "")

    def _email(self, words: NoticeWords, speech: Frame) -> PreparedEmail:
        look = tone(words.kind, words.msg_type, words.severity)
        envelope = Envelope(
            subject=subject(words, speech),
            sender=words.sender or self._sender,
            language=speech.tag,
            at=self._clock(),
            thread=f"{words.thread.hex}.thread",
            urgent=words.priority == "emergency",
        )
        context: dict[str, Any] = {
            "words": words,
            "title": words.title,
            "preview": " ".join([*banners(words, speech), prose.first_line(words.instruction or words.body)]),
            "tone": look,
            "tag": _tag(words, speech),
            "banners": banners(words, speech),
            "struck": words.msg_type == "Cancel",
            "body_direction": direction(words.body_language),
            "original": _original(words, speech),
            "body_html": _letter_html(words.body),
            "body_text": prose.text(words.body),
            "instruction_html": _letter_html(words.instruction, last="0"),
            "instruction_text": prose.text(words.instruction),
            "where": speech.text("message", "where", area=words.area_words) if words.area_words else "",
            "starts": _starts(words, speech),
            "concerned": speech.comma.join(words.concerned),
            "sent": speech.text("message", "sent", time=speech.time(words.issued_at, words.timezone)),
            "until": _until(words, speech),
        }

        def render(variant: str) -> Parts:
            flags = {"near": "near" in variant, "stop": "stop" in variant, "fewer": "fewer" in variant}
            return self._parts("notice", speech, {**context, **flags})

        return PreparedEmail(envelope, render)

    def _sms(self, words: NoticeWords, speech: Frame) -> sms.PreparedSms:
        own = words.sms.strip()
        said = own or " ".join(p for p in (_sentence(words.title), prose.first_line(words.instruction, 400)) if p)
        drill = speech.text("mark", words.status) if words.status != "Actual" else ""
        context = {"name": self._name, "drill": drill, "lead": sms_lead(words, speech)}
        return sms.prepare(
            head=self._plain.get_template("sms/notice.txt").render(context),
            words=said,
            tail="" if words.short_url in own or words.url in own else words.short_url,
            stop=speech.text("message", "stop_sms"),
        )

    def _parts(self, layout: str, speech: Frame, context: Mapping[str, Any]) -> Parts:
        shared = {**context, "frame": speech, "mark": mark, "wrap": prose.wrap}
        return Parts(
            text=self._plain.get_template(f"email/{layout}.txt").render(shared),
            html=self._layouts.get_template(f"email/{layout}.html").render(shared),
        )


@dataclass(frozen=True)
class _NoticeEmail:
    """A notice as e-mail."""

    _prepared: PreparedEmail
    _words: NoticeWords
    _frame: Frame
    channel: Channel = "email"

    @property
    def language(self) -> str:
        return self._frame.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared`."""
        near = [alternative(a, self._frame, self._words.timezone) for a in personal.alternatives]
        lines = [f"{name}: {when}" if when else name for name, when in near]
        return _spliced(
            self._prepared,
            personal,
            because(self._words, personal, self._frame),
            "\n".join(f"- {line}" for line in lines),
            "".join(f"<br>{html.escape(line)}" for line in lines),
            "near " if lines else "",
        )


@dataclass(frozen=True)
class _NoticeSms:
    """A notice as a text."""

    _prepared: sms.PreparedSms
    _words: NoticeWords
    _frame: Frame
    channel: Channel = "sms"

    @property
    def language(self) -> str:
        return self._frame.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared`."""
        near = (alternative(a, self._frame, self._words.timezone) for a in personal.alternatives)
        return self._prepared.message(
            delivery=personal.delivery,
            to=personal.to,
            nearby=tuple(f"{name} ({when})" if when else name for name, when in near),
            nearby_lead=self._frame.text("message", "nearest_sms"),
        )


def environment(*, autoescape: bool = True) -> Environment:
    """Layouts by their path under `templates/`; a name that a layout misses is an error, never silence."""
    return Environment(
        loader=FileSystemLoader(data.find("templates")),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def subject(words: NoticeWords, speech: Frame) -> str:
    """The subject line: drill first, then what kind of message, how grave and where, then the title."""
    lead = [speech.text("mark", words.status)] if words.status != "Actual" else []
    if words.msg_type != "Alert":
        lead.append(speech.text("mark", words.msg_type))
    if words.kind == "alert" and words.msg_type in ("Alert", "Update"):
        lead.append(speech.text("severity", words.severity))
    place = short_place(words.area_words)
    if place and place.casefold() not in words.title.casefold():
        lead.append(place)
    starts = _starts(words, speech)
    if starts:
        lead.append(starts if lead else starts[:1].upper() + starts[1:])
    return f"{speech.comma.join(lead)}: {words.title}" if lead else words.title


def sms_lead(words: NoticeWords, speech: Frame) -> str:
    """The head of a text behind the sender's name: `SEVERE, Walworth:`."""
    lead = []
    if words.msg_type != "Alert":
        lead.append(speech.text("mark", words.msg_type))
    if words.kind == "alert" and words.msg_type in ("Alert", "Update") and words.severity != "Unknown":
        lead.append(speech.text("severity", words.severity).upper())
    place = short_place(words.area_words)
    if place and place.casefold() not in (words.sms or words.title).casefold():
        lead.append(place)
    if starts := _starts(words, speech, short=True):
        lead.append(starts if lead else starts[:1].upper() + starts[1:])
    return f"{speech.comma.join(lead)}:" if lead else ""


def short_place(area_words: str, limit: int = 40) -> str:
    """Where, short enough for a subject line: as many of the places as fit, the largest share first."""
    said = area_words.split(";")[0].strip()
    while len(said) > limit:
        fewer = max(said.rfind(", "), said.rfind("، "))
        if fewer < 0:
            return ""
        said = said[:fewer]
    return said


def banners(words: NoticeWords, speech: Frame) -> list[str]:
    """What stands above everything else: that it is a drill; that it replaces, withdraws or ends an earlier one."""
    kinds = [kind for kind in (words.status, words.msg_type) if kind not in ("Actual", "Alert")]
    return [f"{speech.text('mark', kind)}. {speech.text('banner', kind)}" for kind in kinds]


def _tag(words: NoticeWords, speech: Frame) -> str:
    said = tag(words.kind, words.msg_type, words.severity, speech)
    more = short_place(words.area_words) or _starts(words, speech)
    return f"{said}{speech.comma}{more}" if more else said


def _starts(words: NoticeWords, speech: Frame, *, short: bool = False) -> str:
    """From when a service change holds, with the hour if that is near; "" for what holds already or no longer."""
    at = words.effective
    if at is None or at <= words.issued_at or words.msg_type in ("Cancel", "AllClear"):
        return ""
    day = speech.short_day(at, words.timezone) if short else speech.day(at, words.timezone)
    if at - words.issued_at < timedelta(days=2):
        day += f"{speech.comma}{speech.clock(at, words.timezone)}"
    return speech.text("page", "from_day", time=day)


def _until(words: NoticeWords, speech: Frame) -> str:
    if words.msg_type in ("Cancel", "AllClear"):
        return ""
    return speech.text("message", "until", time=speech.time(words.expires, words.timezone))


def _original(words: NoticeWords, speech: Frame) -> str:
    if primary(words.body_language) == primary(speech.tag):
        return ""
    return speech.text("message", "original", language=speech.language(words.body_language))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", "۔")) or not text else f"{text}."


def _letter_html(markdown: str, last: str = "") -> Markup:
    """Prose with the little style that mail programs need on each element."""
    rendered = prose.html(markdown)
    styled = rendered.replace("<p>", _P if not last else _P.replace("0 0 16px", "0")).replace(
        "<a href", '<a style="color:#0b5394" href'
    )
    return Markup(styled)  # sanitised by nh3 just above


def _digest_context(item: DigestItem, speech: Frame) -> dict[str, Any]:
    words = item.words
    look: Tone = tone(words.kind, words.msg_type, words.severity)
    near = [alternative(a, speech, words.timezone) for a in item.personal.alternatives]
    drill = f"{speech.text('mark', words.status)}{speech.comma}" if words.status != "Actual" else ""
    return {
        "words": words,
        "tone": look,
        "tag": drill + _tag(words, speech),
        "past": item.past,
        "lead": prose.first_line(words.instruction or words.body, 240),
        "direction": direction(words.body_language),
        "near": () if item.past else near,
    }


def _spliced(
    prepared: PreparedEmail, personal: Personal, reason: str, near_text: str, near_html: str, variant: str
) -> Message:
    links = {
        "why_url": personal.why_url,
        "stop_url": personal.stop_url,
        "preferences_url": personal.preferences_url,
    }
    variant += ("stop " if personal.stop_url else "") + ("fewer" if personal.preferences_url else "")
    return prepared.message(
        delivery=personal.delivery,
        to=personal.to,
        stop_url=personal.stop_url,
        variant=variant,
        values=Values(
            text={**links, "because": _wrapped(reason), "near": near_text},
            html={**{k: html.escape(v) for k, v in links.items()}, "because": html.escape(reason), "near": near_html},
        ),
    )


@lru_cache(maxsize=8192)
def _wrapped(text: str) -> str:
    return prose.wrap(text)


def _unmarked(words: NoticeWords) -> NoticeWords:
    """The same words without any character that the splicing takes for its own."""
    return msgspec.structs.replace(
        words,
        title=" ".join(without_marks(words.title).split()),
        body=without_marks(words.body),
        instruction=without_marks(words.instruction),
        sms=without_marks(words.sms),
        area_words=without_marks(words.area_words),
    )
