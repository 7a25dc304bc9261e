"""What goes wrong inside the event log and is put right there."""

from __future__ import annotations


class ConcurrencyConflict(Exception):
    """Somebody else was first: the transaction is rolled back and the command is decided afresh."""
