"""Helper shared by all fold functions."""

from __future__ import annotations

from typing import NoReturn

from alerts.kernel.errors import NotFound
from alerts.kernel.events import Recorded


def unexpected_first_event(kind: str, recorded: Recorded) -> NoReturn:
    """Raise NotFound: the stream does not begin with the expected event, so the id belongs to another kind of thing."""
    raise NotFound(f"There is no such {kind}: {recorded.originator_id} is another kind of thing.")
