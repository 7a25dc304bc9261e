"""Type names of the operations that a running product answers, and of a progress display."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

Json = dict[str, Any]
Operation = Callable[[Json], Awaitable[Json]]
Call = Callable[[str, Json], Awaitable[Json]]
"""(operation, arguments) → answer. Raises DomainError with words."""
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""(subject, total) → a context whose value takes the number done so far."""
