"""Runs the checks concurrently, each with a time limit."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from time import monotonic

from alerts.doctor.finding import Check, Finding
from alerts.settings import Settings

LIMIT_S = 5.0


def run(checks: Sequence[Check], settings: Settings, limit: float = LIMIT_S) -> list[Finding]:
    """Run all checks and return their findings in order.

    A check that takes longer than `limit` seconds is abandoned; its findings up to then are included.
    """
    found: list[list[Finding]] = [[] for _ in checks]
    # Daemon threads: a check that hangs must not keep the process from ending.
    threads = [
        Thread(target=_one, args=(check, settings, into), daemon=True)
        for check, into in zip(checks, found, strict=True)
    ]
    for thread in threads:
        thread.start()
    deadline = monotonic() + limit
    findings: list[Finding] = []
    for check, thread, into in zip(checks, threads, found, strict=True):
        thread.join(max(0.0, deadline - monotonic()))
        findings += into
        if thread.is_alive():
            name = check.__name__.replace("_", " ")
            words = f"the check did not end within {limit:g} seconds"
            findings.append(Finding("wrong", name, words, "see what it talks to: name, port, firewall"))
    return findings


def _one(check: Check, settings: Settings, into: list[Finding]) -> None:
    try:
        for finding in check(settings):
            into.append(finding)  # one by one, so that findings before a hang are reported
    except Exception as error:
        # The message may quote personal data or secrets: report the type only.
        into.append(Finding("wrong", check.__name__, f"the check failed: {type(error).__name__}", "report this"))
