"""Delivery receipts, bounces and inbound texts: states and decisions. Pure."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ContactPointBounced, InboundTextReceived, ReceiptReceived
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded
from alerts.kernel.terms import DeliveryState

ReceiptStatus = Literal["delivered", "failed"]
BounceKind = Literal["hard", "soft", "complaint"]
Word = Literal["stop", "start", "help", "join", "other"]

_REMEMBERED = 100
"""Maximum reports and texts of one delivery or number whose ids are remembered."""


class ReceiptsState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded receipts and bounces of one delivery."""

    version: int
    statuses: frozenset[ReceiptStatus] = frozenset()
    bounces: tuple[str, ...] = ()
    position: int = 0


class TextsState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded inbound texts from one contact point's number."""

    version: int
    wished_at: datetime | None = None
    """Time of the latest STOP or START."""
    seen: tuple[str, ...] = ()
    position: int = 0


def bounce_key(kind: BounceKind, external_id: str) -> str:
    """Idempotency key of a bounce report."""
    return f"{kind} {external_id}"


def evolve_receipts(state: ReceiptsState | None, recorded: Recorded) -> ReceiptsState:
    """Fold one receipt or bounce."""
    event = recorded.event
    if not isinstance(event, ReceiptReceived | ContactPointBounced):
        return state if state is not None else unexpected_first_event("delivery's receipts", recorded)
    state = replace(state or ReceiptsState(version=0), version=recorded.originator_version, position=recorded.position)
    if isinstance(event, ReceiptReceived):
        return replace(state, statuses=state.statuses | {event.status})
    key = bounce_key(event.kind, event.external_id)
    return replace(state, bounces=(*state.bounces, key)[-_REMEMBERED:])


def evolve_texts(state: TextsState | None, recorded: Recorded) -> TextsState:
    """Fold one inbound text."""
    event = recorded.event
    if not isinstance(event, InboundTextReceived):
        return state if state is not None else unexpected_first_event("number's texts", recorded)
    state = state or TextsState(version=0)
    wished_at = state.wished_at
    if event.word in ("stop", "start", "join"):
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
    """State of a delivery after a receipt. Delivered takes precedence, in whatever order receipts arrive.

    A receipt may arrive before our own record of `sent`, or belong to an attempt whose reply was lost. Either way no
    further attempt is made.
    """
    if status == "delivered":
        return "delivered"
    return "failed-permanent" if was in _FAILS else was


def is_older(state: TextsState | None, at: datetime) -> bool:
    """True if a STOP or START is older than the latest known one: it arrived late and has no effect."""
    return state is not None and state.wished_at is not None and at < state.wished_at


# --- keywords

_WORDS: dict[Word, tuple[str, ...]] = {
    # English: the keywords of Twilio's opt-out handling (https://help.twilio.com/articles/223134027). Then Welsh,
    # Polish, Urdu and Arabic; accents and variant forms of the Arabic script are folded before comparing.
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
_LONGEST, _LONGEST_JOIN = 40, 100
_JOINING = {
    "": ("join",),
    "cy": ("ymuno", "ymunwch"),
    "pl": ("dołącz", "dopisz"),
    "ur": ("شامل",),
    "ar": ("انضم", "انضمام"),
}


def word_of(text: str) -> Word:
    """Keyword of a text in any supported language, if it is the whole text; else `other`.

    Case, accents, blanks and surrounding punctuation are ignored. A keyword within a sentence does not count.
    """
    return _KNOWN.get(_folded(text), "other") if len(text) <= _LONGEST else "other"


class JoinRequest(NamedTuple):
    """Text that asks for alerts: the place in the sender's words, and the language of the keyword."""

    place: str
    language: str


def join_request(text: str) -> JoinRequest | None:
    """Read `JOIN SE5 4NN` in any supported language; None for any other text. The language of JOIN itself is ""."""
    first, _, rest = " ".join(text.split()).partition(" ")
    language = _JOIN.get(_folded(first)) if len(text) <= _LONGEST_JOIN else None
    return JoinRequest(rest.strip(" .,:;"), language) if language is not None and rest else None


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED_LETTERS))
    kept = "".join(c if c.isalnum() else " " for c in apart if not unicodedata.combining(c) and c.isprintable())
    return " ".join(kept.translate(_FOLDED_LETTERS).split())


_KNOWN: dict[str, Word] = {_folded(one): word for word, several in _WORDS.items() for one in several}
_JOIN: dict[str, str] = {_folded(one): language for language, several in _JOINING.items() for one in several}
