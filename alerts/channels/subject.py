"""Subject lines and banners of every channel: drill, severity, place, effective time."""

from __future__ import annotations

from datetime import timedelta

from alerts.channels.i18n import Translator
from alerts.channels.message import NoticeWords
from alerts.channels.severity_style import tag
from alerts.kernel.terms import MsgType, Status


def subject(words: NoticeWords, t: Translator) -> str:
    """Compose the subject line: drill first, then message type, severity and place, then the title."""
    lead = marks(words.status, words.msg_type, t)
    if words.kind == "alert" and words.msg_type in ("Alert", "Update"):
        lead.append(t.text("severity", words.severity))
    place = short_place(words.area_words)
    if place and place.casefold() not in words.title.casefold():
        lead.append(place)
    begins = starts(words, t)
    if begins:
        lead.append(begins if lead else begins[:1].upper() + begins[1:])
    return f"{t.comma.join(lead)}: {words.title}" if lead else words.title


def sms_lead(words: NoticeWords, t: Translator) -> str:
    """Compose the beginning of a text after the sender's name: `SEVERE, Walworth:`."""
    lead = []
    if words.msg_type != "Alert":
        lead.append(t.text("mark", words.msg_type))
    if words.kind == "alert" and words.msg_type in ("Alert", "Update") and words.severity != "Unknown":
        lead.append(t.text("severity", words.severity).upper())
    place = short_place(words.area_words)
    if place and place.casefold() not in (words.sms or words.title).casefold():
        lead.append(place)
    if begins := starts(words, t, short=True):
        lead.append(begins if lead else begins[:1].upper() + begins[1:])
    return f"{t.comma.join(lead)}:" if lead else ""


def digest_title(count: int, t: Translator) -> str:
    """Title of a digest of `count` items."""
    return t.text("digest", "subject_one" if count == 1 else "subject_many", count=t.number(count))


def listed_title(words: NoticeWords, t: Translator) -> str:
    """Title of a notice in a list, with its marks first (RULES 15)."""
    first = marks(words.status, words.msg_type, t)
    return f"{t.comma.join(first)}: {words.title}" if first else words.title


def marks(status: Status, msg_type: MsgType, t: Translator) -> list[str]:
    """Marks that come first in every channel: DRILL or TEST, then UPDATE, CANCELLED or ALL CLEAR; none of an alert."""
    return [t.text("mark", kind) for kind in (status, msg_type) if kind not in ("Actual", "Alert")]


def short_place(area_words: str, limit: int = 40) -> str:
    """Shorten the area for a subject line: as many of the places as fit, the largest share first."""
    shortened = area_words.split(";")[0].strip()
    while len(shortened) > limit:
        fewer = max(shortened.rfind(", "), shortened.rfind("، "))
        if fewer < 0:
            return ""
        shortened = shortened[:fewer]
    return shortened


def banners(words: NoticeWords, t: Translator) -> list[str]:
    """Banners above the content: a drill; a message that replaces, withdraws or ends an earlier one."""
    kinds = [kind for kind in (words.status, words.msg_type) if kind not in ("Actual", "Alert")]
    return [f"{t.text('mark', kind)}. {t.text('banner', kind)}" for kind in kinds]


def tag_line(words: NoticeWords, t: Translator) -> str:
    """Style in words, with place or effective time: `Severe, act now, Walworth`."""
    tag_text = tag(words.kind, words.msg_type, words.severity, t)
    more = short_place(words.area_words) or starts(words, t)
    return f"{tag_text}{t.comma}{more}" if more else tag_text


def starts(words: NoticeWords, t: Translator, *, short: bool = False) -> str:
    """Effective time of a service change, with the hour if near; "" if already in effect or ended."""
    at = words.effective
    if at is None or at <= words.issued_at or words.msg_type in ("Cancel", "AllClear"):
        return ""
    day = t.short_day(at, words.timezone) if short else t.day(at, words.timezone)
    if at - words.issued_at < timedelta(days=2):
        day += f"{t.comma}{t.clock(at, words.timezone)}"
    return t.text("page", "from_day", time=day)
