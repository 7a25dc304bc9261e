"""Read models: documents of notices, incidents, service points and reference data; timeline and statistics.

All of them are computed from the log and can be dropped and computed again.
"""

from alerts.projections.catalogue import projections
from alerts.projections.queries import ReadModelQueries

__all__ = ["ReadModelQueries", "projections"]
