"""Output of the demonstration: progress, a table of notices and one of named residents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from alerts.demo.judge import ARRIVED, REPLACED, Verdict, outcome, tally
from alerts.demo.oracle import CHANNELS
from alerts.demo.residents import Resident

Json = dict[str, Any]


class Steps:
    """Progress bars on a terminal, otherwise one plain line per finished step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._finished: set[str] = set()
        self._began = time.monotonic()

    def __enter__(self) -> Steps:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def step(self, what: str, done: int, of: int) -> None:
        """Report progress of a step: `done` of `of`."""
        if not of:
            return
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=of)
            self._bars.update(self._tasks[what], completed=done, total=of)
        elif done == of and what not in self._finished:
            self._console.print(f"{time.monotonic() - self._began:6.1f} s    {what}: {done:,}")
        if done == of:
            self._finished.add(what)

    def tell(self, text: str) -> None:
        """Print one line above the bars."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}")


def notices_table(verdicts: Sequence[Verdict]) -> Table:
    """Build the table of notices: due, reached by channel, speed, refusals with reasons. Legible at 80 columns."""
    table = _table("What was told")
    table.add_column("notice", ratio=1)
    for name in ("due", "e-mail", "text", "push", "held", "half/95 %", "as due"):
        table.add_column(name, justify="right", no_wrap=True)
    for verdict in verdicts:
        counts, progress = tally(verdict), verdict.arrived.progress
        sent = {ch: sum(n for (c, s), n in counts.items() if c == ch and s in ARRIVED) for ch in CHANNELS}
        held = sum(n for (_, s), n in counts.items() if s == "held")
        differences = len(verdict.differences)
        about = Text.assemble((verdict.telling.key, "bold"), " ", next(iter(verdict.telling.words.values())).title)
        for line in _other_counts(verdict, counts):
            about.append(f"\n{line}", "dim")
        table.add_row(
            about,
            f"{progress['people']:,}",
            f"{sent['email']:,}",
            f"{sent['sms']:,}",
            f"{sent['push']:,}",
            f"{held:,}",
            f"{_seconds(progress['p50_s'])}/{_seconds(progress['p95_s'])} s",
            "[green]yes" if not differences else f"[red]{differences} differ",
        )
    table.caption = (
        "due: people, each counted once. e-mail, text, push: messages sent. held: for quiet hours or a digest.\n"
        "half/95 %: after how long half and 95 % of them had left. as due: compared with the independent list."
    )
    return table


def residents_table(people: Sequence[Resident], verdicts: dict[str, Verdict], reasons: dict[str, str]) -> Table:
    """Build the table of named residents, each with the reason for or against delivery."""
    table = _table("The named residents")
    table.add_column("who, and what they show", ratio=2)
    table.add_column("what they got, and why or why not", ratio=3)
    for person in people:
        got: dict[str, list[str]] = {}
        wrong = []
        for key, wanted in person.expects.items():
            state = outcome(verdicts[key], person)
            got.setdefault("nothing" if state == "-" else state, []).append(key)
            if state != wanted:
                wrong.append(f"\n{key}: expected {'nothing' if wanted == '-' else wanted}")
        told = Text("; ".join(f"{', '.join(keys)}: {state}" for state, keys in got.items()))
        told.append("".join(wrong), "red")
        told.append(f"\n{reasons.get(person.key, '')}", "dim")
        table.add_row(Text.assemble((person.name, "bold"), f"\n{person.note}"), told)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.HORIZONTALS,
        show_lines=True, expand=True, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip


def _other_counts(verdict: Verdict, counts: Counter[tuple[str, str]]) -> list[str]:
    """Further counts of a notice, one line each; zero counts are omitted."""
    progress = verdict.arrived.progress
    replaced = sum(n for (_, s), n in counts.items() if s in REPLACED)
    retried = sum(len(d["attempts"]) > 1 for d in verdict.arrived.deliveries.values())
    refused = Counter(
        d["reason"] or d["state"] for d in verdict.arrived.deliveries.values() if d["state"].startswith("failed")
    )
    said = (
        (progress["unreachable"], "due, but nothing reaches them"),
        (progress["late"], "told late, once they were due"),
        (replaced, "replaced while they were held"),
        *((n, f"refused: {reason}") for reason, n in refused.items()),
        (retried, "reached at the second try"),
    )
    return [f"{n:,} {words}" for n, words in said if n]


def reason_of(why: Json) -> str:
    """Summarise a why or why-not in one sentence: the failed check, or else the most specific one."""
    failed = [c for c in why["checks"] if not c["holds"]]
    if failed:
        return str(failed[0]["detail"])
    told = {str(c["rule"]): str(c["detail"]) for c in why["checks"]}
    return next((told[rule] for rule in ("late", "follow-up", "place") if rule in told), "; ".join(told.values()))


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}" if value < 10 else f"{value:.0f}"
