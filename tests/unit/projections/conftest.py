"""Fixtures of the read models' unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.projections.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """An empty log with empty read models."""
    made = World()
    yield made
    made.database.close()
