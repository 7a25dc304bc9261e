"""Report: what a resident saw, until a person has decided about it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ReportAccepted, ReportAnswered, ReportDismissed, ReportErased, ReportReceived
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded
from alerts.kernel.terms import Channel

ReportPhase = Literal["waiting", "accepted", "dismissed", "answered", "erased"]
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and letters of a receipt number (Crockford's base 32): no I, L, O and U."""
_ALIKE = str.maketrans("OIL", "011")


class ReportState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one report; the personal fields are None after an erasure, and in a read model until opened."""

    id: UUID
    version: int
    receipt: str
    language: str
    received_at: datetime
    phase: ReportPhase = "waiting"
    place: str | None = None
    photo: bool = False
    contact: int | None = None
    channel: Channel | None = None
    answered_at: datetime | None = None
    answered_by: str = ""
    handled_at: datetime | None = None
    """Time of the first decision."""
    reason: str = ""
    incident: UUID | None = None
    words: str | None = None
    where: str | None = None
    lat: float | None = None
    lon: float | None = None
    address: str | None = None
    answer: str | None = None
    position: int = 0


def evolve(state: ReportState | None, recorded: Recorded) -> ReportState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, ReportReceived):
        return ReportState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            receipt=event.receipt,
            language=event.language,
            received_at=recorded.at,
            place=event.place,
            photo=event.photo,
            contact=event.contact,
            channel=event.channel,
            words=event.words,
            where=event.where,
            lat=event.lat,
            lon=event.lon,
            address=event.address,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("report", recorded)
    handled = state.handled_at or recorded.at
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case ReportAnswered(answer=answer):
            phase: ReportPhase = "answered" if state.phase == "waiting" else state.phase
            return replace(
                state,
                phase=phase,
                answer=answer,
                answered_at=recorded.at,
                answered_by=recorded.by,
                handled_at=handled,
            )
        case ReportDismissed(reason=reason):
            return replace(state, phase="dismissed", reason=reason, handled_at=handled)
        case ReportAccepted(incident=incident):
            return replace(state, phase="accepted", incident=incident, handled_at=handled)
        case ReportErased():
            return replace(
                state,
                phase="erased",
                photo=False,
                handled_at=handled,
                words=None,
                where=None,
                lat=None,
                lon=None,
                address=None,
                answer=None,
            )
        case _:
            return state


def decide_answer(state: ReportState, answer: str) -> tuple[Event, ...]:
    """Answer the resident, once. Raises Conflict if it was answered with other words, or erased."""
    _need_words(state)
    if state.answered_at is not None:
        if state.answer == answer:
            return ()
        raise Conflict(f"This report was answered already, by {state.answered_by}: there is one answer to a report.")
    return (
        ReportAnswered(
            contact=state.contact,
            channel=state.channel,
            words=state.words,
            where=state.where,
            lat=state.lat,
            lon=state.lon,
            address=state.address,
            answer=answer,
        ),
    )


def decide_dismiss(state: ReportState, reason: str) -> tuple[Event, ...]:
    """Decide that nothing follows; repeating it changes nothing. Raises Conflict if it has become an incident."""
    if state.phase == "accepted":
        raise Conflict("This report has become an incident: resolve that instead.")
    _need_words(state)
    return () if state.phase == "dismissed" else (ReportDismissed(reason=reason),)


def decide_accept(state: ReportState, incident: UUID) -> tuple[Event, ...]:
    """Make an incident of it. Raises Conflict if it has one already, or was erased."""
    _need_words(state)
    if state.incident is not None:
        raise Conflict("This report has become an incident already.", incident=str(state.incident))
    return (ReportAccepted(incident=incident),)


def decide_erase(state: ReportState) -> tuple[Event, ...]:
    """Erase what the resident wrote; repeating it changes nothing."""
    return () if state.phase == "erased" else (ReportErased(),)


def receipt_number(value: int) -> str:
    """Write a random number below 10⁴ · 32⁵ as a receipt number: four digits and five letters."""
    digits, rest = value % 10_000, value // 10_000
    letters = ""
    for _ in range(5):
        letters, rest = letters + LETTERS[rest % 32], rest // 32
    return f"R-{digits:04}-{letters}"


RECEIPTS = 10_000 * 32**5
"""Number of receipt numbers."""


def read_receipt(text: str) -> str:
    """Bring a typed receipt number to its normal form: O is 0, I and L are 1; "" if it is none."""
    plain = "".join(char for char in text.upper() if char.isascii() and char.isalnum())
    plain = plain[1:] if plain.startswith("R") and len(plain) == 10 else plain
    plain = plain.translate(_ALIKE)
    if len(plain) != 9 or not plain[:4].isdigit() or any(char not in LETTERS for char in plain):
        return ""
    return f"R-{plain[:4]}-{plain[4:]}"


def _need_words(state: ReportState) -> None:
    if state.phase == "erased":
        raise Conflict("This report was erased.")
