"""Messages to the team about a notice, by e-mail and in their browsers: approval asked for, returned, commented.

Sent beside the answer, once; whoever gets none sees the same on Today.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from uuid import UUID

from alerts.channels.message import Message
from alerts.channels.replies import Answers, TeamTask
from alerts.commands.results import NoticeSaved, Result, Saved
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.deciders import may_decide

_log = logging.getLogger(__name__)
_REMEMBERED = 1_000
"""Versions of notices of which the team was told."""
_MOST = 30
"""People who are told of one notice."""


class TeamMail:
    """Sends mail to members in the background."""

    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        self._answers = Answers(
            sender=settings.sender, clock=services.clock, default_language=settings.default_language
        )
        self._sending: set[asyncio.Task[None]] = set()
        self._told: OrderedDict[tuple[UUID, int], None] = OrderedDict()

    def asked(self, saved: NoticeSaved, state: NoticeState, asker: MemberState, people: str) -> None:
        """Tell everybody who may approve a notice that it waits."""
        if self._again(saved):
            return
        who = asker.name or asker.email or "A member of the team"
        task = TeamTask("asked", _title(state), who, people, f"/console/notices/{state.id}/approve")
        self._begin(task, lambda member: may_decide(self._services, member, state))

    def returned(self, saved: NoticeSaved, state: NoticeState, decider: MemberState, reason: str) -> None:
        """Tell the authors of a notice that it came back."""
        if self._again(saved):
            return
        who = decider.name or decider.email or "A member of the team"
        task = TeamTask("returned", _title(state), who, reason, f"/console/notices/{state.id}/edit")
        self._begin(task, lambda member: f"person:{member.id}" in state.hands)

    def commented(
        self, saved: Saved, state: NoticeState, commenter: MemberState, words: str, earlier: frozenset[str]
    ) -> None:
        """Tell the author of a draft, and who commented on it before, what somebody else said."""
        if self._again(saved):
            return
        who = commenter.name or commenter.email or "A member of the team"
        task = TeamTask("commented", _title(state), who, words, f"/console/notices/{state.id}/comments")
        told = {state.drafted_by, *earlier} - {f"person:{commenter.id}"}
        self._begin(task, lambda member: f"person:{member.id}" in told)

    def _again(self, saved: Result) -> bool:
        """True if the team was told of this result already: of two presses the second gets the first one's answer."""
        version = (saved.id, saved.version)
        if version in self._told:
            return True
        self._told[version] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return False

    def _rendered(self, task: TeamTask, channel: Channel, to: str, delivery: str) -> Message:
        return self._answers.team_task(channel, to, delivery, task, self._services.settings.public_url)

    def _begin(self, task: TeamTask, wanted: Callable[[MemberState], bool]) -> None:
        begun = asyncio.get_running_loop().create_task(self._send(task, wanted), name="mail to the team")
        self._sending.add(begun)
        begun.add_done_callback(self._sending.discard)

    async def _send(self, task: TeamTask, wanted: Callable[[MemberState], bool]) -> None:
        services = self._services
        try:
            team = await read(services, services.views.members)
            members = await read(services, lambda: [one for one in team if one.role and wanted(one)][:_MOST])
            for way in await read(services, services.team_ways.of, members):
                await services.team_ways.send(way, partial(self._rendered, task), "team")
        except Exception:
            _log.exception("the team could not be told of a notice")


def _title(state: NoticeState) -> str:
    return next((said.title for said in state.plan.content.values()), "") or "a notice"
