"""Commands for subscribers: import, export, erase."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alerts.app.connection import ask, with_product
from alerts.app.terminal import Failed, note, progress, show
from alerts.cli.rejected_rows import RejectedRowsReport

if TYPE_CHECKING:
    from alerts.kernel.calls import Call, Json

EXPORT_PAGE = 500
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Register these commands."""
    app.command("import")(import_people)
    app.command("export")(export_people)
    app.command("erase")(erase)


def import_people(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file, in UTF-8.")],
    dry_run: Annotated[bool, typer.Option(help="Check every row, and keep nothing.")] = False,
    again: Annotated[bool, typer.Option(help="Take a file that was imported before once more from its start.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the refused rows to this CSV file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take in subscribers from a CSV file.

    Rows that cannot be taken are reported one by one and the others kept. After a break the same file goes on where it
    was; one that is through takes nothing a second time. Whoever is there already is left as they are.

    Columns, of which a row needs email, phone or push: email, phone, push, language, timezone, places
    ("51.48,-0.09,1.5 | southwark": latitude, longitude, radius in km, or a place's slug), topics, severity_at_least,
    channels, frequency, quiet_from, quiet_to, wake_for, danger_to_life, tester, paused_until, consent_wording,
    consent_given_at, consent_how. Whoever has no consent is asked to confirm. Cells stand between commas, semicolons or
    tabs.
    """
    from alerts.import_export.client import Import
    from alerts.kernel.errors import Invalid

    try:
        with RejectedRowsReport("line", report) as refused:
            answer = with_product(Import(file, refused, progress, dry_run=dry_run, again=again).run)
    except Invalid as error:
        raise Failed(f"{file}: {error}") from error
    show(answer, as_json=as_json, words=lambda a: _report(a, dry_run=dry_run))
    if answer["refused_count"] and not answer["taken"] + answer["known"]:
        raise Failed("no row could be taken")


def export_people(
    file: Annotated[Path, typer.Argument(help="Where to; it is written whole or not at all.")],
    as_json: AsJson = False,
) -> None:
    """Write every living subscriber to a CSV file that only you can read; `alerts import` takes it back.

    Contact points that must not be sent to, or were never shown to be theirs, stay here.
    """
    from alerts.cli.atomic_file import atomic_file
    from alerts.import_export.csv_format import COLUMNS

    async def work(call: Call) -> int:
        count, cursor = 0, None
        export = (await call("export-begin", {}))["export"]
        with atomic_file(file) as out, progress("subscribers", None) as tell:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            while True:
                page = await call("subscribers-export", {"export": export, "cursor": cursor, "limit": EXPORT_PAGE})
                writer.writerows(page["items"])
                count += len(page["items"])
                tell(count)
                cursor = page["next"]
                if cursor is None:
                    break
        await call("export-finish", {"export": export, "people": count})
        return count

    count = with_product(work)
    if as_json:
        show({"subscribers": count, "file": str(file)}, as_json=True, words=str)
    else:
        note(f"{count} subscribers written to {file}")


def erase(
    subscriber_id: Annotated[str, typer.Argument(help="The person's id, as GET /api/v1/subscribers names it.")],
    as_json: AsJson = False,
) -> None:
    """Destroy a person's key and data at once and for good, and print the certificate."""
    show(
        ask("erase", {"id": subscriber_id}),
        as_json=as_json,
        words=_certificate,
    )


def _certificate(answer: Json) -> str:
    done = f"subscriber {answer['id']}\nat {answer['at']}, log position {answer['position']}\n"
    if answer["erased_before"]:
        return f"There was nothing left to erase: this person's data were erased before.\n{done}".rstrip()
    return f"Certificate of erasure\n{done}The key is destroyed: what was sealed under it is unreadable for ever."


def _report(answer: Json, *, dry_run: bool) -> str:
    words = (
        f"{answer['taken']} {'could be taken' if dry_run else 'taken'}, {answer['known']} were there already, "
        f"{answer['refused_count']} refused"
    )
    if answer["finished_before"]:
        return (
            f"This file was imported before, at {answer['started_at']}: {words}. Nothing was taken now (see --again)."
        )
    return f"{words} (it went on at row {answer['resumed_at'] + 1})" if answer["resumed_at"] else words
