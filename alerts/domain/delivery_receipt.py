"""What providers say after they took a message, and what people text back: the states and the decisions. Pure."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ContactPointBounced, InboundTextReceived, ReceiptReceived
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded
from alerts.kernel.terms import DeliveryState

ReceiptStatus = Literal["delivered", "failed"]
BounceKind = Literal["hard", "soft", "complaint"]
Word = Literal["stop", "start", "help", "other"]

_REMEMBERED = 100
"""Reports and texts of one delivery or number that are remembered by their id."""


class ReceiptsState(msgspec.Struct, frozen=True, kw_only=True):
    """What was reported of one delivery."""

    version: int
    statuses: frozenset[ReceiptStatus] = frozenset()
    bounces: tuple[str, ...] = ()
    position: int = 0


class TextsState(msgspec.Struct, frozen=True, kw_only=True):
    """The texts that came in from one contact point's number."""

    version: int
    wished_at: datetime | None = None
    """When the latest STOP or START was written."""
    seen: tuple[str, ...] = ()
    position: int = 0


def bounce_key(kind: BounceKind, external_id: str) -> str:
    """By which the same report is recognised."""
    return f"{kind} {external_id}"


def evolve_receipts(state: ReceiptsState | None, recorded: Recorded) -> ReceiptsState:
    """Fold one report."""
    event = recorded.event
    if not isinstance(event, ReceiptReceived | ContactPointBounced):
        return state if state is not None else unexpected_first_event("delivery's receipts", recorded)
    state = replace(state or ReceiptsState(version=0), version=recorded.originator_version, position=recorded.position)
    if isinstance(event, ReceiptReceived):
        return replace(state, statuses=state.statuses | {event.status})
    key = bounce_key(event.kind, event.external_id)
    return replace(state, bounces=(*state.bounces, key)[-_REMEMBERED:])


def evolve_texts(state: TextsState | None, recorded: Recorded) -> TextsState:
    """Fold one text that came in."""
    event = recorded.event
    if not isinstance(event, InboundTextReceived):
        return state if state is not None else unexpected_first_event("number's texts", recorded)
    state = state or TextsState(version=0)
    wished_at = state.wished_at
    if event.word in ("stop", "start"):
        at = event.at or recorded.at
        wished_at = at if wished_at is None else max(at, wished_at)
    return TextsState(
        version=recorded.originator_version,
        wished_at=wished_at,
        seen=(*state.seen, event.external_id)[-_REMEMBERED:] if event.external_id else state.seen,
        position=recorded.position,
    )


_FAILS: frozenset[DeliveryState] = frozenset(("sent", "sending", "deferred", "queued", "failed-technical"))


def state_after(was: DeliveryState, status: ReceiptStatus) -> DeliveryState:
    """What a delivery that was tried becomes by a receipt. Delivered beats all, in whatever order receipts come.

    A receipt may overtake our own record of `sent`, or tell of an attempt whose reply was lost; either way it ends the
    trying.
    """
    if status == "delivered":
        return "delivered"
    return "failed-permanent" if was in _FAILS else was


def is_older(state: TextsState | None, at: datetime) -> bool:
    """Whether a STOP or START was written before the latest that is known: it came late, and changes nothing."""
    return state is not None and state.wished_at is not None and at < state.wished_at


# --- words

_WORDS: dict[Word, tuple[str, ...]] = {
    # English: the words that Twilio's opt-out handling knows (https://help.twilio.com/articles/223134027).
    # Then Welsh, Polish, Urdu and Arabic; accents and the Arabic script's spare forms are folded before comparing.
    "stop": (
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"),
        *("atal", "stopio", "stopiwch", "dad-danysgrifio", "daddanysgrifio", "gorffen", "diwedd", "canslo"),
        *("zatrzymaj", "koniec", "rezygnuje", "wypisz", "wypisz mnie", "anuluj", "usun"),
        *("بند", "بند کریں", "بند کرو", "روکیں", "روکو", "ختم", "ختم کریں", "منسوخ", "سٹاپ", "اسٹاپ"),
        *("توقف", "ايقاف", "اوقف", "قف", "الغاء", "الغاء الاشتراك", "انهاء", "ستوب"),
    ),
    "start": (
        *("start", "unstop", "yes", "subscribe", "resume"),
        *("cychwyn", "dechrau", "ie", "tanysgrifio", "ailddechrau"),
        *("tak", "wznow", "zapisz", "zapisz mnie"),
        *("شروع", "شروع کریں", "شروع کرو", "ہاں", "جی ہاں", "جی"),
        *("ابدا", "بدء", "نعم", "اشتراك", "اشترك"),
    ),
    "help": (
        *("help", "info"),
        *("cymorth", "gwybodaeth"),
        *("pomoc", "informacja", "informacje"),
        *("مدد", "معلومات", "ہیلپ"),
        *("مساعدة", "معلومة"),
    ),
}
_FOLDED_LETTERS = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىئیي", "ي"),
        **dict.fromkeys("ةهہۃ", "ه"),
        "ک": "ك",
        "ł": "l",
        "’": "'",
    }
)
_LONGEST = 40


def word_of(text: str) -> Word:
    """What a text asks for: a word of ours standing alone, in any of our languages, else `other`.

    Case, accents, blanks and punctuation around do not matter; a word within a sentence is no word of ours.
    """
    return _KNOWN.get(_folded(text), "other") if len(text) <= _LONGEST else "other"


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED_LETTERS))
    kept = "".join(c if c.isalnum() else " " for c in apart if not unicodedata.combining(c) and c.isprintable())
    return " ".join(kept.translate(_FOLDED_LETTERS).split())


_KNOWN: dict[str, Word] = {_folded(one): word for word, several in _WORDS.items() for one in several}
