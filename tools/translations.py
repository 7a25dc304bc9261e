"""Bring the catalogues in alerts/locale/ up to date with the English one, and show how far each translation is.

python -m tools.translations [FOLDER]

`en.po` is the source: `messages.pot` is made from it, and each other catalogue gets the words that it lacks, without a
translation. A word whose English text has changed keeps its translation, marked fuzzy, until a translator confirms it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alerts.locale.po_catalog import PoCatalog, po_bytes, read_catalog

FOLDER = Path(__file__).resolve().parents[1] / "alerts" / "locale"
SOURCE, TEMPLATE = "en.po", "messages.pot"
HEADER = """\
# Words in messages and pages of Community Alerts.
# This file is distributed under the licence of Community Alerts (MIT)."""


@dataclass(frozen=True)
class Progress:
    """Count of one catalogue's words."""

    language: str
    words: int
    missing: int
    fuzzy: int
    reviewed_by: str

    def __str__(self) -> str:
        done = self.words - self.missing - self.fuzzy
        share = f"{100 * done // max(self.words, 1)} %"
        reviewed = f"reviewed by {self.reviewed_by}" if self.reviewed_by else "not reviewed by a native speaker"
        return f"{self.language:<6} {share:>5} translated, {self.missing} missing, {self.fuzzy} fuzzy, {reviewed}"


def refresh(folder: Path, now: datetime) -> list[Progress]:
    """Write the template and the catalogues anew where something changed. Returns the progress of each language."""
    english = _english(read_catalog(folder / SOURCE))
    template = _template(folder / TEMPLATE, english, now)
    found = [_save(folder / SOURCE, english)]
    for path in sorted(folder.glob("*.po")):
        if path.name != SOURCE:
            catalog = read_catalog(path)
            merge(catalog, template)
            found.append(_save(path, catalog))
    return found


def merge(catalog: PoCatalog, template: PoCatalog) -> None:
    """Take the names and the order of the template. A word with a new English text is fuzzy, beside its former text."""
    old = {message.context: message for message in catalog.messages()}
    former: dict[str | None, list[str]] = {}
    for message in template.messages():
        had = old.get(message.context)
        if had is None:
            continue
        former[message.context] = list(had.previous_id)
        if had.id != message.id:
            catalog.delete(str(had.id), had.context)
            changed = {"fuzzy"} if had.string else set()
            catalog.add(message.id, had.string, flags=changed, context=message.context, user_comments=had.user_comments)
            former[message.context] = [str(had.id)] if changed else []
    catalog.update(template, no_fuzzy_matching=True)
    for message in catalog.messages():
        message.previous_id = former.get(message.context, []) if message.fuzzy else []


def main(arguments: list[str]) -> int:
    """Refresh and print one line a language."""
    for progress in refresh(Path(arguments[0]) if arguments else FOLDER, datetime.now(UTC)):
        print(progress)
    return 0


def _english(catalog: PoCatalog) -> PoCatalog:
    """The English catalogue, with each text as its own translation."""
    for message in catalog.messages():
        message.string = message.id
        message.flags.discard("fuzzy")
        message.previous_id = []
    return catalog


def _template(path: Path, english: PoCatalog, now: datetime) -> PoCatalog:
    """Write the template of all translations. It keeps its date: two changes would conflict in that line alone."""
    template = PoCatalog()
    template.header_comment = HEADER
    template.project, template.version, template.msgid_bugs_address = english.project, english.version, ""
    template.last_translator = template.language_team = ""
    for message in english.messages():
        template.add(message.id, context=message.context, auto_comments=message.auto_comments)
    template.creation_date = read_catalog(path).creation_date if path.exists() else now
    path.write_bytes(po_bytes(template))
    english.creation_date = template.creation_date
    return template


def _save(path: Path, catalog: PoCatalog) -> Progress:
    path.write_bytes(po_bytes(catalog))
    messages = catalog.messages()
    return Progress(
        language=path.stem,
        words=len(messages),
        missing=sum(not message.string for message in messages),
        fuzzy=sum(bool(message.string) and message.fuzzy for message in messages),
        reviewed_by=catalog.extensions.get("X-Reviewed-By", ""),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
