"""Single-writer lock of a SQLite folder, and the control socket through which commands reach the server.

`alerts serve` holds `var/lock` while it runs. A command that writes calls the server through `var/control.sock` (mode
0600: the file's owner only); without a server it takes the lock and does the work itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from alerts.kernel.calls import Call, Json, Operation
from alerts.kernel.errors import DomainError, FieldError, Invalid, Unavailable

MAX_BYTES = 64 * 1024 * 1024
_LONGEST_PATH = 100
"""Maximum length of a socket's path; the limit of Linux is 107 bytes."""


class AlreadyRunning(Exception):
    """Another process has the database open for writing."""


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it when the process dies. Raises AlreadyRunning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"{path} is held: a server or another command is using this database") from None
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def serve_operations(path: Path, operations: Mapping[str, Operation]) -> AsyncIterator[None]:
    """Serve operations on the socket at `path` for the duration of the context; the folder's lock must be held."""

    async def answer(request: web.Request) -> web.Response:
        operation = operations.get(request.match_info["operation"])
        if operation is None:
            return web.json_response(
                {"error": "this server does not know that command: is it an older one?"}, status=404
            )
        try:
            return web.json_response(await operation(await request.json()))
        except DomainError as error:
            errors = [[e.field, e.message] for e in error.errors] if isinstance(error, Invalid) else []
            return web.json_response({"error": error.message, "errors": errors}, status=409)

    app = web.Application(client_max_size=MAX_BYTES)
    app.router.add_post("/{operation}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with _reachable(path) as short:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - left by a server that was killed; the lock says that it is gone
        mask = os.umask(0o177)
        try:
            await web.UnixSite(runner, short).start()
        finally:
            os.umask(mask)
        try:
            yield
        finally:
            await runner.cleanup()


@asynccontextmanager
async def connect(path: Path) -> AsyncIterator[Call | None]:
    """Yield a function that calls the server at `path`; None if there is none."""
    with _reachable(path) as short:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(short)) as session:

            async def call(operation: str, arguments: Json) -> Json:
                try:
                    async with session.post(
                        f"http://control/{operation}", json=arguments, timeout=aiohttp.ClientTimeout(total=None)
                    ) as answer:
                        body: Json = await answer.json()
                except aiohttp.ClientError as error:
                    raise Unavailable(
                        f"the server went away in the middle of this command ({error}); try again"
                    ) from error
                if answer.status != 200:
                    raise _error(body)
                return body

            yield call if await _is_there(session) else None


async def _is_there(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("http://control/", timeout=aiohttp.ClientTimeout(total=5)):
            return True
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def _error(body: Json) -> DomainError:

    errors = [FieldError(field, message) for field, message in body.get("errors", ())]
    return Invalid(body["error"], errors) if errors else DomainError(body["error"])


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """Form of the socket's path within the system's limit: a long one goes through the open folder in /proc/self/fd."""
    if len(os.fsencode(path)) <= _LONGEST_PATH or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
