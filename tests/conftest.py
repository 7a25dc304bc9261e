"""Fixtures that every test may use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path short enough for a unix socket (pytest's own may be too long)."""
    with tempfile.TemporaryDirectory(prefix="al-", dir="/tmp") as folder:
        yield Path(folder)
