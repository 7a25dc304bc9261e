"""Comments of the team on a draft: a stream beside the notice's. Pure.

A comment never changes the notice's version, so it voids no approval, makes nobody a hand, and meets no autosave.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import NoticeCommented, NoticeCommentsErased, NoticePlan
from alerts.domain.evolve import unexpected_first_event
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import EDITABLE
from alerts.kernel.errors import Conflict, Invalid
from alerts.kernel.events import Event, Recorded

MOST = 500
"""Comments on one draft."""
QUOTED = 200
"""Characters of the quoted text."""
WORDS = ("title", "instruction", "body", "sms")


class DraftComment(msgspec.Struct, frozen=True, kw_only=True):
    """Comment of one member. `text` is None after the erasure of its words."""

    by: str
    at: datetime
    field: str
    quote: str
    text: str | None


class CommentsState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state: the comments on one notice, the newest last."""

    id: UUID
    notice: UUID
    version: int
    comments: tuple[DraftComment, ...] = ()
    erased: bool = False
    """True once the words are erased; nothing is added then."""


def evolve(state: CommentsState | None, recorded: Recorded) -> CommentsState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, NoticeCommentsErased) and state is not None:
        bare = tuple(replace(one, text=None, quote="") for one in state.comments)
        return replace(state, version=recorded.originator_version, comments=bare, erased=True)
    if not isinstance(event, NoticeCommented):
        unexpected_first_event("comment", recorded)
    if state is None:
        state = CommentsState(id=recorded.originator_id, notice=event.notice, version=0)
    comment = DraftComment(by=recorded.by, at=recorded.at, field=event.field, quote=event.quote or "", text=event.text)
    return replace(state, version=recorded.originator_version, comments=(*state.comments, comment))


def decide_comment(notice: NoticeState, before: CommentsState | None, text: str, field: str = "") -> tuple[Event, ...]:
    """Comment on a draft. Raises Conflict once it was issued or rejected, Invalid for an unknown field."""
    if notice.issued:
        raise Conflict("This notice was issued: comments are for drafts. Make an update of it, or cancel it.")
    if notice.phase not in EDITABLE:
        raise Conflict(f"This notice is {notice.phase}: comments are for drafts. Write a new one.")
    if before is not None and before.erased:
        raise Conflict("The comments on this draft were erased, and no more are taken: talk to its author.")
    if before is not None and len(before.comments) >= MOST:
        raise Conflict(f"There are {MOST} comments on this draft already: talk to its author.")
    if field and field not in fields_of(notice.plan):
        raise Invalid.field("about", "This part of the notice is not there any more: choose another one.")
    quote = _quote(notice.plan, field)
    return (NoticeCommented(notice=notice.id, field=field, quote=quote or None, text=text),)


def decide_erase(before: CommentsState | None) -> tuple[Event, ...]:
    """Erase the words of every comment; nothing if there is none, or they are erased."""
    if before is None or before.erased:
        return ()
    return (NoticeCommentsErased(notice=before.notice),)


def fields_of(plan: NoticePlan) -> tuple[str, ...]:
    """Name the parts of a plan that a comment can be about."""
    words = [f"{name}-{tag}" for tag, said in plan.content.items() for name in WORDS if getattr(said, name)]
    return ("area", *words)


def _quote(plan: NoticePlan, field: str) -> str:
    name, _, tag = field.partition("-")
    text: str = getattr(plan.content[tag], name) if tag else ""
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 1]}…"
