"""Why, in the languages other than English: the same facts in sentences of the catalogue.

The explanation itself is written in English, for the API and the help desk. Here its facts, not its sentences, are said
again; what the catalogue has no words for is left out.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.channels.i18n import Translator
from alerts.explain.why import Why

_TITLE = re.compile(r"“(.*)”", re.DOTALL)
_COUNT = re.compile(r"[\d,]+")
_POLICY = re.compile(r"the policy of (.*), version (\d+)", re.DOTALL)
_ROLES = {
    "a member of the team": "by_member",
    "the operator": "by_operator",
    "a resident": "by_resident",
    "a program": "by_program",
}


def lead(
    t: Translator,
    *,
    day: str,
    topic: str | None,
    place: str,
    radius_m: float,
    away_m: float | None,
    point: str,
    is_change: bool,
    full: bool,
) -> str:
    """Say the deciding reason: what was asked for and when, for which place, and how far away it is.

    `place` is "" if no place mattered; `point` the service point concerned. `full`: exact distances.
    """
    subject = t.text("why", "topic", topic=t.topic(topic)) if topic else t.text("why", "alerts")
    asked = t.text("why", "asked_on", day=day, subject=subject) if day else t.text("why", "asked", subject=subject)
    if not place:
        return asked
    where = (
        t.text("why", "within", distance=t.distance(radius_m), place=place)
        if radius_m > 0
        else t.text("why", "your_place", place=place)
    )
    return " ".join(filter(None, (asked, where, _away(t, away_m, point, is_change=is_change, full=full))))


def _away(t: Translator, away_m: float | None, point: str, *, is_change: bool, full: bool) -> str:
    if away_m is None:
        return ""
    if away_m < 1 and not is_change:
        return t.text("why", "inside")
    near = t.text("why", "near", distance=t.distance(1_000))
    distance = t.distance(away_m) if full else near if away_m < 1_000 else t.distance(round(away_m / 1_000) * 1_000)
    return (
        t.text("why", "away_name", name=point, distance=distance) if point else t.text("why", "away", distance=distance)
    )


def steps(t: Translator, found: Why, timezone: str) -> list[dict[str, str]]:
    """Say the chain, one sentence per step, oldest first."""
    said = []
    for link in found.chain:
        text = t.sections["why_step"].get(link.what)
        if text is None:
            continue
        title, count = _TITLE.search(link.detail), _COUNT.search(link.detail)
        state = link.detail.partition(":")[0]
        words = text.format(
            title=title[1] if title else "",
            count=count[0] if count else "",
            outcome=t.sections["why_outcome"].get(state, state),
        )
        said.append({"at": _second(t, link.at, timezone), "text": f"{words}{_stop(t)}", "by": _who(t, link.by)})
    return said


def checks(t: Translator, found: Why) -> list[dict[str, Any]]:
    """Say each rule, and whether it holds."""
    words = t.sections["why_rule"]
    named = [(check.holds, words.get(check.rule.replace(" ", "_"))) for check in found.checks]
    return [{"holds": holds, "detail": detail} for holds, detail in named if detail is not None]


def summary(t: Translator, found: Why) -> str:
    """Say the outcome; "" if there is none."""
    outcome = t.sections["why_outcome"].get(found.outcome)
    return f"{outcome}{_stop(t)}" if outcome else ""


def _who(t: Translator, by: str) -> str:
    if match := _POLICY.fullmatch(by):
        return t.text("why", "by_policy", name=match[1], version=match[2])
    return t.text("why", _ROLES[by]) if by in _ROLES else by


def _second(t: Translator, at: datetime, timezone: str) -> str:
    local = at.astimezone(ZoneInfo(timezone))
    return f"{t.day(at, timezone)}{t.comma}{local:%H:%M:%S}"


def _stop(t: Translator) -> str:
    return "۔" if t.tag == "ur" else "."
