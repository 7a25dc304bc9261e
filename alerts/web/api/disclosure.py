"""Limits on counts for keys without `subscribers:read` (CONTRACT "Audience").

Such a key may plan with numbers of people but not find one of them: no ids, no areas as small as a home, no small
counts.
"""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import replace

from alerts.delivery_queue.queries import Progress
from alerts.domain.events import Json, NoticePlan
from alerts.domain.streams import PLACE, SEGMENT, place_id, segment_id
from alerts.kernel.errors import Forbidden, Invalid
from alerts.kernel.rules.disclosure import SMALLEST_RADIUS_KM, Lookup, names_people, smallest_part
from alerts.services import Services
from alerts.web.api.common import caller_of
from subscribers.audience.reference_data import ReferenceData

BELOW = 20
"""Counts below this are not shown."""
SCOPE = "subscribers:read"


def sees_people(request: web.Request) -> bool:
    """True if the caller may know who is subscribed, and so any count."""
    return caller_of(request).may(SCOPE)


def sees_notice_counts(request: web.Request) -> bool:
    """True if the caller sees the exact counts of notices: an approver answers for the number (RULES 16)."""
    caller = caller_of(request)
    return caller.may(SCOPE) or (caller.may("notices:approve") and caller.actor.person is not None)


def refuse_revealing(plan: NoticePlan, reference_data: ReferenceData) -> None:
    """Refuse a plan whose count could single out a person. Raises Forbidden for ids, Invalid for small areas."""

    def segment(slug: str) -> Json | None:
        state = reference_data.segment(slug)
        return state.rule if state else None

    def place(slug: str) -> Json | None:
        state = reference_data.place(slug)
        return state.geometry if state else None

    if names_people(plan.audience, segment):
        raise Forbidden(f"`ids` in a rule, or in a segment that it names, needs a key with the scope {SCOPE}.")
    if smallest_part(plan.audience, plan.area, segment, place) is not None:
        text = f"Areas smaller than a circle of {SMALLEST_RADIUS_KM * 1000:.0f} m need a key with the scope {SCOPE}."
        raise Invalid.field("area", text)


def reveals(services: Services, plan: NoticePlan) -> bool:
    """True if the plan's count could single out a person."""
    segment, place = _lookups(services)
    return names_people(plan.audience, segment) or smallest_part(plan.audience, plan.area, segment, place) is not None


def hidden(count: int | None) -> int | None:
    """Return a count, None if it is too small to be shown."""
    return None if count is None or count < BELOW else count


def hidden_groups(groups: dict[str, int], shown: tuple[str, ...] = ()) -> dict[str, int | None]:
    """Return counts of groups. Small groups look like empty ones: None if listed in `shown`, else left out."""
    large: dict[str, int | None] = {name: count for name, count in groups.items() if count >= BELOW}
    return {**dict.fromkeys(shown), **large}


def hidden_progress(progress: Progress) -> Progress:
    """Return the progress of a dispatch without the number of its people, if they are few."""
    people = hidden(progress.people)
    unreachable, late = (None, None) if people is None else (hidden(progress.unreachable), hidden(progress.late))
    return replace(progress, people=people, unreachable=unreachable, late=late, below=BELOW)


def _lookups(services: Services) -> tuple[Lookup, Lookup]:
    """Lookups in the log: the read models may lag behind a definition made just now."""

    def segment(slug: str) -> Json | None:
        state = services.log.state(SEGMENT, segment_id(slug))
        return state.rule if state else None

    def place(slug: str) -> Json | None:
        state = services.log.state(PLACE, place_id(slug))
        return state.geometry if state else None

    return segment, place
