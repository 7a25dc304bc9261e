"""Commands that run the product: serve, worker, scheduler, migrate, demo, bench, doctor."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from typing import Annotated
from urllib.parse import urlsplit

import typer

from alerts.app.connection import settings
from alerts.app.terminal import Failed, Misuse, note
from alerts.cli.supervisor import Supervisor
from alerts.settings import Settings

ROLES = ("web", "worker", "scheduler")
HealthHost = Annotated[str, typer.Option(help="Address for that port (default: this machine alone).")]
HealthPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Port for /healthz, /readyz and /metrics (default: none).")
]


def register(app: typer.Typer) -> None:
    """Register these commands."""
    for command in (serve, worker, scheduler, migrate, demo, doctor, bench):
        app.command()(command)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="Port to listen on (default: the public URL's, behind a proxy your own)."),
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes (PostgreSQL).")] = 1,
    roles: Annotated[str, typer.Option(help="What this process does: web, worker, scheduler.")] = ",".join(ROLES),
) -> None:
    """Run the product: everything in one process by default."""
    chosen, parts = settings(), [r.strip() for r in roles.split(",") if r.strip()]
    if not parts or set(parts) - set(ROLES):
        raise Misuse(f"--roles takes {', '.join(ROLES)}, separated by commas")
    if chosen.on_sqlite and (workers > 1 or set(parts) != set(ROLES)):
        raise Misuse(
            "on SQLite one process does everything: leave --workers and --roles out, or use postgresql:// "
            "(ALERTS_DATABASE_URL), where any number of processes share the work"
        )
    with Supervisor([sys.executable, "-m", "alerts", "worker"], workers - 1):
        _serve(chosen, parts, host, port or (_port(chosen) if "web" in parts else None))


def worker(host: HealthHost = "", port: HealthPort = None) -> None:
    """Run the sending role alone (PostgreSQL)."""
    _serve_role("worker", host, port)


def scheduler(host: HealthHost = "", port: HealthPort = None) -> None:
    """Run the scheduling role alone (PostgreSQL)."""
    _serve_role("scheduler", host, port)


def migrate() -> None:
    """Bring the database's schema up to date; safe to run twice and while running."""
    from alerts.app import schema

    chosen = settings()
    applied = schema.migrate_all(chosen)
    note("\n".join(f"applied {name}" for name in applied) or "nothing to do: the schema is up to date")
    if position := _write_checkpoint(chosen):
        note(f"everybody is kept as they stand at position {position}: the next start need not read the log")


def demo(
    once: Annotated[
        bool, typer.Option(help="Run the story, compare with who was due, and exit 0 only if all is right.")
    ] = False,
    kill: Annotated[bool, typer.Option(help="Kill the server in mid-dispatch (twice) and go on.")] = False,
) -> None:
    """The main job on a real place: 5,000 made-up residents of London, alerts, a closing, and who got what and why."""
    import os

    from alerts.demo.command import play

    raise typer.Exit(play(once=once, kill=kill, env=os.environ))


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """Check settings, database, mail, push, texts, DNS and clock, and say how to mend what is found."""
    from alerts.doctor import examine

    raise typer.Exit(examine(as_json=as_json))


def bench(
    only: Annotated[
        str,
        typer.Option(
            help="append, commands, readers, projection, import, audience, restart, fan-out, mail, workers, push, sms."
        ),
    ] = "",
    sizes: Annotated[str, typer.Option(help="How large, such as 10k,100k,1m.")] = "10k,100k",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """The benchmarks, each beside its limit in the same run."""
    from alerts.bench import run

    raise typer.Exit(run(only=only, sizes=sizes, as_json=as_json))


def _write_checkpoint(chosen: Settings) -> int | None:
    """Write the audience checkpoint for the next start, unless a server is running, which does so itself."""
    from alerts.app import schema
    from alerts.operations.control_socket import AlreadyRunning, lock

    with ExitStack() as held:
        if chosen.on_sqlite:
            try:
                held.enter_context(lock(chosen.lock_file))
            except AlreadyRunning:
                return None
        return schema.prepare_audience(chosen)


def _serve_role(role: str, host: str, port: int | None) -> None:
    chosen = settings()
    if chosen.on_sqlite:
        raise Misuse(f"on SQLite `alerts serve` does everything; `alerts {role}` is for PostgreSQL")
    _serve(chosen, [role], host, port)


def _port(chosen: Settings) -> int:
    """Default port: that of the public URL if it is a loopback address; 8080 behind a proxy."""
    return (urlsplit(chosen.public_url).port or 8080) if chosen.inbox else 8080


def _serve(chosen: Settings, roles: list[str], host: str, port: int | None) -> None:
    from alerts.app.process import CannotListen
    from alerts.app.process import serve as run
    from alerts.operations.control_socket import AlreadyRunning

    host = host or "127.0.0.1"
    try:
        _loop_runner(run(chosen, host=host, port=port, roles=roles))
    except AlreadyRunning as error:
        raise Failed(f"{error}; stop it first") from error
    except CannotListen as error:
        raise Failed(f"cannot listen on {host}:{port}: {error}") from error


def _loop_runner(work: object) -> None:
    """Run with uvloop if installed: it sends about a third more in the same time."""
    try:
        import uvloop

        uvloop.run(work)  # type: ignore[arg-type]
    except ImportError:
        asyncio.run(work)  # type: ignore[arg-type]
