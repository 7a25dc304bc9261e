"""Audience index: everyone's preferences as numpy columns that follow the log (`AudienceColumns`)."""

from subscribers.audience.index.people import AudienceColumns
from subscribers.audience.index.schema import ContactFacts

__all__ = ["AudienceColumns", "ContactFacts"]
