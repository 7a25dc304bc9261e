"""Atomic file writes, readable by the owner only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def atomic_file(file: Path) -> Iterator[TextIO]:
    """Open a text file for writing; `file` is replaced when the block succeeds, and unchanged otherwise."""
    draft = file.with_name(f".{file.name}.part")
    draft.unlink(missing_ok=True)  # left by an export that was killed
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(descriptor)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
