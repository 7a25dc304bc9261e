"""Everyone's wishes as numpy columns that follow the log (`AudienceColumns`)."""

from subscribers.columns.people import AudienceColumns
from subscribers.columns.rows import ContactFacts

__all__ = ["AudienceColumns", "ContactFacts"]
