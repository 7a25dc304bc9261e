"""Text message channel: sender, severity and place first, then the text, then the link and how to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from alerts.channels import markdown
from alerts.channels.descriptor import CANARY_TEXT, AddressRules, CanaryRequest, DigestItem
from alerts.channels.i18n import Translator
from alerts.channels.layouts import Layouts
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.personalisation import alternative
from alerts.channels.sms_segments import count as segment_count
from alerts.channels.sms_segments import plain_punctuation, with_look_alikes
from alerts.channels.subject import digest_title, listed_title, sms_lead
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import Channel
from alerts.kernel.texts import cut
from subscribers import addresses

_COSTLY = {4: "premium-rate", 7: "personal"}
"""Kinds of `phonenumbers.PhoneNumberType`, which is slow to load."""

LIMIT = 612
"""Maximum characters: four joined segments of GSM-7."""
SEGMENTS = 3
"""Maximum segments with places near the reader; the author's words alone may need more."""
MARK = "..."
"""Mark of a cut text: one typographic ellipsis would halve a segment's room."""


@dataclass(frozen=True)
class PreparedSms:
    """Text with room for one reader's places. `head` and `tail` are never cut, the text between them is."""

    head: str
    words: str
    tail: str
    stop: str
    code: str = ""
    """Check code, in words; added before the link if it takes no further segment."""
    urgent: bool = False
    expires: datetime | None = None

    def message(self, *, delivery: str, to: str, nearby: tuple[str, ...] = (), nearby_lead: str = "") -> Message:
        """Build the text for one reader: as many of the nearby places as fit, nearest first."""
        text = self.text(nearby, nearby_lead)
        return Message(
            channel="sms",
            delivery=delivery,
            to=to,
            data=text.encode(),
            sender="",
            urgent=self.urgent,
            expires=self.expires,
        )

    def text(self, nearby: tuple[str, ...] = (), nearby_lead: str = "") -> str:
        """Compose the text alone; see `message`. Places are left out before they take more than `SEGMENTS`."""
        text = self._text(nearby, nearby_lead)
        coded = replace(self, tail=f"{self.code} {self.tail}".strip())._text(nearby, nearby_lead) if self.code else text
        dearer = segment_count(coded).segments > segment_count(text).segments
        return text if dearer or coded.replace(f"{self.code} ", "", 1) != text else coded

    def _text(self, nearby: tuple[str, ...], nearby_lead: str) -> str:
        without = self._fitted("")
        if not nearby:
            return without
        most = max(SEGMENTS, segment_count(without).segments)
        for count in range(len(nearby), 0, -1):
            near = plain_punctuation(f"{nearby_lead}: {'; '.join(nearby[:count])}.")
            if len(self._joined(near, "")) + min(len(self.words), LIMIT // 3) > LIMIT:
                continue
            text = self._fitted(near)
            if segment_count(text).segments <= most:
                return text
        return without

    def _fitted(self, near: str) -> str:
        room = LIMIT - len(self._joined(near, "")) - 1
        return with_look_alikes(self._joined(near, cut(self.words, room, MARK)))

    def _joined(self, near: str, words: str) -> str:
        return " ".join(part for part in (self.head, words, near, self.tail, self.stop) if part)


def prepare(
    *,
    head: str,
    words: str,
    tail: str,
    stop: str,
    code: str = "",
    urgent: bool = False,
    expires: datetime | None = None,
) -> PreparedSms:
    """Assemble a text from its parts, in punctuation that GSM-7 encodes cheaply."""

    def plain(part: str) -> str:
        return plain_punctuation(" ".join(part.split()))

    return PreparedSms(plain(head), plain(words), plain(tail), plain(stop), plain(code), urgent, expires)


class SmsRenderer:
    """See `descriptor.ChannelRenderer`."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts, self._name = layouts, layouts.sender_name

    def notice(self, words: NoticeWords, t: Translator) -> SmsNotice:
        """See `ChannelRenderer.notice`."""
        own = words.sms.strip()
        text = own or " ".join(p for p in (_sentence(words.title), markdown.first_line(words.instruction, 400)) if p)
        drill = t.text("mark", words.status) if words.status != "Actual" else ""
        context = {"name": words.sender_name or self._name, "drill": drill, "lead": sms_lead(words, t)}
        prepared = prepare(
            head=self._layouts.text.get_template("sms/notice.txt").render(context),
            words=text,
            tail="" if words.short_url in own or words.url in own else words.short_url,
            stop=t.text("message", "stop_sms"),
            code=t.text("check", "in_text", code=words.check_code) if words.check_code else "",
            urgent=words.priority == "emergency",
            expires=words.expires,
        )
        return SmsNotice(prepared, words, t)

    def digest(self, items: Sequence[DigestItem], personal: Personal, t: Translator) -> Message:
        """See `ChannelRenderer.digest`. Only unexpired items are listed."""
        valid = [item for item in items if not item.past]
        text = prepare(
            head=f"{self._name}: {digest_title(len(valid), t)}.",
            words="; ".join(f"{listed_title(item.words, t)} {item.words.short_url}" for item in valid),
            tail="",
            stop=t.text("message", "stop_sms"),
        )
        return text.message(delivery=personal.delivery, to=personal.to)

    def confirmation(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """See `ChannelRenderer.confirmation`."""
        return self._own_text(t.text("confirm", "sms", url=confirm_url), to, delivery)

    def help(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Reply to HELP: sender, how to stop, where to read more."""
        return self._own_text(t.text("help", "sms", url=url), to, delivery)

    def device_added(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Text to a subscriber about a browser that was added."""
        return self._own_text(t.text("device_added", "sms", url=url), to, delivery)

    def confirmation_code(self, to: str, delivery: str, code: str, url: str, t: Translator) -> Message:
        """Request to confirm a number: the code first, which phones offer to fill in."""
        return self._own_text(t.text("confirm", "sms_code", code=code, url=url), to, delivery)

    def joined(self, to: str, delivery: str, where: str, url: str, t: Translator) -> Message:
        """Reply to JOIN and START."""
        words = (
            t.text("by_text", "joined_place", place=where, url=url) if where else t.text("by_text", "joined", url=url)
        )
        return self._own_text(words, to, delivery)

    def stopped(self, to: str, delivery: str, t: Translator) -> Message:
        """Reply to STOP."""
        return self._own_text(t.text("by_text", "stopped"), to, delivery)

    def fresh_link(self, to: str, delivery: str, url: str, t: Translator) -> Message:
        """Text with a fresh link."""
        return self._own_text(t.text("fresh_link", "sms", url=url), to, delivery)

    def test(self, to: str, delivery: str, t: Translator) -> Message:
        """Test that the person asked for; TEST comes first (RULES 15)."""
        words = f"{t.text('mark', 'Test')}. {self._name}: {t.text('own_test', 'sms')}"
        return prepare(head=words, words="", tail="", stop="").message(delivery=delivery, to=to)

    def report_answer(self, to: str, delivery: str, receipt: str, words: str, url: str, t: Translator) -> Message:
        """Text with the answer to a report, cut to fit; its page has the rest."""
        head = f"{self._name}: {t.text('report', 'answer_sms', receipt=receipt)}"
        return prepare(head=head, words=words, tail=url, stop="").message(delivery=delivery, to=to)

    def _own_text(self, words: str, to: str, delivery: str) -> Message:
        return prepare(head=f"{self._name}: {words}", words="", tail="", stop="").message(delivery=delivery, to=to)


@dataclass(frozen=True)
class SmsNotice:
    """Notice as a text message. See `descriptor.Prepared`."""

    _prepared: PreparedSms
    _words: NoticeWords
    _t: Translator
    channel: Channel = "sms"

    @property
    def language(self) -> str:
        return self._t.tag

    def message(self, personal: Personal) -> Message:
        """See `Prepared.message`."""
        near = (alternative(a, self._t, self._words.timezone) for a in personal.alternatives)
        return self._prepared.message(
            delivery=personal.delivery,
            to=personal.to,
            nearby=tuple(f"{name} ({when})" if when else name for name, when in near),
            nearby_lead=self._t.text("message", "nearest_sms"),
        )


def parse_address(given: str, field: str, rules: AddressRules) -> str:
    """See `descriptor.AddressParser`.

    A number that the provider does not serve is refused, and one that costs by the minute or more than a country's own.
    """
    number = addresses.phone(given, field)
    if kind := costly_kind(number):
        raise Invalid.field(field, f"This is a {kind} number, to which no texts go: give an ordinary mobile number.")
    beginnings = tuple(_beginning(word) for word in rules.prefixes)
    if beginnings and not number.startswith(beginnings):
        raise Invalid.field(field, f"Texts go to numbers that begin with {', '.join(beginnings)} only.")
    return number


def costly_kind(number: str) -> str:
    """Name the kind of an E.164 number that no text is sent to: premium, personal (070), satellite; "" for others."""
    import phonenumbers  # slow to load: only where telephones are

    parsed = phonenumbers.parse(number, None)
    kind = _COSTLY.get(phonenumbers.number_type(parsed))
    if kind is not None:
        return kind
    # No country, but a network of its own: 870, 881, 882, 883 by satellite, 878 and 979 anywhere at any price.
    return "satellite" if phonenumbers.region_code_for_country_code(parsed.country_code or 0) == "001" else ""


def home_prefixes(timezone: str) -> tuple[str, ...]:
    """Default of ALERTS_SMS_PREFIXES: the country of the instance's time zone, as its ISO code; () if it has none."""
    from babel.core import get_global

    region = get_global("zone_territories").get(timezone)
    return (str(region),) if region and region != "001" else ()


@cache
def _beginning(word: str) -> str:
    """Return the beginning that a word of `AddressRules.prefixes` means: +44 for +44, and for GB."""
    if word.startswith("+"):
        return word
    import phonenumbers

    return f"+{phonenumbers.country_code_for_region(word)}"


def missing(message: Message) -> str:
    """See `WritableChannel.missing`."""
    return "" if message.data.strip() else "text"


def canary(request: CanaryRequest) -> Message:
    """Test message, built without the templates."""
    return Message(
        channel="sms",
        delivery=request.delivery,
        to=request.to,
        data=CANARY_TEXT.encode(),
        sender="",
        topic="canary",
        expires=request.expires,
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", "۔")) or not text else f"{text}."
