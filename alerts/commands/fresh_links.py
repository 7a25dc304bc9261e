"""Fresh links: proof that somebody reads a live contact point of a subscriber, good for one hour (RULES "Identity").

A link in any message lets whoever holds it stop, pause and see why. To see addresses, move, add a device, download or
erase takes a fresh link. This is the one place that mints and reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from alerts.eventlog.ports import Log
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import FreshLink, contact_token, fresh_link_token, read_contact_token, read_fresh_link
from subscribers.domain.events import ContactPointVerified
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

LIFE = timedelta(hours=1)


class FreshLinks:
    """Mints and reads fresh links, and the tokens by which a browser renews itself. Every method blocks."""

    def __init__(self, log: Log, keys: SecretKeys, clock: Callable[[], datetime]) -> None:
        """`keys` sign the tokens; `clock` returns aware UTC."""
        self._log, self._keys, self._clock = log, keys, clock

    def new(self, subscriber: UUID, contact: int) -> str:
        """Create the token of a link that is to be sent to this contact point, and nowhere else."""
        return fresh_link_token(self._keys, FreshLink(subscriber, contact, self._clock() + LIFE))

    def after_confirmation(self, subscriber: UUID, contact: int) -> str | None:
        """Token for whoever has just confirmed a contact point: until an hour after the confirmation, else None.

        A confirmation's link may be opened again at any later time; that proves nothing new.
        """
        verified = [
            recorded.at
            for recorded in self._log.stream(subscriber)
            if isinstance(recorded.event, ContactPointVerified) and recorded.event.number == contact
        ]
        expires = verified[-1] + LIFE if verified else None
        if expires is None or expires <= self._clock():
            return None
        return fresh_link_token(self._keys, FreshLink(subscriber, contact, expires))

    def read(self, token: str) -> FreshLink | None:
        """Verify a fresh link; None if it has run out, or its contact point does not live any more."""
        link = read_fresh_link(self._keys, token)
        if link is None or link.expires <= self._clock():
            return None
        state = self._log.state(SUBSCRIBER, link.subscriber)
        return link if _lives(state, link.contact) else None

    def of_device(self, subscriber: UUID, contact: int) -> str:
        """Token by which a browser renews or removes itself, and nothing else; as long as its contact point lives."""
        return contact_token(self._keys, "device", subscriber, contact)

    def read_device(self, token: str) -> tuple[UUID, int] | None:
        """Verify a browser's own token: (subscriber, its contact point); None if that does not live any more."""
        found = read_contact_token(self._keys, "device", token)
        if found is None or not _lives(self._log.state(SUBSCRIBER, found[0]), found[1], suppressed=True):
            return None
        return found


def _lives(state: SubscriberState | None, number: int, *, suppressed: bool = False) -> bool:
    """True for a verified contact point of a living subscription; `suppressed`: also one that is not sent to."""
    if state is None or state.phase not in ("confirmed", "requested"):
        return False
    contact = state.contact(number)
    return contact is not None and contact.state == "verified" and (suppressed or contact.suppressed is None)
