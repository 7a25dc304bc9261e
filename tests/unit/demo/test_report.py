"""The report's tables: every word legible on a terminal of 80 columns."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from alerts.demo import judge, report
from alerts.demo.oracle import Expected
from alerts.demo.residents import Resident
from alerts.demo.story import tellings

REFUSED = "550 5.1.1 no such mailbox"


def verdicts() -> dict[str, judge.Verdict]:
    """Each notice of the story, as large as the demonstration's."""
    made = {}
    for telling in tellings():
        progress = {"people": 2494, "unreachable": 37, "late": 1, "p50_s": 13.24, "p95_s": 13.9}
        arrived = judge.Arrived(progress)
        for number in range(1669):
            arrived.deliveries[f"r{number}", "email"] = {"state": "sent", "reason": "", "attempts": [1]}
        arrived.deliveries["ivo", "email"] = {"state": "failed-permanent", "reason": REFUSED, "attempts": [1]}
        arrived.deliveries["jo", "email"] = {"state": "sent", "reason": "", "attempts": [1, 2]}
        arrived.deliveries["nia", "sms"] = {"state": "superseded", "reason": "", "attempts": []}
        made[telling.key] = judge.Verdict(telling, Expected(), arrived)
    return made


def printed(table: Table, width: int) -> str:
    out = StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_no_heading_and_no_number_is_cut(width: int) -> None:
    said = printed(report.notices_table(list(verdicts().values())), width)
    assert "…" not in said and all(len(line) <= width for line in said.splitlines())
    heading = next(line for line in said.splitlines() if "notice" in line)
    assert heading.split() == ["notice", "due", "e-mail", "text", "push", "held", "half/95", "%", "as", "due"]
    row = next(line for line in said.splitlines() if line.strip().startswith("closure"))
    assert row.split()[-8:] == ["2,494", "1,670", "0", "0", "0", "13/14", "s", "yes"]
    flat = " ".join(said.split())
    assert "37 due, but nothing reaches them" in flat and "1 reached at the second try" in flat and REFUSED in flat


def test_a_resident_stands_with_outcomes_and_reason() -> None:
    person = Resident("ivo", {}, name="Ivo Gone", note="his mailbox refuses for good", expects={"gas": "sent"})
    said = " ".join(printed(report.residents_table([person], verdicts(), {"ivo": "gas: inside"}), 80).split())
    assert "gas: failed-permanent" in said and "gas: expected sent" in said and "gas: inside" in said
