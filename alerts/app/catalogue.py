"""Catalogue of all event types: those of `alerts` and those of `subscribers`."""

from __future__ import annotations

from alerts.domain import events
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS

CATALOGUE = events.CATALOGUE.joined(SUBSCRIBER_EVENTS)
