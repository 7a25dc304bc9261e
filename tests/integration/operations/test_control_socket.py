"""The lock and the control socket: one writer a folder, and commands that reach it."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.kernel.calls import Json
from alerts.kernel.errors import DomainError, Invalid, Unavailable
from alerts.operations.control_socket import AlreadyRunning, connect, lock, serve_operations


async def echo(arguments: Json) -> Json:
    return {"heard": arguments}


async def refuse(arguments: Json) -> Json:
    raise Invalid.field("email", "this is no e-mail address")


async def forbid(arguments: Json) -> Json:
    raise DomainError("there is a source of that name")


OPERATIONS = {"echo": echo, "refuse": refuse, "forbid": forbid}


async def test_a_command_is_answered_and_errors_keep_their_words(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    async with serve_operations(socket, OPERATIONS), connect(socket) as call:
        assert call is not None
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert await call("echo", {"name": "ü"}) == {"heard": {"name": "ü"}}
        with pytest.raises(Invalid) as caught:
            await call("refuse", {})
        assert caught.value.errors[0].field == "email"
        with pytest.raises(DomainError, match="of that name"):
            await call("forbid", {})
        with pytest.raises(DomainError, match="older one"):
            await call("unheard-of", {})


async def test_a_dead_servers_socket_counts_as_no_server(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    async with connect(socket) as call:
        assert call is None
    code = f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(socket)!r}); s.listen()"
    subprocess.run([sys.executable, "-c", code], check=True)  # ends, and leaves its socket behind
    assert socket.exists()
    async with connect(socket) as call:
        assert call is None
    async with serve_operations(socket, OPERATIONS), connect(socket) as call:
        assert call is not None


async def test_a_server_that_goes_away_is_told_in_words(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    async with connect(socket) as call:
        assert call is None
    async with serve_operations(socket, OPERATIONS):
        client = connect(socket)
        call = await client.__aenter__()
        assert call is not None
    with pytest.raises(Unavailable, match="went away"):
        await call("echo", {})
    await client.__aexit__(None, None, None)


async def test_a_path_longer_than_the_system_takes_works_too(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    folder.mkdir(parents=True)
    socket = folder / "control.sock"
    assert len(str(socket)) > 107
    async with serve_operations(socket, OPERATIONS), connect(socket) as call:
        assert call is not None
        assert await call("echo", {}) == {"heard": {}}


def test_the_lock_is_one_processes_and_goes_with_it(tmp_path: Path) -> None:
    file = tmp_path / "var" / "lock"
    code = (
        "import sys, time; from pathlib import Path; from alerts.operations.control_socket import lock\n"
        f"with lock(Path({str(file)!r})): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(AlreadyRunning, match="is held"), lock(file):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with lock(file):
        assert file.exists()


async def test_many_commands_at_once(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    async with serve_operations(socket, OPERATIONS), connect(socket) as call:
        assert call is not None
        answers = await asyncio.gather(*(call("echo", {"n": n}) for n in range(50)))
    assert answers == [{"heard": {"n": n}} for n in range(50)]
