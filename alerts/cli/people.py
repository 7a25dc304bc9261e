"""Commands about subscribers: import, export, erase."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alerts.cli.output import Failed, note, progress, show
from alerts.cli.session import ask, with_product

if TYPE_CHECKING:
    from alerts.control import Call, Json

IMPORT_BATCH, EXPORT_PAGE = 500, 500
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(import_people)
    app.command("export")(export_people)
    app.command("erase")(erase)


def import_people(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file, in UTF-8.")],
    dry_run: Annotated[bool, typer.Option(help="Check every row, and keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take in subscribers from a CSV file.

    Rows that cannot be taken are reported one by one and the others kept. After a break the same file may be imported
    again: whoever is there already is left as they are.

    Columns, of which a row needs email or phone: email, phone, language, timezone, places ("51.48,-0.09,1.5 |
    southwark": latitude, longitude, radius in km, or a place's slug), topics, severity_at_least, channels, frequency,
    quiet_from, quiet_to, wake_for, danger_to_life, tester, consent_wording, consent_given_at, consent_how. Whoever
    has no consent is asked to confirm.
    """
    from alerts.domain.words.errors import Invalid
    from alerts.transfer import body_of, read_rows

    async def work(call: Call) -> Json:
        total: Json = {"taken": 0, "known": 0, "refused": []}
        batch: list[Json] = []

        async def send() -> None:
            answer = await call("subscribers-import", {"rows": batch, "dry_run": dry_run})
            for key in total:
                total[key] += answer[key]
            batch.clear()

        with progress("subscribers", None) as tell:
            for line, row in read_rows(file):
                try:
                    batch.append({"line": line, "body": body_of(row)})
                except Invalid as error:
                    first = error.errors[0]
                    total["refused"].append({"line": line, "field": first.field, "reason": first.message})
                if len(batch) == IMPORT_BATCH:
                    await send()
                    tell(total["taken"] + total["known"])
            if batch:
                await send()
        return total

    answer = with_product(work)
    answer["refused"].sort(key=lambda r: r["line"])
    show(answer, as_json=as_json, words=lambda a: _report(a, dry_run=dry_run))
    if answer["refused"] and not answer["taken"] + answer["known"]:
        raise Failed("no row could be taken")


def export_people(file: Annotated[Path, typer.Argument(help="Where to; it is written whole or not at all.")]) -> None:
    """Write every living subscriber to a CSV file that only you can read; `alerts import` takes it back."""
    from alerts.transfer import COLUMNS

    draft = file.with_name(f".{file.name}.part")

    async def work(call: Call) -> int:
        count, cursor = 0, None
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as out, progress("subscribers", None) as tell:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            while True:
                page = await call("subscribers-export", {"cursor": cursor, "limit": EXPORT_PAGE})
                writer.writerows(page["items"])
                count += len(page["items"])
                tell(count)
                cursor = page["next"]
                if cursor is None:
                    return count

    count = with_product(work)
    draft.replace(file)
    note(f"{count} subscribers written to {file}")


def erase(
    subscriber_id: Annotated[str, typer.Argument(help="The person's id, as GET /api/v1/subscribers names it.")],
    as_json: AsJson = False,
) -> None:
    """Destroy a person's key and data at once and for good, and print the certificate."""
    show(
        ask("erase", {"id": subscriber_id}),
        as_json=as_json,
        words=lambda a: (
            f"Certificate of erasure\nsubscriber {a['id']}\nat {a['at']}, log position {a['position']}\n"
            "The key is destroyed: what was sealed under it is unreadable for ever."
        ),
    )


def _report(answer: Json, *, dry_run: bool) -> str:
    lines = [f"line {r['line']}: {r['field'] + ': ' if r['field'] else ''}{r['reason']}" for r in answer["refused"]]
    did = "could be taken" if dry_run else "taken"
    return "\n".join(
        [*lines, f"{answer['taken']} {did}, {answer['known']} were there already, {len(answer['refused'])} refused"]
    )
