"""Push channel: a lock screen notification with sender and severity first, the instruction, and a link to the page.

The payload is JSON that our service worker shows (`alerts/web/static/sw.js`). A push service accepts 4096 bytes of
encrypted body (RFC 8030, 7.2; RFC 8291, 4); the text is cut so that the JSON always fits.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.channels import markdown
from alerts.channels.descriptor import CANARY_TEXT, AddressRules, CanaryRequest, DigestItem
from alerts.channels.i18n import Translator
from alerts.channels.layouts import Layouts
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.personalisation import alternative
from alerts.channels.subject import digest_title, listed_title, subject
from alerts.contract.bodies import PushBody
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import Channel
from alerts.kernel.texts import cut
from subscribers import addresses

BODY = 4096
OVERHEAD = 86 + 1 + 16
"""Bytes of aes128gcm (RFC 8188): the header with a P-256 key, the delimiter of the one record, its tag."""
PAYLOAD = BODY - OVERHEAD
"""Maximum bytes of JSON."""
WORDS = 600
"""Maximum characters of a body: no lock screen shows more."""


MARK = "..."
"""Mark of a cut text."""


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """JSON for the service worker (CONTRACT "On the wire"); the last three are the links out and their labels."""

    id: str
    title: str
    body: str
    url: str
    tag: str
    lang: str
    severity: str
    why: str = ""
    """Link to the explanation of this message."""
    stop: str = ""
    """Link that ends messages to this device."""
    labels: tuple[str, str] | tuple[()] = ()
    """Labels of the buttons for `why` and `stop`, in the reader's language."""


class _Titled(msgspec.Struct, frozen=True):
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPush:
    """Notification for many readers."""

    title: str
    words: str
    url: str
    tag: str
    lang: str
    severity: str
    code: str = ""
    """Check code in words, the last of the body; never cut."""
    labels: tuple[str, str] | tuple[()] = ()
    urgent: bool = False
    topic: str = ""
    expires: datetime | None = None

    def message(self, *, delivery: str, to: str, near: str = "", why_url: str = "", stop_url: str = "") -> Message:
        """Build the notification for one reader. `near` is the reader's own text.

        If it does not fit, `words` are cut first, then `near`, never the check code and the links.
        """
        room = PAYLOAD
        words, near = self.words, near
        while True:
            data = msgspec.json.encode(
                self._payload(delivery, " ".join(p for p in (words, near, self.code) if p), why_url, stop_url)
            )
            over = len(data) - room
            if over <= 0:
                break
            if words:
                words = cut(words, min(len(words) - 1, len(words) - over // 6), MARK)
            elif near:
                near = cut(near, min(len(near) - 1, len(near) - over // 6), MARK)
            else:
                raise ValueError("the title and links of this notification are too long for a push service")
        return Message(
            channel="push",
            delivery=delivery,
            to=to,
            data=data,
            sender="",
            urgent=self.urgent,
            topic=self.topic,
            expires=self.expires,
        )

    def _payload(self, delivery: str, body: str, why_url: str, stop_url: str) -> Payload:
        ways_out = bool(self.labels and stop_url)
        return Payload(
            id=delivery,
            title=self.title,
            body=body,
            url=self.url,
            tag=self.tag,
            lang=self.lang,
            severity=self.severity,
            why=why_url if ways_out else "",
            stop=stop_url if ways_out else "",
            labels=self.labels if ways_out else (),
        )


def topic(thread: UUID) -> str:
    """Push `Topic` of a thread (RFC 8030, 5.4: 32 URL-safe characters): a phone that was off gets only the latest."""
    return base64.urlsafe_b64encode(thread.bytes).rstrip(b"=").decode()


class PushRenderer:
    """See `descriptor.ChannelRenderer`."""

    def __init__(self, layouts: Layouts) -> None:
        """The service worker has the layout: no template is used."""

    def notice(self, words: NoticeWords, t: Translator) -> PushNotice:
        """See `ChannelRenderer.notice`. The instruction comes first; without one, the body."""
        prepared = PreparedPush(
            title=subject(words, t),
            words=_first_words(words),
            url=words.url,
            tag=str(words.thread),
            lang=words.body_language,
            severity=words.severity,
            code=t.text("check", "in_list", code=words.check_code) if words.check_code else "",
            labels=_labels(t),
            urgent=words.priority == "emergency",
            topic=topic(words.thread),
            expires=words.expires,
        )
        return PushNotice(prepared, words, t)

    def digest(self, items: Sequence[DigestItem], personal: Personal, t: Translator) -> Message:
        """See `ChannelRenderer.digest`. A tap opens the one notice, or the page of all live ones."""
        valid = [item.words for item in items if not item.past]
        listed = valid or [item.words for item in items]
        url = listed[0].url
        prepared = _own(
            title=digest_title(len(valid), t),
            words="; ".join(listed_title(words, t) for words in listed),
            url=url if len(listed) == 1 else f"{url.rpartition('/alerts/')[0]}/",
            tag="digest",
            t=t,
        )
        return prepared.message(
            delivery=personal.delivery, to=personal.to, why_url=personal.why_url, stop_url=personal.stop_url
        )

    def confirmation(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """See `ChannelRenderer.confirmation`."""
        title, lead = t.text("confirm", "subject"), t.text("confirm", "lead")
        return _own(title=title, words=lead, url=confirm_url, tag="confirm", t=t).message(delivery=delivery, to=to)

    def device_added(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Notification to a subscriber about another browser that was added."""
        title, lead = t.text("device_added", "subject"), t.text("device_added", "lead")
        return _own(title=title, words=lead, url=url, tag="device-added", t=t).message(delivery=delivery, to=to)

    def fresh_link(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Notification with a fresh link."""
        title, lead = t.text("fresh_link", "subject"), t.text("fresh_link", "lead")
        return _own(title=title, words=lead, url=url, tag="fresh-link", t=t).message(delivery=delivery, to=to)

    def team(self, to: str, delivery: str, title: str, words: str, url: str, t: Translator) -> Message:
        """Notification to a team member: without the ways out that a subscriber has."""
        prepared = PreparedPush(
            title=title, words=cut(words, WORDS), url=url, tag=delivery, lang=t.tag, severity="Unknown", urgent=True
        )
        return prepared.message(delivery=delivery, to=to)

    def test(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Test that the person asked for."""
        title, lead = f"{t.text('mark', 'Test')}: {t.text('own_test', 'subject')}", t.text("banner", "Test")
        return _own(title=title, words=lead, url=url, tag="own-test", t=t).message(delivery=delivery, to=to)


@dataclass(frozen=True)
class PushNotice:
    """Notice as a notification. See `descriptor.Prepared`."""

    _prepared: PreparedPush
    _words: NoticeWords
    _t: Translator
    channel: Channel = "push"

    @property
    def language(self) -> str:
        return self._t.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared.message`."""
        near = [alternative(a, self._t, self._words.timezone) for a in personal.alternatives]
        named = "; ".join(f"{name} ({when})" if when else name for name, when in near)
        return self._prepared.message(
            delivery=personal.delivery,
            to=personal.to,
            near=f"{self._t.text('message', 'nearest_sms')}: {named}." if named else "",
            why_url=personal.why_url,
            stop_url=personal.stop_url,
        )


def parse_address(given: PushBody, field: str, rules: AddressRules) -> str:
    """See `descriptor.AddressParser`. `field` is "" if the body is the subscription itself."""
    dot = f"{field}." if field else ""
    if rules.endpoints is None:
        raise Invalid.field(f"{dot}endpoint", "This instance takes no push subscriptions.")
    endpoint = rules.endpoints.check(given.endpoint, f"{dot}endpoint")
    return addresses.push(endpoint, given.keys.auth, given.keys.p256dh, dot)


def missing(message: Message) -> str:
    """See `WritableChannel.missing`: a title is enough, as a lock screen shows it alone."""
    return "" if msgspec.json.decode(message.data, type=_Titled).title.strip() else "title"


def canary(request: CanaryRequest) -> Message:
    """Test message; it names no page."""
    shown = {"id": request.delivery, "title": "Test", "body": CANARY_TEXT, "tag": "canary", "lang": "en"}
    return Message(
        channel="push",
        delivery=request.delivery,
        to=request.to,
        data=msgspec.json.encode(shown),
        sender="",
        topic="canary",
        expires=request.expires,
    )


def _own(*, title: str, words: str, url: str, tag: str, t: Translator) -> PreparedPush:
    """Notification with catalogue texts, about no single notice."""
    return PreparedPush(
        title=title, words=cut(words, WORDS), url=url, tag=tag, lang=t.tag, severity="Unknown", labels=_labels(t)
    )


def _first_words(words: NoticeWords) -> str:
    """Beginning of a body: the organisation, then what to do, else what happened."""
    said = markdown.first_line(words.instruction or words.body, WORDS)
    return ": ".join(part for part in (words.sender_name, said) if part)


def _labels(t: Translator) -> tuple[str, str]:
    return t.text("message", "why"), t.text("message", "stop")
