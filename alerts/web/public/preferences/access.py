"""Access to a person's own pages: by the link of any message, or by a fresh link, which shows and does more.

The link of a message may have been passed on: it changes what comes, pauses and stops, and shows no address and no
exact place. RULES "Identity": to see addresses, move, download or erase takes a fresh link.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from alerts.kernel.signed_tokens import read_contact_token, read_fresh_link
from alerts.services import Services
from subscribers.domain.lifecycle import UNDO_FOR, UNDOABLE
from subscribers.domain.subscriber import EVERYTHING, SUBSCRIBER, ContactState, SubscriberState


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """Person behind a link. `contact` is the contact point that the link was sent to."""

    token: str
    state: SubscriberState
    contact: ContactState
    fresh: bool


@dataclass(frozen=True, slots=True)
class NoAccess:
    """Reason why a link opens nothing: `unknown`, `expired` (a fresh link after its hour), `left` or `erased`.

    `subscriber` and `contact` are known for a link that was made here: a fresh one may be sent there.
    """

    why: Literal["unknown", "expired", "left", "erased", "unconfirmed"]
    subscriber: UUID | None = None
    contact: int = 0
    undo_until: datetime | None = None
    """Time until which a leaving can be undone; None if it cannot."""


def open_link(services: Services, token: str) -> OwnAccess | NoAccess:
    """Read a link's token. Blocks."""
    keys = services.settings.secret_key
    link, fresh = read_fresh_link(keys, token), True
    found = None if link is None else (link.subscriber, link.contact)
    if found is None:
        found, fresh = read_contact_token(keys, "preferences", token), False
    if found is None:
        return NoAccess("unknown")
    subscriber, number = found
    state = services.log.state(SUBSCRIBER, subscriber)
    contact = state.contact(number) if state is not None else None
    if state is None or contact is None:
        return NoAccess("unknown")
    if state.phase == "erased":
        return NoAccess("erased")
    if state.phase in ("ended", "lapsed") or contact.state == "removed":
        return NoAccess("left", subscriber, number, _undo_until(services, state, number))
    if state.phase != "confirmed" or contact.state != "verified":
        return NoAccess("unconfirmed", subscriber, number)
    if link is not None and link.expires <= services.clock():
        return NoAccess("expired", subscriber, number)
    return OwnAccess(token, state, contact, fresh)


def _undo_until(services: Services, state: SubscriberState, number: int) -> datetime | None:
    left = max((found for found in (state.leaving(EVERYTHING), state.leaving(number)) if found), default=None)
    if left is None or left.by not in UNDOABLE or state.phase == "lapsed":
        return None
    return left.at + UNDO_FOR if services.clock() - left.at <= UNDO_FOR else None
