"""Topics of the events that the audience projector reads."""

from __future__ import annotations

from typing import Final

from alerts.domain import events as e
from subscribers.audience import reference_data
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS

PEOPLE: Final[frozenset[str]] = frozenset(SUBSCRIBER_EVENTS.events)
APPLIED: Final[frozenset[str]] = PEOPLE | reference_data.TOPICS
WANTED: Final[frozenset[str]] = APPLIED | {
    event.topic()
    for event in (
        e.DispatchChunkFinished,
        e.DispatchResumed,
        e.ReceiptReceived,
        e.InboundTextReceived,
        e.ReportAnswered,
    )
}
"""Those applied, and those with effects alone."""
