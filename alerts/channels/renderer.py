"""Words become messages: the layouts of `templates/`, one context a channel.

`Renderer.prepare` renders a notice once for all readers of one language and channel; `Prepared.message` splices what
one reader alone sees, as bytes, in microseconds.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from alerts.channels import markdown as prose
from alerts.channels import push, sms
from alerts.channels.email import Envelope, Parts, PreparedEmail, Values
from alerts.channels.i18n import Translator, direction, primary, translator
from alerts.channels.merge_fields import mark, without_marks
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.personalisation import alternative, because
from alerts.channels.severity_style import STYLES, SeverityStyle, style
from alerts.channels.subject import banners, sms_lead, starts, subject, tag_line
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import Channel
from alerts.settings import package_data

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

        Raises Invalid for a channel that this version cannot write for (letter).
        """
        words = _unmarked(words)
        speech = translator(words.frame_language, self._default)
        if channel == "email":
            return _NoticeEmail(self._email(words, speech), words, speech)
        if channel == "sms":
            return _NoticeSms(self._sms(words, speech), words, speech)
        if channel == "push":
            return _NoticePush(_push(words, speech), words, speech)
        raise _unwritable(channel)

    def confirmation(self, channel: Channel, language: str, to: str, delivery: str, confirm_url: str) -> Message:
        """The one message that an unconfirmed address gets."""
        speech = translator(language, self._default)
        if channel == "sms":
            words = speech.text("confirm", "sms", url=confirm_url)
            prepared = sms.prepare(head=f"{self._name}: {words}", words="", tail="", stop="")
            return prepared.message(delivery=delivery, to=to)
        title = speech.text("confirm", "subject")
        if channel == "push":
            lead = speech.text("confirm", "lead")
            asked = _own_push(title=title, words=lead, url=confirm_url, tag="confirm", speech=speech)
            return asked.message(delivery=delivery, to=to)
        if channel != "email":
            raise _unwritable(channel)
        envelope = Envelope(title, self._sender, speech.tag, self._clock(), bulk=False)
        context = {"title": title, "preview": "", "tone": STYLES["clear"]}
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
        speech = translator(language, self._default)
        # A mail has room to list what ran out before; a text and a notification tell only what still holds.
        count = len(items) if channel == "email" else sum(not item.past for item in items)
        title = speech.text("digest", "subject_one" if count == 1 else "subject_many", count=speech.number(count))
        if channel == "sms":
            listed = "; ".join(
                f"{_marked_title(item.words, speech)} {item.words.short_url}" for item in items if not item.past
            )
            text = sms.prepare(
                head=f"{self._name}: {title}.", words=listed, tail="", stop=speech.text("message", "stop_sms")
            )
            return text.message(delivery=personal.delivery, to=personal.to)
        if channel == "push":
            return _digest_push(title, items, speech).message(
                delivery=personal.delivery, to=personal.to, why_url=personal.why_url, stop_url=personal.stop_url
            )
        envelope = Envelope(title, self._sender, speech.tag, self._clock())
        context = {
            "title": title,
            "preview": "; ".join(item.words.title for item in items),
            "tone": STYLES["minor"],
            "items": [_digest_context(item, speech) for item in items],
            "stop": bool(personal.stop_url),
            "fewer": bool(personal.preferences_url),
        }
        prepared = PreparedEmail(envelope, lambda _: self._parts("digest", speech, context))
        reason = speech.text("because", "everything" if personal.stop_url else "team")
        return _spliced(prepared, personal, reason, "", "", "")

    def _email(self, words: NoticeWords, speech: Translator) -> PreparedEmail:
        look = style(words.kind, words.msg_type, words.severity)
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
            "tag": tag_line(words, speech),
            "banners": banners(words, speech),
            "struck": words.msg_type == "Cancel",
            "body_direction": direction(words.body_language),
            "original": _original(words, speech),
            "body_html": _letter_html(words.body),
            "body_text": prose.text(words.body),
            "instruction_html": _letter_html(words.instruction, last="0"),
            "instruction_text": prose.text(words.instruction),
            "where": speech.text("message", "where", area=words.area_words) if words.area_words else "",
            "starts": starts(words, speech),
            "concerned": speech.comma.join(words.concerned),
            "sent": speech.text("message", "sent", time=speech.time(words.issued_at, words.timezone)),
            "until": _until(words, speech),
        }

        def render(variant: str) -> Parts:
            flags = {"near": "near" in variant, "stop": "stop" in variant, "fewer": "fewer" in variant}
            return self._parts("notice", speech, {**context, **flags})

        return PreparedEmail(envelope, render)

    def _sms(self, words: NoticeWords, speech: Translator) -> sms.PreparedSms:
        own = words.sms.strip()
        said = own or " ".join(p for p in (_sentence(words.title), prose.first_line(words.instruction, 400)) if p)
        drill = speech.text("mark", words.status) if words.status != "Actual" else ""
        context = {"name": self._name, "drill": drill, "lead": sms_lead(words, speech)}
        return sms.prepare(
            head=self._plain.get_template("sms/notice.txt").render(context),
            words=said,
            tail="" if words.short_url in own or words.url in own else words.short_url,
            stop=speech.text("message", "stop_sms"),
            urgent=words.priority == "emergency",
            expires=words.expires,
        )

    def _parts(self, layout: str, speech: Translator, context: Mapping[str, Any]) -> Parts:
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
    _frame: Translator
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
    _frame: Translator
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


@dataclass(frozen=True)
class _NoticePush:
    """A notice as a notification."""

    _prepared: push.PreparedPush
    _words: NoticeWords
    _frame: Translator
    channel: Channel = "push"

    @property
    def language(self) -> str:
        return self._frame.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared`."""
        near = [alternative(a, self._frame, self._words.timezone) for a in personal.alternatives]
        named = "; ".join(f"{name} ({when})" if when else name for name, when in near)
        return self._prepared.message(
            delivery=personal.delivery,
            to=personal.to,
            near=f"{self._frame.text('message', 'nearest_sms')}: {named}." if named else "",
            why_url=personal.why_url,
            stop_url=personal.stop_url,
        )


def environment(*, autoescape: bool = True) -> Environment:
    """Layouts by their path under `templates/`; a name that a layout misses is an error, never silence."""
    return Environment(
        loader=FileSystemLoader(package_data.find("templates")),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _push(words: NoticeWords, speech: Translator) -> push.PreparedPush:
    """What to do first; what happened where nothing is to be done."""
    return push.PreparedPush(
        title=subject(words, speech),
        words=prose.first_line(words.instruction or words.body, push.WORDS),
        url=words.url,
        tag=str(words.thread),
        lang=words.body_language,
        severity=words.severity,
        labels=_ways_out(speech),
        urgent=words.priority == "emergency",
        topic=push.topic(words.thread),
        expires=words.expires,
    )


def _digest_push(title: str, items: Sequence[DigestItem], speech: Translator) -> push.PreparedPush:
    """All titles; the tap leads to the one message, or to the page of all that holds."""
    there = [item.words for item in items if not item.past] or [item.words for item in items]
    url = there[0].url
    return _own_push(
        title=title,
        words="; ".join(_marked_title(words, speech) for words in there),
        url=url if len(there) == 1 else f"{url.rpartition('/alerts/')[0]}/",
        tag="digest",
        speech=speech,
    )


def _marked_title(words: NoticeWords, speech: Translator) -> str:
    """A title in a list: that it is a drill or a test stands first in every channel."""
    return f"{speech.text('mark', words.status)}: {words.title}" if words.status != "Actual" else words.title


def _own_push(*, title: str, words: str, url: str, tag: str, speech: Translator) -> push.PreparedPush:
    """A notification in the frame's own words, about no notice."""
    return push.PreparedPush(
        title=title,
        words=sms.cut(words, push.WORDS),
        url=url,
        tag=tag,
        lang=speech.tag,
        severity="Unknown",
        labels=_ways_out(speech),
    )


def _ways_out(speech: Translator) -> tuple[str, str]:
    return speech.text("message", "why"), speech.text("message", "stop")


def _unwritable(channel: Channel) -> Invalid:
    return Invalid.field("channels", f"{channel} is not available in this version: use email, sms or push")


def _until(words: NoticeWords, speech: Translator) -> str:
    if words.msg_type in ("Cancel", "AllClear"):
        return ""
    return speech.text("message", "until", time=speech.time(words.expires, words.timezone))


def _original(words: NoticeWords, speech: Translator) -> str:
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


def _digest_context(item: DigestItem, speech: Translator) -> dict[str, Any]:
    words = item.words
    look: SeverityStyle = style(words.kind, words.msg_type, words.severity)
    near = [alternative(a, speech, words.timezone) for a in item.personal.alternatives]
    drill = f"{speech.text('mark', words.status)}{speech.comma}" if words.status != "Actual" else ""
    return {
        "words": words,
        "tone": look,
        "tag": drill + tag_line(words, speech),
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
