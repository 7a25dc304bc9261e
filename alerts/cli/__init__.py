"""Command line: thin, one function per command. The operations are in `alerts.operations`."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from alerts.app.connection import act_as
from alerts.app.terminal import Failed, Misuse, complain
from alerts.cli import (
    access,
    backup,
    export_site,
    inspect,
    organisations,
    places,
    subscribers,
    suppressions,
    verify,
)
from alerts.cli import (
    run as serving,
)
from alerts.kernel.errors import DomainError, Invalid

LATER = ("rehearse",)
"""Commands named in the contract that do not exist yet."""


class CommandGroup(typer.core.TyperGroup):
    """Command group that reports a command of a later version as such, not as a misspelling."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in LATER:
            raise Misuse(f"`alerts {args[0]}` is not available in this version")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "Community Alerts: tells the people of a place what happened, when it concerns them, with the reason "
        "on record.\n\n"
        "Begin with `alerts demo`, or with `alerts serve` and `alerts team add you@example.org --role admin`. "
        "Settings are environment variables or a .env file; `alerts doctor` lists and checks them."
    ),
)


@app.callback()
def main(
    as_member: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="The member of the team who acts, for the log.")
    ] = None,
) -> None:
    """Take the options that every command has."""
    act_as(as_member)


for module in (
    serving,
    access,
    organisations,
    places,
    subscribers,
    suppressions,
    inspect,
    verify,
    backup,
    export_site,
):
    module.register(app)


def _acting_first(arguments: list[str]) -> list[str]:
    """Move `--as EMAIL` to the front, where it may stand after the command too."""
    for at, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--as" or argument.startswith("--as="):
            end = at + 1 if "=" in argument else at + 2
            return [*arguments[at:end], *arguments[:at], *arguments[end:]]
    return arguments


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 wrong use."""
    try:
        app(_acting_first(list(arguments)), prog_name="alerts")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (Misuse, Invalid) as error:
        complain(error)
        return 2
    except (DomainError, Failed) as error:
        complain(error)
        return 1
    except PermissionError as error:
        complain(Failed(_not_permitted(error)))
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # prevents a second error at exit
        return 1
    return 0


def _not_permitted(error: PermissionError) -> str:
    """Name the file, the user who asked and the one to whom it belongs."""
    path = Path(os.fsdecode(error.filename or ".")).absolute()
    there = path
    while not _exists(there) and there != there.parent:
        there = there.parent
    try:
        owner = f"; {there} belongs to {there.owner()}"
    except (OSError, KeyError):
        owner = ""
    return (
        f"this user ({_user()}) may not use {path}{owner}: run the command as the user that the product runs as, in "
        "its folder"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
