"""Command `alerts export-site`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alerts.app.connection import with_product
from alerts.app.terminal import Json, Misuse, show


def register(app: typer.Typer) -> None:
    """Register this command."""
    app.command("export-site")(export_site)


def export_site(
    dest: Annotated[Path, typer.Argument(help="A folder; it is made if it is not there.")],
    url: Annotated[str, typer.Option(help="Where the copy will stand (default: ALERTS_PUBLIC_URL).")] = "",
    days: Annotated[int, typer.Option(min=0, help="How far back notices that are over are in it.")] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write the public pages and feeds as files for a host that stands by; again and again, only what changed."""
    if url and not url.startswith(("https://", "http://")):
        raise Misuse("--url takes the address of the copy, such as https://alerts-copy.example.org")
    arguments: Json = {"dest": str(dest.absolute()), "url": url, "days": days}
    answer = with_product(lambda call: call("export-site", arguments))
    show(answer, as_json=as_json, words=lambda a: f"{dest}: {a['files']} files, {a['written']} of them new or changed")
