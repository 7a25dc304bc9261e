"""Command `alerts verify`: checks that the log is unaltered, and lists the events that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from alerts.app.connection import settings
from alerts.app.terminal import Json, Misuse, note, progress, show
from alerts.cli.atomic_file import atomic_file

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_WHAT_NOW = """\
What to do: keep a copy of the database as it is now, find out who could write to it, and shut them out. To go back to
a log that is whole, restore the last backup (`alerts restore` verifies it); what happened since must be taken from the
altered log by hand. A checkpoint kept elsewhere (--checkpoint) shows how far back the log can be relied on."""


def register(app: typer.Typer) -> None:
    """Register this command."""
    app.command("verify")(verify)


def verify(
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A checkpoint kept elsewhere that the log must extend; written there if there is none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the log is whole and unaltered; name every event that is not. Exit code 1 if there is one."""
    from alerts.app.verify import verify_log

    given = _read(checkpoint) if checkpoint is not None and checkpoint.exists() else None
    with progress("verifying", None) as tell:
        report = verify_log(settings(existing=True), against=given, progress=lambda done, total: tell(done))
    answer: Json = msgspec.to_builtins(report)
    if checkpoint is not None and given is None and report.checkpoint is not None:
        with atomic_file(checkpoint) as out:
            out.write(msgspec.json.encode(answer["checkpoint"]).decode() + "\n")
        note(f"the checkpoint is in {checkpoint}: keep it where nobody who can write to the database can write")
    show(answer, as_json=as_json, words=told)
    if not report.whole:
        raise typer.Exit(1)


def _read(file: Path) -> Any:
    """Read a checkpoint, alone or as part of the output of `alerts verify --json`."""
    from alerts.eventlog.integrity.merkle import Checkpoint

    try:
        found = msgspec.json.decode(file.read_bytes())
        return msgspec.convert(found.get("checkpoint", found), Checkpoint)
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError, AttributeError) as error:
        raise Misuse(f"{file} is no checkpoint as `alerts verify --json` prints it: {error}") from error


def told(answer: Json) -> str:
    """Describe a report in words."""
    young = answer["events"] - answer["proven"]
    lines = []
    if answer["whole"]:
        lines.append(f"The log is whole and unaltered: {answer['events']} events, up to position {answer['position']}.")
        if answer["since"]:
            lines.append(f"{answer['checkpoints']} signed checkpoints, the first of {answer['since']}.")
        elif answer["events"]:
            lines.append("Nothing is proven yet: the proofs begin with the next start of the server.")
        if young > 0 and answer["since"]:
            lines.append(f"{young} events are younger than the last proof.")
        if answer["compared"]:
            size, at = answer["compared"]["size"], answer["compared"]["at"]
            lines.append(f"It extends the checkpoint in the file, of {size} events at {at}.")
        if answer["checkpoint"]:
            lines.append(f"Merkle root: {answer['checkpoint']['root']}")
        return "\n".join(lines)
    lines.append(f"THE LOG WAS ALTERED: {answer['found']} findings among {answer['events']} events.")
    lines += [f"  {finding['words']}" for finding in answer["findings"]]
    if answer["found"] > len(answer["findings"]):
        lines.append(f"  and {answer['found'] - len(answer['findings'])} more")
    return "\n".join([*lines, _WHAT_NOW])
