"""Commands for suppression: suppress, lift."""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.app.connection import ask
from alerts.app.terminal import Json, show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Contact = Annotated[int, typer.Argument(help="The contact point's id, as GET /api/v1/subscribers/{id} shows it.")]


def register(app: typer.Typer) -> None:
    """Register these commands."""
    app.command()(suppress)
    app.command()(lift)


def suppress(
    contact_point: Contact,
    reason: Annotated[str, typer.Option(help="Why; it stands on record.")] = "by-hand",
    as_json: AsJson = False,
) -> None:
    """Never send to a contact point, whatever its person wishes."""
    answer = ask("suppress", {"contact_point": contact_point, "reason": reason})
    show(answer, as_json=as_json, words=_suppressed)


def lift(
    contact_point: Contact,
    reason: Annotated[str, typer.Option(help="Why it may be sent to again, such as a mended mailbox; on record.")],
    as_json: AsJson = False,
) -> None:
    """Send to a suppressed contact point again: after a hard bounce or a complaint only a person may say so."""
    answer = ask("lift", {"contact_point": contact_point, "reason": reason})
    show(answer, as_json=as_json, words=lambda said: f"contact point {said['contact_point']} is sent to again")


def _suppressed(answer: Json) -> str:
    return f"contact point {answer['contact_point']} is sent nothing any more ({answer['suppressed']})"
