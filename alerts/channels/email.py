"""E-mail channel: RFC 5322 messages, rendered once for all readers, with each reader's own values spliced in.

Every notice carries the one-click pair (RFC 8058), emergencies included; transactional mail never does.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from alerts.channels import markdown
from alerts.channels.descriptor import CANARY_TEXT, AddressRules, CanaryRequest, DigestItem
from alerts.channels.i18n import Translator, direction
from alerts.channels.layouts import Layouts
from alerts.channels.mail_headers import address_field, text_field
from alerts.channels.merge_fields import mark, quoted_printable, without_marks
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.mime_message import Envelope, Parts, PreparedEmail, Values, header_value
from alerts.channels.personalisation import alternative, because
from alerts.channels.severity_style import STYLES, SeverityStyle, style
from alerts.channels.subject import banners, digest_title, listed_title, marks, starts, subject, tag_line
from alerts.kernel.domain_names import mailbox_to_ascii
from alerts.kernel.languages import primary_subtag
from alerts.kernel.terms import Channel
from subscribers import addresses

_HEADER = re.compile(rb"(?m)^[A-Za-z-]+:(?=[ \t]*(?:\r\n[ \t]+)*[^ \t\r\n])")
"""Name of a header that has a value, folded or not."""


class EmailRenderer:
    """See `descriptor.ChannelRenderer`."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts

    def notice(self, words: NoticeWords, t: Translator) -> EmailNotice:
        """See `ChannelRenderer.notice`."""
        envelope = Envelope(
            subject=subject(words, t),
            sender=words.sender or self._layouts.sender,
            language=t.tag,
            at=self._layouts.clock(),
            thread=f"{words.thread.hex}.thread",
            urgent=words.priority == "emergency",
        )
        context: dict[str, Any] = {
            "words": words,
            "title": words.title,
            "preview": " ".join([*banners(words, t), markdown.first_line(words.instruction or words.body)]),
            "tone": style(words.kind, words.msg_type, words.severity),
            "tag": tag_line(words, t),
            "banners": banners(words, t),
            "struck": words.msg_type == "Cancel",
            "body_direction": direction(words.body_language),
            "original": _original(words, t),
            "body_html": _prose(words.body),
            "body_text": markdown.text(words.body),
            "instruction_html": _prose(words.instruction),
            "instruction_text": markdown.text(words.instruction),
            "where": t.text("message", "where", area=words.area_words) if words.area_words else "",
            "starts": starts(words, t),
            "concerned": t.comma.join(words.concerned),
            "issued_by": _issued_by(words, t),
            "sent": t.text("message", "sent", time=t.time(words.issued_at, words.timezone)),
            "until": _until(words, t),
            "forward": _forward(words, t),
        }

        def render(variant: str) -> Parts:
            flags = {"near": "near" in variant, "stop": "stop" in variant, "fewer": "fewer" in variant}
            flags["relay"] = "relay" in variant
            return self._parts("notice", t, {**context, **flags})

        return EmailNotice(PreparedEmail(envelope, render), words, t)

    def digest(self, items: Sequence[DigestItem], personal: Personal, t: Translator) -> Message:
        """See `ChannelRenderer.digest`. Expired items are listed, too."""
        title = digest_title(len(items), t)
        context = {
            "title": title,
            "preview": "; ".join(listed_title(item.words, t) for item in items),
            "tone": STYLES["minor"],
            "items": [_digest_context(item, t) for item in items],
            "stop": bool(personal.stop_url),
            "fewer": bool(personal.preferences_url),
        }
        envelope = Envelope(title, self._layouts.sender, t.tag, self._layouts.clock())
        prepared = PreparedEmail(envelope, lambda _: self._parts("digest", t, context))
        reason = t.text("because", "everything" if personal.stop_url else "team")
        return _spliced(prepared, personal, reason, "", "", "")

    def confirmation(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """See `ChannelRenderer.confirmation`."""
        return self._confirmation("confirm", to, delivery, confirm_url, t)

    def confirm_follow(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """Request to confirm that an address follows one thread."""
        return self._confirmation("follow", to, delivery, confirm_url, t)

    def _confirmation(self, section: str, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        values = Values({"confirm_url": confirm_url}, {"confirm_url": html.escape(confirm_url)})
        words = {name: t.text(section, name) for name in ("lead", "button")}
        context = {"title": t.text(section, "subject"), "preview": "", "tone": STYLES["clear"], **words}
        return self._transactional("confirm", to, delivery, t, context, values)

    def device_added(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Message to a subscriber about a browser that was added."""
        values = Values({"site_url": url}, {"site_url": html.escape(url)})
        context = {"title": t.text("device_added", "subject"), "preview": "", "tone": STYLES["moderate"]}
        return self._transactional("device_added", to, delivery, t, context, values)

    def fresh_link(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Message with a fresh link."""
        values = Values({"fresh_url": url}, {"fresh_url": html.escape(url)})
        context = {"title": t.text("fresh_link", "subject"), "preview": "", "tone": STYLES["clear"]}
        return self._transactional("fresh_link", to, delivery, t, context, values)

    def test(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Test that the person asked for."""
        values = Values({"preferences_url": url}, {"preferences_url": html.escape(url)})
        title = f"{t.text('mark', 'Test')}: {t.text('own_test', 'subject')}"
        context = {"title": title, "preview": t.text("banner", "Test"), "tone": STYLES["minor"]}
        return self._transactional("own_test", to, delivery, t, context, values)

    def yearly(self, to: str, delivery: str, follows: str, url: str, stop_url: str, t: Translator) -> Message:
        """Message that says that we are still here. `follows`: what the person is told of; `url`: to change that."""
        words = without_marks(follows)
        values = Values(
            {"follows": markdown.wrap(words), "preferences_url": url, "stop_url": stop_url},
            {"follows": html.escape(words), "preferences_url": html.escape(url), "stop_url": html.escape(stop_url)},
        )
        context = {"title": t.text("yearly", "subject"), "preview": t.text("yearly", "lead"), "tone": STYLES["clear"]}
        return self._transactional("yearly", to, delivery, t, context, values, stop_url=stop_url)

    def report_answer(self, to: str, delivery: str, receipt: str, words: str, url: str, t: Translator) -> Message:
        """Message with the answer to a report."""
        answer = without_marks(words)
        values = Values(
            {"report_url": url, "answer": markdown.wrap(answer)},
            {"report_url": html.escape(url), "answer": html.escape(answer)},
        )
        context = {
            "title": t.text("report", "answer_subject", receipt=receipt),
            "preview": "",
            "tone": STYLES["clear"],
        }
        return self._transactional("report_answer", to, delivery, t, context, values)

    def webhook_off(self, to: str, delivery: str, webhooks: Sequence[Mapping[str, Any]], t: Translator) -> Message:
        """Message to a team member about webhooks that were switched off."""
        context = {
            "title": t.text("webhook_off", "subject"),
            "preview": "",
            "tone": STYLES["moderate"],
            "items": webhooks,
        }
        return self._transactional("webhook_off", to, delivery, t, context, Values({}, {}))

    def sign_in(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Message to a team member with a link that signs them in."""
        values = Values({"sign_in_url": url}, {"sign_in_url": html.escape(url)})
        context = {"title": t.text("sign_in", "subject"), "preview": "", "tone": STYLES["clear"]}
        return self._transactional("sign_in", to, delivery, t, context, values)

    def invitation(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Message to somebody who was invited to the team, with the link that signs them in for the first time."""
        values = Values({"sign_in_url": url}, {"sign_in_url": html.escape(url)})
        context = {"title": t.text("invitation", "subject"), "preview": "", "tone": STYLES["clear"]}
        return self._transactional("invitation", to, delivery, t, context, values)

    def team_task(
        self, to: str, delivery: str, words: Mapping[str, str], tone: SeverityStyle, url: str, t: Translator
    ) -> Message:
        """Message to a team member about a notice. `words`: title, lead, button."""
        values = Values({"task_url": url}, {"task_url": html.escape(url)})
        return self._transactional("team_task", to, delivery, t, {**words, "preview": "", "tone": tone}, values)

    def alarms(
        self, to: str, delivery: str, lines: Sequence[Mapping[str, Any]], title: str, url: str, t: Translator
    ) -> Message:
        """Message to a member about what keeps messages from leaving, or waits for a person. `url`: the console."""
        over = all(line["over"] for line in lines)
        context = {
            "title": title,
            "preview": "",
            "tone": STYLES["clear" if over else "severe"],
            "items": lines,
        }
        values = Values({"console_url": url}, {"console_url": html.escape(url)})
        return self._transactional("alarms", to, delivery, t, context, values)

    def _transactional(
        self,
        layout: str,
        to: str,
        delivery: str,
        t: Translator,
        context: Mapping[str, Any],
        values: Values,
        *,
        stop_url: str = "",
    ) -> Message:
        title, bulk = str(context["title"]), bool(stop_url)
        envelope = Envelope(title, self._layouts.sender, t.tag, self._layouts.clock(), bulk=bulk)
        prepared = PreparedEmail(envelope, lambda _: self._parts(layout, t, context))
        return prepared.message(delivery=delivery, to=to, stop_url=stop_url, variant="", values=values)

    def _parts(self, layout: str, t: Translator, context: Mapping[str, Any]) -> Parts:
        shared = {**context, "frame": t, "mark": mark, "wrap": markdown.wrap, "tones": _tones(context)}
        return Parts(
            text=self._layouts.text.get_template(f"email/{layout}.txt").render(shared),
            html=self._layouts.mail_html(layout, shared),
        )


@dataclass(frozen=True)
class EmailNotice:
    """Notice as e-mail. See `descriptor.Prepared`."""

    _prepared: PreparedEmail
    _words: NoticeWords
    _t: Translator
    channel: Channel = "email"

    @property
    def language(self) -> str:
        return self._t.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared.message`."""
        near = [alternative(a, self._t, self._words.timezone) for a in personal.alternatives]
        lines = [f"{name}: {when}" if when else name for name, when in near]
        return _spliced(
            self._prepared,
            personal,
            because(self._words, personal, self._t),
            "\n".join(f"- {line}" for line in lines),
            "".join(f"<br>{html.escape(line)}" for line in lines),
            "near " if lines else "",
        )


def parse_address(given: str, field: str, rules: AddressRules) -> str:
    """See `descriptor.AddressParser`."""
    return addresses.email(given, field)


def missing(message: Message) -> str:
    """See `WritableChannel.missing`: sender, subject, date and a word in the first part."""
    head, _, body = message.data.partition(b"\r\n\r\n")
    present = {line.partition(b":")[0].lower() for line in _HEADER.findall(head)}
    for name in ("from", "subject", "date"):
        if name.encode() not in present:
            return name
    _, parts, first = body.partition(b"\r\n\r\n")  # of a multipart message: behind the head of its first part
    text = first.partition(b"\r\n--")[0] if parts and body.startswith(b"--") else body
    return "" if text.strip() else "text"


def canary(request: CanaryRequest) -> Message:
    """Test message, built without the templates."""
    host = parseaddr(request.sender)[1].rpartition("@")[2]
    head = (
        address_field("From", request.sender),
        address_field("To", mailbox_to_ascii(request.to)),
        text_field("Subject", "Test of the way of messages"),
        f"Date: {format_datetime(request.at)}\r\n",
        f"Message-ID: <{header_value(request.delivery)}@{host}>\r\n",
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
        'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n',
    )
    return Message(
        channel="email",
        delivery=request.delivery,
        to=request.to,
        data="".join(head).encode() + b"\r\n" + quoted_printable(CANARY_TEXT) + b"\r\n",
        sender=request.sender,
        expires=request.expires,
    )


def _issued_by(words: NoticeWords, t: Translator) -> str:
    """Say which organisation issued it; "" for the service itself."""
    return t.text("message", "issued_by", name=words.organisation) if words.organisation else ""


def _until(words: NoticeWords, t: Translator) -> str:
    if words.msg_type in ("Cancel", "AllClear"):
        return ""
    return t.text("message", "until", time=t.time(words.expires, words.timezone))


def _forward(words: NoticeWords, t: Translator) -> str:
    """Words that a relay passes on: what, what to do, until when, and the public page; nothing personal."""
    drill = f"{t.text('mark', words.status)}: " if words.status != "Actual" else ""
    said = markdown.first_line(words.instruction or words.body, 400)
    return " ".join(part for part in (f"{drill}{words.title}.", said, _until(words, t), words.short_url) if part)


def _original(words: NoticeWords, t: Translator) -> str:
    if primary_subtag(words.body_language) == primary_subtag(t.tag):
        return ""
    return t.text("message", "original", language=t.language(words.body_language))


def _prose(text: str) -> Markup:
    """Markdown from people as sanitised HTML."""
    return Markup(markdown.html(text))  # nosec B704: sanitised by nh3


def _tones(context: Mapping[str, Any]) -> list[SeverityStyle]:
    """Severity styles that occur in a message: its own, and those of a digest's items."""
    used = [context["tone"], *(item["tone"] for item in context.get("items", ()) if "tone" in item)]
    return list(dict.fromkeys(used))


def _digest_context(item: DigestItem, t: Translator) -> dict[str, Any]:
    words = item.words
    near = [alternative(a, t, words.timezone) for a in item.personal.alternatives]
    first = marks(words.status, "Update" if words.msg_type == "Update" else "Alert", t)
    return {
        "words": words,
        "tone": style(words.kind, words.msg_type, words.severity),
        "tag": t.comma.join((*first, tag_line(words, t))),
        "issued_by": _issued_by(words, t),
        "past": item.past,
        "lead": markdown.first_line(words.instruction or words.body, 240),
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
    variant += "relay " if personal.relay else ""
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
    return markdown.wrap(text)
