"""The commands in memory; with `@on_both` on both databases.

Every statement of the commands' own SQL is run by some test on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.command_rig import CommandRig


@pytest.fixture(params=["memory"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Memory alone: decisions do not depend on the database, unless a test says so by `@on_both`."""
    return str(request.param)


@pytest.fixture
def rig(dialect: str, request: pytest.FixtureRequest) -> Iterator[CommandRig]:
    """The commands, with the built-in topics defined."""
    if dialect == "memory":
        made = CommandRig.in_memory()
    else:
        made = CommandRig.on(request.getfixturevalue("databases"))
    asyncio.run(made.commands.define_built_in_topics())
    try:
        yield made
    finally:
        made.close()
