"""A stack on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.integration.dispatch.stack import Stack


@pytest.fixture
def stack(databases: Databases, tmp_path: Path) -> Iterator[Stack]:
    """Everything but a worker, which a test starts in its own event loop."""
    made = Stack(databases, tmp_path)
    try:
        yield made
    finally:
        made.close()
