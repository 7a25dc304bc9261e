"""Next steps on a notice's screen: what may be said to the people who have it, and who may say it (RULES 13)."""

from __future__ import annotations

from typing import Any

from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import ENDINGS
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.web.console.deciders import deciders, may_decide
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import once_key
from alerts.web.console.presenter import Presenter
from alerts.web.console.template_review import TemplateReview

_OPEN = ("queued", "held", "sending", "deferred")
"""States of deliveries that a stop keeps."""


class NextSteps:
    """Formats the next steps. Read-only; methods block."""

    def __init__(self, frame: Frame, member: MemberState) -> None:
        self._frame, self._presenter, self._member = frame, Presenter(frame), member

    def of(self, notice: NoticeState) -> dict[str, Any]:
        """Template context: `links` before the issue; `follow` from the issue on, None if nothing may follow."""
        live = notice.phase in ("live", "expired") and notice.msg_type not in ENDINGS  # an end is the last word
        is_author = at_least(self._member.role, "author")
        return {"links": self._before(notice), "follow": self._after(notice) if live and is_author else None}

    def _before(self, notice: NoticeState) -> list[tuple[str, str]]:
        member, path, links = self._member, f"/console/notices/{notice.id}", list[tuple[str, str]]()
        decides = may_decide(self._presenter.services, member, notice)
        if notice.phase in ("pending-approval", "approved") and decides:
            links.append(("Approve and send" if notice.phase == "pending-approval" else "Send", f"{path}/approve"))
        if notice.phase in ("draft", "returned", "pending-approval") and at_least(member.role, "author"):
            if f"person:{member.id}" != notice.returned_by:
                links.append(("Edit", f"{path}/edit"))
            links.append(("Check", f"{path}/check"))
        if notice.phase == "scheduled" and at_least(member.role, "author"):
            links.append(("Move to another time", f"/console/calendar?move={notice.id}#move"))
            links.append(("Edit: it is approved again", f"{path}/edit"))
        if notice.phase == "scheduled" and at_least(member.role, "approver"):
            links.append(("Withdraw it", f"{path}/approve"))
        return links

    def _after(self, notice: NoticeState) -> dict[str, Any]:
        presenter, path = self._presenter, f"{self._presenter.site.base}/console/notices/{notice.id}"
        progress = presenter.services.dispatch.progress(notice.number)
        waiting = (
            None
            if progress is None
            else sum(states.get(one, 0) for states in progress.by_channel.values() for one in _OPEN)
        )
        correction = TemplateReview(self._frame).correction(notice.plan)
        first = next(iter(correction.values()), None)
        languages = len(notice.plan.content)
        decides = at_least(self._member.role, "approver")
        return {
            "path": path,
            "once": once_key(),
            "decides": decides,
            "who": "" if decides else deciders(presenter, notice),
            "languages": f"{languages} language{'' if languages == 1 else 's'}",
            "correction": first.title if first is not None else "",
            "people": presenter.translator.number(progress.people or 0) if progress else "",
            "waiting": waiting,
            "stop": f"{presenter.translator.number(waiting or 0)} message{'' if waiting == 1 else 's'}",
        }
