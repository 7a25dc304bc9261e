"""In whose name: the organisations that a form offers."""

from __future__ import annotations

from collections.abc import Collection

from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.projections.queries import ReadModelQueries

Option = tuple[str, str]
"""Value and words."""


def options(views: ReadModelQueries, chosen: Collection[str] = ()) -> list[Option]:
    """List the organisations that may be chosen, and those `chosen` already although they are retired. Blocks."""
    return [
        (one.slug, f"{one.sender_name} (retired)" if one.retired else one.sender_name)
        for one in views.organisations(retired=True)
        if not one.retired or one.slug in chosen
    ]


def name_options(
    views: ReadModelQueries, member: MemberState, service: str, state: NoticeState | None, chosen: str | None
) -> list[Option]:
    """List the names in which a member may write a notice; none if there is no choice. Blocks.

    A follow-up has none: it goes out in the name of its thread.
    """
    if state is not None and state.thread != state.id:
        return []
    allowed = member.organisations
    found = [one for one in options(views, (chosen,) if chosen else ()) if allowed is None or one[0] in allowed]
    if chosen and chosen not in {value for value, _ in found}:
        found += [one for one in options(views, (chosen,)) if one[0] == chosen]
    if allowed is None:
        return [("", f"{service} itself"), *found] if found else []
    if len(found) < 2:
        return []
    return found if chosen else [("", "Choose"), *found]
