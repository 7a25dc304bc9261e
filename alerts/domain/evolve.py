"""What every fold shares."""

from __future__ import annotations

from typing import NoReturn

from alerts.kernel.errors import NotFound
from alerts.kernel.events import Recorded


def unexpected_first_event(kind: str, recorded: Recorded) -> NoReturn:
    """A stream of ours begins with the event that makes the thing: an id of another kind of thing is not found here."""
    raise NotFound(f"There is no such {kind}: {recorded.originator_id} is another kind of thing.")
