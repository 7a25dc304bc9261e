"""Tables of the log: named in SQL by the recorders, and by few exceptions."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_NAMED = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|COPY|TABLE)\s+\"?(?:events|reactors|tracking)\b")
_OWN = {"alerts/eventlog/recorder.py", "alerts/eventlog/read_model.py"}
_EXCEPTIONS = {
    "alerts/backup/sqlite.py": "trims the proofs of a copy",
    "alerts/bench/log.py": "raw rows are the limit of an append",
    "alerts/eventlog/integrity/prover.py": "must not trust the recorder",
    "alerts/eventlog/integrity/verifier.py": "must not trust the recorder",
    "alerts/storage/generations.py": "is below the log",
}


def test_only_the_recorders_name_the_tables_of_the_log() -> None:
    named = {
        str(path.relative_to(ROOT))
        for room in ("alerts", "subscribers")
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".sql") and _NAMED.search(path.read_text(encoding="utf-8"))
    }
    assert named == _OWN | _EXCEPTIONS.keys()
