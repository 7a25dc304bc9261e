"""Comments on drafts: by any member of the team, until the notice is issued."""

from __future__ import annotations

import asyncio
from uuid import UUID

from alerts.commands import notice_threads, validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.results import Saved
from alerts.commands.subscribers import ERASURE
from alerts.domain import notice_comments as life
from alerts.domain.streams import COMMENTS, comments_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Forbidden
from alerts.scheduler.due_items import plan_due

LONGEST = 1_000


class NoticeCommentCommands(CommandBase):
    """Comments of the team. They change nothing of the notice: neither its version nor its approval."""

    async def comment_on_draft(
        self, actor: Actor, notice: UUID, text: str, *, about: str = "", idem: Idempotency | None = None
    ) -> Saved:
        """Comment on a draft or a part of it, such as `title-en`. `version` of the result counts its comments.

        Raises Conflict for a notice that was issued or rejected.
        """
        if actor.person is None:
            raise Forbidden("Only a member of the team comments on a draft.")
        words = validation.text(text, "comment", LONGEST, needed=True)
        stream = comments_id(notice)

        def work(unit: UnitOfWork) -> Saved:
            state = notice_threads.notice(unit, notice)
            events = life.decide_comment(state, unit.get(COMMENTS, stream), words, about)
            unit.append(COMMENTS, stream, *events)
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(actor, work, idem)

    async def erase_comments(self, actor: Actor, notice: UUID, *, idem: Idempotency | None = None) -> Saved:
        """Destroy the words of all comments on a notice. On return the key is gone."""
        stream = comments_id(notice)

        def work(unit: UnitOfWork) -> Saved:
            notice_threads.notice(unit, notice)
            unit.append(COMMENTS, stream, *life.decide_erase(unit.get(COMMENTS, stream)))
            plan_due(unit, ERASURE, stream, unit.now)
            return Saved(id=stream, version=unit.version(stream))

        saved = await self._run(actor, work, idem)
        await asyncio.to_thread(self._erase_key, stream)
        return saved
