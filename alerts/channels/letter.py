"""Letters and calls: what a printed page says, and what a volunteer reads out.

A message is the content of one page as JSON; pages are laid out when a batch is printed (`channels.print_pages`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts.channels import markdown
from alerts.channels.descriptor import CANARY_TEXT, AddressRules, CanaryRequest, DigestItem
from alerts.channels.i18n import Translator, direction
from alerts.channels.layouts import Layouts
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.personalisation import alternative, because
from alerts.channels.subject import banners, digest_title, listed_title, starts, tag_line
from alerts.contract.bodies import PostalBody
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import Channel
from alerts.kernel.texts import hidden_characters, without_forbidden
from subscribers import addresses

_LINES, _LONGEST = 6, 60
"""Lines of an address, and characters of one: what a window envelope shows."""


class LetterPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Notice on a page. Texts are plain; `lang` is theirs."""

    title: str
    lang: str
    direction: str
    tag: str = ""
    banners: tuple[str, ...] = ()
    struck: bool = False
    instruction: str = ""
    body: str = ""
    near: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    """Where, since when, until when, which places are concerned."""
    url: str = ""
    check: str = ""


class LetterPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content of one reader's page, in the reader's language."""

    lang: str
    parts: tuple[LetterPart, ...]
    sender: str = ""
    """Organisation that it comes from; "" for the service itself."""
    because: str = ""
    relay: bool = False


class LetterRenderer:
    """See `descriptor.ChannelRenderer`."""

    channel: Channel = "letter"

    def __init__(self, layouts: Layouts) -> None:
        """No template is used: a page is laid out when it is printed."""

    def notice(self, words: NoticeWords, t: Translator) -> PreparedPage:
        """See `ChannelRenderer.notice`."""
        return PreparedPage(self.channel, words, t)

    def digest(self, items: Sequence[DigestItem], personal: Personal, t: Translator) -> Message:
        """See `ChannelRenderer.digest`: all notices on one page; past ones by their titles."""
        parts = tuple(
            LetterPart(title=listed_title(item.words, t), lang=item.words.body_language, direction="ltr", tag=_past(t))
            if item.past
            else _part(item.words, item.personal, t, listed=True)
            for item in items
        )
        head = LetterPart(title=digest_title(len(items), t), lang=t.tag, direction=t.direction)
        return _message(
            self.channel,
            personal,
            LetterPage(lang=t.tag, parts=(head, *parts), because=t.text("because", "everything")),
        )

    def confirmation(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """See `ChannelRenderer.confirmation`."""
        part = LetterPart(title=t.text("confirm", "subject"), lang=t.tag, direction=t.direction, url=confirm_url)
        own = Personal(delivery=delivery, to=to, why_url="", stop_url="", preferences_url="")
        return _message(self.channel, own, LetterPage(lang=t.tag, parts=(part,)))


class CallRenderer(LetterRenderer):
    """Words that a volunteer reads out."""

    channel: Channel = "phone"


@dataclass(frozen=True)
class PreparedPage:
    """Notice as a page. See `descriptor.Prepared`."""

    channel: Channel
    _words: NoticeWords
    _t: Translator

    @property
    def language(self) -> str:
        return self._t.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared.message`."""
        page = LetterPage(
            lang=self._t.tag,
            parts=(_part(self._words, personal, self._t),),
            sender=self._words.organisation,
            because=because(self._words, personal, self._t),
            relay=personal.relay,
        )
        urgent = self._words.priority == "emergency"
        made = _message(self.channel, personal, page)
        return msgspec.structs.replace(made, urgent=urgent, expires=self._words.expires)


def _part(words: NoticeWords, personal: Personal, t: Translator, *, listed: bool = False) -> LetterPart:
    """Notice on a page; `listed` among others, it names its organisation itself."""
    near = (alternative(a, t, words.timezone) for a in personal.alternatives)
    facts = [
        t.text("message", "issued_by", name=words.organisation) if listed and words.organisation else "",
        f"{t.text('page', 'concerned')}: {t.comma.join(words.concerned)}" if words.concerned else "",
        starts(words, t),
        t.text("message", "where", area=words.area_words) if words.area_words else "",
        t.text("message", "sent", time=t.time(words.issued_at, words.timezone)),
        ""
        if words.msg_type in ("Cancel", "AllClear")
        else t.text("message", "until", time=t.time(words.expires, words.timezone)),
    ]
    check = t.text("check", "in_message", code=words.check_code, site=words.check_page) if words.check_code else ""
    return LetterPart(
        title=words.title,
        lang=words.body_language,
        direction=direction(words.body_language),
        tag=tag_line(words, t),
        banners=tuple(banners(words, t)),
        struck=words.msg_type == "Cancel",
        instruction=markdown.plain(words.instruction),
        body=markdown.plain(words.body),
        near=tuple(f"{name}: {when}" if when else name for name, when in near),
        facts=tuple(fact for fact in facts if fact),
        url=words.short_url,
        check=check,
    )


def _past(t: Translator) -> str:
    return t.text("digest", "past")


def _message(channel: Channel, personal: Personal, page: LetterPage) -> Message:
    data = msgspec.json.encode(page)
    return Message(channel=channel, delivery=personal.delivery, to=personal.to, data=data, sender="")


def parse_address(given: Any, field: str, rules: AddressRules) -> str:
    """See `descriptor.AddressParser`: name and lines as JSON, as a window envelope shows them."""
    body = given if isinstance(given, PostalBody) else msgspec.convert(given, PostalBody)
    lines = [_line(line, f"{field}.lines.{number}") for number, line in enumerate(body.lines)]
    if not 1 <= len(lines) <= _LINES:
        raise Invalid.field(f"{field}.lines", f"Give 1 to {_LINES} lines of an address, the postcode last.")
    name = _line(body.name, f"{field}.name")
    return json.dumps({"lines": lines, "name": name}, separators=(",", ":"), ensure_ascii=False)


def parse_number(given: Any, field: str, rules: AddressRules) -> str:
    """Normalize a number that people call, landlines included."""
    return addresses.phone(str(given), field)


def _line(text: str, field: str) -> str:
    if hidden := hidden_characters(text):
        raise Invalid.field(field, f"This holds characters that nobody sees ({', '.join(hidden[:5])}).")
    line = " ".join(without_forbidden(text).split())
    if not line or len(line) > _LONGEST:
        raise Invalid.field(field, f"Give 1 to {_LONGEST} characters: more does not fit an envelope's window.")
    return line


def missing(message: Message) -> str:
    """See `WritableChannel.missing`."""
    page = msgspec.json.decode(message.data, type=LetterPage)
    return "" if page.parts and page.parts[0].title.strip() else "text"


def canary(request: CanaryRequest) -> Message:
    """Test page."""
    return _canary("letter", request)


def call_canary(request: CanaryRequest) -> Message:
    """Test line of a call list."""
    return _canary("phone", request)


def _canary(channel: Channel, request: CanaryRequest) -> Message:
    page = LetterPage(lang="en", parts=(LetterPart(title=CANARY_TEXT, lang="en", direction="ltr"),))
    own = Personal(delivery=request.delivery, to=request.to, why_url="", stop_url="", preferences_url="")
    return msgspec.structs.replace(_message(channel, own, page), expires=request.expires)
