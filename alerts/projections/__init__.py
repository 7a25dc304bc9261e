"""What is read: documents of notices, incidents, the board of service points, registers; the timeline and statistics.

Everything here is computed from the log and can be thrown away and computed again.
"""

from alerts.projections.catalogue import projections
from alerts.projections.queries import ReadModels

__all__ = ["ReadModels", "projections"]
