"""Life cycle of one process: the components, the web, the control socket, the signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from aiohttp import web

from alerts.app import bootstrap
from alerts.app.exposure import check_address, first_administrator
from alerts.app.terminal import note
from alerts.net.loopback import is_loopback
from alerts.operations import build_operations
from alerts.operations.control_socket import lock, serve_operations
from alerts.settings import Settings

ROLES = ("web", "worker", "scheduler")
_GC = (20_000, 20, 20)
"""Thresholds of the garbage collector.

With Python's default of 700, every seventh command would pay for a collection, mostly for nothing.
"""
STOP_S = 6.0
"""Seconds that open connections may take to end; messages in flight get a second more, in parallel."""

_log = logging.getLogger("alerts.serve")


class CannotListen(Exception):
    """The address or port cannot be bound; the text is the system's reason."""


async def serve(settings: Settings, *, host: str, port: int | None, roles: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises `control_socket.AlreadyRunning` if another server has the database.

    With the role web everything is served at `host` and `port`; without it only health and metrics, and nothing at all
    if `port` is None.
    """
    whole = port is not None and "web" in roles
    if whole:
        check_address(settings, host)
    async with AsyncExitStack() as stack:
        if settings.on_sqlite:
            stack.enter_context(lock(settings.lock_file))
        app = bootstrap.build(settings, roles)
        stack.push_async_callback(app.stop)
        await app.start()
        if settings.on_sqlite:
            operations = build_operations(app.services, app.runner, app.rebuild)
            await stack.enter_async_context(serve_operations(settings.control_socket, operations))
        if whole and (words := await first_administrator(app.services, app.commands, host)):
            note(words)  # on the terminal alone: a log that is collected must not hold what signs somebody in
        if port is not None:
            await _listen(stack, app, host, port, whole=whole)
        if port is not None and whole:
            _warn_of_address(settings, host, port)
        if settings.allow_private_targets:
            _log.warning(
                "push and webhook targets may be private addresses: whoever may add one can reach machines behind your "
                "firewall; unset ALERTS_ALLOW_PRIVATE_TARGETS unless this is a test"
            )
        spare_the_collector()
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await stopping.wait()
        _log.info("stopping")
        app.wind_down()  # while open connections end


def spare_the_collector() -> None:
    """Freeze loaded objects out of garbage collection, and make collections rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC)


def _warn_of_address(settings: Settings, host: str, port: int) -> None:
    """Log warnings for addresses that are right on a local machine and wrong elsewhere."""
    if settings.inbox and not is_loopback(host):
        _log.warning(
            "everybody who can reach %s can read all messages at /inbox, which stands while the public URL is a "
            "loopback address; set ALERTS_PUBLIC_URL to the address that people use",
            host,
        )
    if settings.inbox and port and urlsplit(settings.public_url).port != port:
        _log.warning(
            "links lead to %s, and this process serves on port %d: set ALERTS_PUBLIC_URL to the address that people "
            "use, or leave out --port",
            settings.public_url,
            port,
        )


async def _listen(stack: AsyncExitStack, app: bootstrap.App, host: str, port: int, *, whole: bool) -> None:
    from alerts.web import health
    from alerts.web.http.app import build
    from alerts.web.http.connections import ConnectionLimits, listening

    application = build(app.services) if whole else build(app.services, (health.routes,))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    limits = ConnectionLimits(app.settings.connections, app.settings.connections_per_peer)
    try:
        await stack.enter_async_context(listening(runner, host, port, limits))
    except OSError as error:
        raise CannotListen(error.strerror or str(error)) from error
    _log.info("serving", extra={"url": app.services.settings.public_url, "host": host, "port": port})
