"""`alerts backup` and `alerts restore`."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from alerts.app.connection import settings
from alerts.app.terminal import Json, note, show
from alerts.cli.verify import told as verified

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Register these commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    dest: Annotated[Path, typer.Argument(help="A new folder.")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Copy master.key and secret.key too (else keep them elsewhere).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the log, the queue and the wrapped keys, consistent while the server runs."""
    from alerts.backup.backup import backup as make

    made, report = make(settings(existing=True), dest, with_keys=with_keys)
    answer: Json = {"dest": str(dest), **msgspec.to_builtins(made)}
    answer.pop("parts"), answer.pop("tables")
    show(
        answer,
        as_json=as_json,
        words=lambda a: f"{dest}: {a['events']} events, up to position {a['position']}. Read models are left out.",
    )
    if made.keys:
        note("The key files are in it: who has this backup can read all that people gave.")
    else:
        note("The master key and the secret key are NOT in it: without them it cannot be used. Keep them elsewhere.")
    if not report.whole:
        note(f"Beware: what was backed up was altered before.\n{verified(msgspec.to_builtins(report))}")


def restore(
    src: Annotated[Path, typer.Argument(help="A folder that `alerts backup` made.")],
    force: Annotated[bool, typer.Option("--force", help="Put it in the place of the database that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in place and prove it; stop the server first."""
    from alerts.backup.restore import restore as put

    _keys_from(src)
    done = put(settings(), src, force=force)
    answer: Json = {
        "made_at": msgspec.to_builtins(done.manifest.made_at),
        "position": done.report.position,
        "events": done.report.events,
        "whole": done.report.whole,
        "generation": done.generation,
        "aside": done.aside,
        "report": msgspec.to_builtins(done.report),
    }
    show(answer, as_json=as_json, words=_restored)
    age = datetime.now(UTC) - done.manifest.made_at
    how_old = f"{age.days} days" if age.days else f"{age.seconds // 3600} h {age.seconds % 3600 // 60} min"
    note(
        f"The backup is {how_old} old. What came after it is not there: erase once more whoever was erased since, and\n"
        "expect that messages which were sent since are sent again."
    )
    if not done.report.whole:
        raise typer.Exit(1)


def _restored(answer: Json) -> str:
    lines = ["The backup is in place, and was verified.", verified(answer["report"])]
    lines.append(f"Read models of generation {answer['generation']} are computed.")
    lines += [f"Put aside: {name} (remove it when you no longer need it)" for name in answer["aside"]]
    return "\n".join(lines)


def _keys_from(source: Path) -> None:
    """Copy the key files of a backup, before the settings create new ones, if the embedded database has none."""
    from alerts.settings import environment

    url = environment(os.environ).get("ALERTS_DATABASE_URL", "sqlite:///var/alerts.db")
    if not url.startswith("sqlite:///"):
        return
    folder = Path(url.removeprefix("sqlite:///")).parent
    for name in ("master.key", "secret.key"):
        if (source / name).is_file() and not (folder / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch(0o600)
            shutil.copyfile(source / name, folder / name)
