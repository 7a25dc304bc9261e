"""What the demonstration prints: progress, one table of notices, one of named residents, and where to look."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from alerts.demo.judge import ARRIVED, Verdict, outcome, tally
from alerts.demo.residents import Resident

Json = dict[str, Any]


class Steps:
    """Progress bars on a terminal, one plain line a finished step elsewhere."""

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
        """`done` of `of` are done of this step."""
        if not of:
            return
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=of)
            self._bars.update(self._tasks[what], completed=done, total=of)
        elif done == of and what not in self._finished:
            self._console.print(f"{time.monotonic() - self._began:6.1f} s    {what}: {done}")
        if done == of:
            self._finished.add(what)

    def tell(self, text: str) -> None:
        """One line above the bars."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}")


def notices_table(verdicts: Sequence[Verdict]) -> Table:
    """Who was due, who was reached, by channel, how fast, what was refused and why."""
    table = Table(title="What was told", title_justify="left", caption_justify="left")
    for name, right in (
        ("notice", False), ("due", True), ("unreachable", True), ("late", True), ("e-mail", True), ("text", True),
        ("held", True), ("replaced", True), ("refused", False), ("p50 / p95", True), ("as due", False),
    ):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for verdict in verdicts:
        counts, progress = tally(verdict), verdict.arrived.progress
        sent = {ch: sum(n for (c, s), n in counts.items() if c == ch and s in ARRIVED) for ch in ("email", "sms")}
        held = sum(n for (_, s), n in counts.items() if s == "held")
        replaced = sum(n for (_, s), n in counts.items() if s in ("superseded", "cancelled"))
        speed = f"{_seconds(progress['p50_s'])} / {_seconds(progress['p95_s'])}"
        differences = len(verdict.differences)
        table.add_row(
            verdict.telling.key,
            str(progress["people"]),
            str(progress["unreachable"]),
            str(progress["late"]),
            str(sent["email"]),
            str(sent["sms"]),
            str(held),
            str(replaced),
            _refusals(verdict),
            speed,
            "[green]yes" if not differences else f"[red]{differences} differ",
        )
    table.caption = (
        "due: people with a contact point due. unreachable: due, and nothing reaches them.\n"
        "held: quiet hours or a digest. replaced: held when an update, a cancel or an all-clear took its place."
    )
    return table


def residents_table(people: Sequence[Resident], verdicts: dict[str, Verdict], reasons: dict[str, str]) -> Table:
    """The named residents, one by one, with why or why not."""
    table = Table(title="The named residents", title_justify="left")
    for name in ("who", "what it shows", "what they got", "why, or why not"):
        table.add_column(name)
    for person in people:
        got = Counter[str]()
        lines = []
        for key, wanted in person.expects.items():
            state = outcome(verdicts[key], person)
            got[state] += 1
            mark = "" if state == wanted else f" [red](expected {wanted})[/red]"
            lines.append(f"{key}: {'nothing' if state == '-' else state}{mark}")
        table.add_row(person.name, person.note, "\n".join(lines), reasons.get(person.key, ""))
    return table


def reason_of(why: Json) -> str:
    """One sentence of a why or why-not: the check that failed, or the one that says most."""
    failed = [c for c in why["checks"] if not c["holds"]]
    if failed:
        return str(failed[0]["detail"])
    told = {str(c["rule"]): str(c["detail"]) for c in why["checks"]}
    return next((told[rule] for rule in ("late", "follow-up", "place") if rule in told), "; ".join(told.values()))


def _refusals(verdict: Verdict) -> str:
    reasons = Counter(
        d["reason"] or d["state"] for d in verdict.arrived.deliveries.values() if d["state"].startswith("failed")
    )
    retried = sum(len(d["attempts"]) > 1 for d in verdict.arrived.deliveries.values())
    lines = [f"{n} × {reason}" for reason, n in reasons.items()]
    return "\n".join([*lines, *([f"{retried} at the 2nd try"] if retried else [])])


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
