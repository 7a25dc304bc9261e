"""Notice screen: content, approval, dispatch progress and log."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from aiohttp import web
from markupsafe import Markup

from alerts.channels import markdown
from alerts.channels.i18n import direction
from alerts.channels.sms_segments import count
from alerts.domain.notice import NoticeState
from alerts.kernel.people_words import people_words
from alerts.kernel.terms import Channel, DeliveryState
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.comments import CommentSection
from alerts.web.console.frame import CHANNELS, KIND_LABELS, Frame
from alerts.web.console.member_actor import member_of, once_field
from alerts.web.console.next_steps import NextSteps
from alerts.web.console.presenter import Presenter, area_map
from alerts.web.console.unreached import unreached_context
from alerts.web.http.routing import Route, role

_NOT_LEFT: dict[DeliveryState, str] = {
    "failed-permanent": "refused for good",
    "failed-technical": "could not leave; waits for a person",
    "deferred": "put off; tried again",
    "expired": "its time was over",
    "suppressed": "nothing is sent to this address",
    "superseded": "a newer message took its place",
    "cancelled": "withdrawn before it left",
}
_MARKS = {
    "Update": "update",
    "Cancel": "cancels the earlier one",
    "AllClear": "all clear",
    "Exercise": "drill",
    "Test": "test",
}
"""Words for message types and states that are not the plain ones."""
_STARTS = timedelta(minutes=5)
"""Time after the issue in which the page waits for the audience; some notices have none, and are recorded only."""
_SAID = 3
"""Residents' words that are shown beside the progress."""
_FAILURES = 500
"""Maximum deliveries per state that are scanned for reasons."""


def routes(services: Services) -> list[Route]:
    """Policy row of the screen."""
    frame = Frame(services)
    comments = CommentSection(frame)

    async def screen(request: web.Request) -> web.Response:
        try:
            notice = UUID(request.match_info["notice"])
        except ValueError:
            raise web.HTTPNotFound from None
        context = await read(services, _context, Presenter(frame), notice)
        if context is None:
            raise web.HTTPNotFound
        context |= await read(services, comments.of, context["found"])
        context |= await read(services, unreached_context, Presenter(frame), context["found"], member_of(request))
        steps = NextSteps(frame, member_of(request))
        context |= {"may": await read(services, steps.of, context["found"]), "errors": {}, **once_field()}
        return frame.screen(request, "console/notice.html", context)

    return [Route("GET", "/console/notices/{notice}", screen, role("viewer"))]


def _context(presenter: Presenter, notice: UUID) -> dict[str, Any] | None:
    """Build the template context; None if there is no such notice."""
    found = presenter.services.views.notice(notice)
    if found is None:
        return None
    dispatched = presenter.services.views.dispatch(found.id)
    progress = presenter.progress(found) if dispatched else None
    return {
        "here": "notices",
        "drill": found.plan.status != "Actual",
        "stream": f"{presenter.site.base}/console/notices/{found.id}/progress",
        "found": found,
        **presenter.card(found),
        "facts": _facts(presenter, found),
        "languages": [],
        "words": [_words(presenter, tag_, words) for tag_, words in found.plan.content.items()],
        "thread": [presenter.card(n) for n in reversed(presenter.services.views.thread(found.id)) if n.id != found.id],
        "progress": progress,
        "starts": progress is None and _just_issued(presenter, found),
        "failures": failures(presenter, found),
        **_feedback(presenter, found),
        "id": str(found.id),
        "entries_of": [presenter.entry(e) for e in presenter.services.views.timeline(50, None, found.id)],
        "map": area_map(presenter, found),
        "public": f"{presenter.site.base}/alerts/{found.id}" if found.issued else "",
    }


def _feedback(presenter: Presenter, notice: NoticeState) -> dict[str, Any]:
    """Latest words of residents about the thread, and the address of all of them."""
    if not notice.issued:
        return {"said": [], "report": ""}
    found = presenter.services.views.feedback_words(notice.thread, None, _SAID).items
    return {
        "said": [{"words": one.words, "at": presenter.time(one.at)} for one in found if one.words],
        "report": f"{presenter.site.base}/console/notices/{notice.id}/report",
    }


def _just_issued(presenter: Presenter, notice: NoticeState) -> bool:
    """True for a notice whose audience may not be computed yet."""
    return notice.issued_at is not None and presenter.services.clock() - notice.issued_at < _STARTS


def failures(presenter: Presenter, notice: NoticeState) -> list[dict[str, str]]:
    """Count unsent deliveries by channel, state and reason, over the first `_FAILURES` of each state."""
    sums: Counter[tuple[Channel, DeliveryState, str]] = Counter()
    for state in _NOT_LEFT:
        page = presenter.services.dispatch.deliveries(notice=notice.number, state=state, limit=_FAILURES)
        sums.update((row.channel, state, row.reason) for row in page.items)
    return [
        {
            "channel": CHANNELS.get(channel, channel),
            "state": _NOT_LEFT[state],
            "reason": reason,
            "count": presenter.translator.number(number) + ("+" if number == _FAILURES else ""),
        }
        for (channel, state, reason), number in sums.most_common()
    ]


def _facts(presenter: Presenter, notice: NoticeState) -> list[tuple[str, str]]:
    plan = notice.plan
    facts = (
        ("State", notice.phase.replace("-", " ")),
        ("Kind", _kind(notice)),
        ("Danger to life", "yes" if notice.danger_to_life else ""),
        ("Severity", f"{plan.severity}, {plan.urgency}, {plan.certainty}" if plan.kind == "alert" else ""),
        ("Topic", plan.topic or ""),
        ("Template", f"{plan.template.slug}, version {plan.template.number}" if plan.template else ""),
        ("Area", presenter.place_shapes.where(plan.area, presenter.translator)),
        ("Channels", ", ".join(CHANNELS.get(c, c) for c in plan.channels)),
        ("In the name of", presenter.issuer(notice)),
        ("From", presenter.who(notice.source or notice.drafted_by)),
        ("Approved by", _approver(presenter, notice)),
        ("Issued", presenter.time(notice.issued_at)),
        ("To be sent", presenter.time(notice.send_at or plan.send_at) if notice.issued_at is None else ""),
        ("Ends", presenter.time(notice.expires or plan.expires)),
        ("Ended", presenter.time(notice.ended_at)),
        ("Reason", notice.reason),
    )
    return [(name, value) for name, value in facts if value]


def _kind(notice: NoticeState) -> str:
    """Say what a notice is: `Alert, update, drill`."""
    marks = (_MARKS.get(notice.msg_type, ""), _MARKS.get(notice.plan.status, ""))
    return ", ".join(filter(None, (KIND_LABELS[notice.plan.kind].removesuffix("s"), *marks)))


def _words(presenter: Presenter, language: str, words: Any) -> dict[str, Any]:
    measured = count(words.sms) if words.sms else None
    return {
        "lang": language,
        "dir": direction(language),
        "name": presenter.translator.language(language),
        "title": words.title,
        "body": Markup(markdown.html(words.body)),  # nosec B704: sanitised by nh3
        "instruction": Markup(markdown.html(words.instruction)),  # nosec B704: sanitised by nh3
        "sms": words.sms,
        "segments": f"{measured.segments} × {measured.encoding}" if measured else "",
    }


def _approver(presenter: Presenter, notice: NoticeState) -> str:
    if not notice.approved_by:
        return ""
    at = presenter.time(notice.approved_at)
    if notice.approved_people is None:
        return f"{presenter.who(notice.approved_by)}, {at}"
    people = presenter.translator.number(notice.approved_people)
    return f"{presenter.who(notice.approved_by)}, {at}, for {people_words(people)}"
