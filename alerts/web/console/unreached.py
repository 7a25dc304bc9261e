"""Unreached people of a notice: their number, why, and the list that a person works through. Shown on two screens."""

from __future__ import annotations

from typing import Any

from alerts.commands.unreached import CallList, Unreached
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.kernel.people_words import people_words
from alerts.web.console.member_actor import once_field
from alerts.web.console.presenter import Presenter

_REASONS = 5
"""Reasons that are named; the others are counted together."""


def unreached_context(presenter: Presenter, notice: NoticeState, member: MemberState) -> dict[str, Any]:
    """Template context of the section, with `unreached` None if there is nothing to say. Blocks."""
    found = presenter.services.commands.unreached(notice)
    may = at_least(member.role, "author") and member.areas is None
    if not found.people and not found.more and not (found.lists and may):
        return {"unreached": None, "refused": ""}
    number = presenter.translator.number
    return {
        "refused": "",
        "unreached": {
            "people": _more(people_words(number(found.people)), more=found.more) if found.people else "",
            "was": "was" if found.people == 1 else "were",
            "more": found.more,
            "call": number(found.call) if found.call else "",
            "write": number(found.write) if found.write else "",
            "no_way": number(found.no_way) if found.no_way else "",
            "reasons": _reasons(found, presenter),
            "withheld": number(found.withheld) if found.withheld else "",
            "make": _button(found, presenter) if notice.phase == "live" and may else "",
            "needs": notice.phase == "live" and not may and bool(found.call or found.write or found.more),
            "over": notice.phase != "live" and bool(found.call or found.write or found.more),
            "lists": [_list(presenter, one) for one in found.lists] if may else [],
            "path": f"{presenter.site.base}/console/notices/{notice.id}/call-list",
            **once_field(),
        },
    }


def _more(words: str, *, more: bool) -> str:
    return f"At least {words}" if more else words


def _button(found: Unreached, presenter: Presenter) -> str:
    """Words of the button: what it makes, and for how many people. "" if there is nobody to list.

    Where not everybody was looked at, the lists are made from more people than are counted.
    """
    if found.more:
        return "Make the lists of calls and letters"
    number = presenter.translator.number
    letters = f"{number(found.write)} letter{'' if found.write == 1 else 's'}"
    calls = f"a call list for {people_words(number(found.call))}"
    if found.call and found.write:
        return f"Make {calls}, and {letters}"
    if found.call:
        return f"Make {calls}"
    return f"Make {letters}" if found.write else ""


def _reasons(found: Unreached, presenter: Presenter) -> list[str]:
    number = presenter.translator.number
    named = [f"{why} ({number(count)})" for why, count in found.reasons[:_REASONS]]
    rest = sum(count for _, count in found.reasons[_REASONS:])
    return [*named, f"other reasons ({number(rest)})"] if rest else named


def _list(presenter: Presenter, made: CallList) -> dict[str, str]:
    number = presenter.translator.number
    what = "Call list" if made.channel == "phone" else "Letters"
    return {
        "link": f"{presenter.site.base}/console/letters/{made.id}",
        "words": f"{what} of {presenter.time(made.made_at)}, made by {presenter.who(made.made_by)}",
        "left": f"{number(made.waiting)} of {number(made.people)} wait",
    }
