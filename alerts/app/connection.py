"""Connection of a CLI command to the product: through the running server, or by opening it in this process."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from alerts.app.terminal import Failed, note
from alerts.kernel.errors import Unavailable
from alerts.settings import Settings, SettingsError, environment, load, missing_default_database, unknown

if TYPE_CHECKING:
    from alerts.kernel.calls import Call, Json

T = TypeVar("T")
_acting_as: ContextVar[str | None] = ContextVar("member who acts", default=None)


def settings(*, existing: bool = False) -> Settings:
    """Load this process's settings from the environment and `.env`.

    `existing`: refuse to make keys and a database in whatever folder a command is run in. Raises Failed.
    """
    try:
        values = environment(os.environ)
        if existing and (file := missing_default_database(values)) is not None:
            raise Failed(
                f"there is no database at {file}: run this in the folder of your instance, name it in "
                "ALERTS_DATABASE_URL, or make a new one here with `alerts migrate`"
            )
        for name in unknown(values):
            note(f"alerts: {name} is not a setting (misspelt?); `alerts doctor` lists them")
        return load(values, terminal=sys.stderr.isatty())
    except SettingsError as error:
        raise Failed(str(error)) from error


@asynccontextmanager
async def connected(chosen: Settings, *, counting: bool = True) -> AsyncIterator[Call]:
    """Connect to `alerts.operations`: in the server that holds the database, else in this process.

    `counting`: load audiences too.
    """
    from alerts.operations.control_socket import (  # here, since aiohttp takes a quarter of a second to load
        AlreadyRunning,
        connect,
        lock,
    )

    if chosen.on_sqlite:
        async with connect(chosen.control_socket) as call:
            if call is not None:
                yield _signed(call)
                return
    with ExitStack() as held:
        if chosen.on_sqlite:
            try:
                held.enter_context(lock(chosen.lock_file))
            except AlreadyRunning as error:
                raise Unavailable(f"{error}; it does not answer yet: try again in a moment") from error
        from alerts.app import bootstrap
        from alerts.app.process import spare_the_collector
        from alerts.operations import build_operations

        app = bootstrap.build(chosen)
        await app.start(counting=counting)
        spare_the_collector()
        try:
            operations = build_operations(app.services, app.runner, app.rebuild)

            async def here(operation: str, arguments: Json) -> Json:
                return await operations[operation](arguments)

            yield _signed(here)
        finally:
            await app.stop()


def act_as(address: str | None) -> None:
    """Name the member of the team in whose name this command acts (`alerts --as`); None for the operator alone."""
    _acting_as.set(address)


def _signed(call: Call) -> Call:
    """Add to each operation who acts: the system's user, and the member named by `--as`."""
    by = {"user": _user(), "as": _acting_as.get()}

    async def signed(operation: str, arguments: Json) -> Json:
        return await call(operation, {**arguments, "by": by})

    return signed


def _user() -> str:
    """Return the name of the system's user; their number if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such entry in a container
        return str(os.getuid())


def ask(operation: str, arguments: Json) -> Json:
    """Run one operation from a command's function."""

    async def one() -> Json:
        async with connected(settings(existing=True)) as call:
            return await call(operation, arguments)

    return asyncio.run(one())


def with_product(work: Callable[[Call], Awaitable[T]]) -> T:
    """Run several operations over one connection, without audiences."""

    async def several() -> T:
        async with connected(settings(existing=True), counting=False) as call:
            return await work(call)

    return asyncio.run(several())
