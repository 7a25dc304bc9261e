"""Personalised parts of a message in the reader's language: the reason for it, and nearby alternatives."""

from __future__ import annotations

from alerts.channels.i18n import Translator
from alerts.channels.message import Alternative, NoticeWords, Personal
from alerts.channels.opening_hours import hours_in_words, visit_in_words


def because(words: NoticeWords, personal: Personal, t: Translator) -> str:
    """Sentence that names the reader's own choice which this message matches."""
    if not personal.stop_url:
        return t.text("because", "team")
    if personal.follows:
        return t.text("because", "follows")
    subject = "danger" if words.danger_to_life else "topic" if personal.topic else ""
    if not personal.place_name:
        return t.text("because", subject or "everything", topic=t.topic(personal.topic or ""))
    reach = "around" if personal.place_radius_m > 0 else "place"
    return t.text(
        "because",
        f"{subject}_{reach}" if subject else reach,
        topic=t.topic(personal.topic or ""),
        distance=t.distance(personal.place_radius_m),
        place=personal.place_name,
    )


def alternative(near: Alternative, t: Translator, timezone: str) -> tuple[str, str]:
    """(name with distance, opening hours): `Brixton, 2.6 km` and `day and night`."""
    when = hours_in_words(near.opening_hours, t)
    if near.next_visit is not None:
        when = visit_in_words(near.next_visit, near.minutes, t, timezone)
    return f"{near.name}{t.comma}{t.distance(near.distance_m)}", when
