"""Newsletter commands: start, revise, end; draft issues, which are notices of kind bulletin."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from alerts.commands import notice_threads, validation
from alerts.commands.actor import Actor
from alerts.commands.approval import saved
from alerts.commands.base import CommandBase
from alerts.commands.organisation_names import check_organisation, in_name, organisation_of
from alerts.commands.ports import Idempotency
from alerts.commands.results import NoticeSaved, Saved
from alerts.commands.rights import check_notice
from alerts.contract.bodies import BulletinBody, NewsletterBody, NewsletterScheduleBody
from alerts.domain import newsletter as life
from alerts.domain import recurrence
from alerts.domain.events import NewsletterSchedule, NoticePlan
from alerts.domain.newsletter import NewsletterState
from alerts.domain.streams import NEWSLETTER, newsletter_id
from alerts.eventlog.ports import UnitOfWork
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, NotFound, Stale
from alerts.kernel.ids import new_id
from alerts.kernel.merge_patch import merge_patch
from alerts.kernel.terms import CHANNELS
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")
SECTIONS = 50
Json = dict[str, Any]


class NewsletterCommands(CommandBase):
    """Newsletters. Starting an existing slug revises it, or starts it again after its end.

    A person needs a role for bulletins and for every area: a newsletter's issues reach everywhere.
    """

    async def start_newsletter(self, actor: Actor, body: NewsletterBody, *, idem: Idempotency | None = None) -> Saved:
        """Start a newsletter; its topic can be chosen from now on."""
        checked = await self._checked(lambda _: self._check_newsletter(body), heavy=body.schedule is not None)
        stream, topic = newsletter_id(checked.slug), life.topic_of(checked.slug)

        def work(unit: UnitOfWork) -> Saved:
            before = unit.get(NEWSLETTER, stream)
            if before is not None:  # also an ended one: who chose it chose it of that organisation
                _check_manager(unit, actor, before)
            named = _named(unit, actor, topic, checked.organisation)
            values = msgspec.structs.replace(checked, organisation=named)
            unit.append(NEWSLETTER, stream, *life.decide_start(before, *msgspec.structs.astuple(values)))
            unit.write(_sql.register, ("topic", topic, None, None, None, None))
            unit.after_commit(self._known.invalidate)
            return Saved(id=stream, version=unit.version(stream), created=before is None)

        return await self._run(actor, work, idem)

    async def revise_newsletter(self, actor: Actor, newsletter: UUID, patch: Json, version: int) -> Saved:
        """Apply a merge patch to a newsletter; the slug is fixed. Raises Stale if `version` is not current."""
        before = self._newsletter(newsletter)
        body = strict_json.typed(merge_patch(newsletter_json(before), patch), NewsletterBody)
        if body.slug != before.slug:
            raise Invalid.field("slug", "A newsletter keeps its slug: people have chosen it by that.")
        checked = await self._checked(lambda _: self._check_newsletter(body, before), heavy=body.schedule is not None)

        def work(unit: UnitOfWork) -> Saved:
            state = _running(unit, newsletter)
            _check_manager(unit, actor, state)
            if state.version != version:
                raise Stale("It was changed in the meantime: read it again, then edit it.")
            named = checked.organisation
            if named != state.organisation:
                named = _named(unit, actor, state.topic, named)
            events = life.decide_set(state, checked.name, checked.schedule, checked.sections, named)
            unit.append(NEWSLETTER, newsletter, *events)
            return Saved(id=newsletter, version=unit.version(newsletter))

        return await self._run(actor, work)

    async def end_newsletter(self, actor: Actor, newsletter: UUID) -> Saved:
        """End a newsletter: no further issues. Drafted and scheduled ones are left alone."""

        def work(unit: UnitOfWork) -> Saved:
            state = _of(unit.get(NEWSLETTER, newsletter))
            _check_manager(unit, actor, state)
            unit.append(NEWSLETTER, newsletter, *life.decide_end(state))
            return Saved(id=newsletter, version=unit.version(newsletter))

        return await self._run(actor, work)

    async def draft_bulletin(
        self, actor: Actor, newsletter: UUID, body: BulletinBody, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Draft an issue, which needs the same approvals as any notice.

        Its time is `send_at`, else the schedule's next one; without either it is issued by hand.
        """
        validation.check_times(body)
        content = validation.content(body.content)
        if not content:
            raise Invalid.field("content", "Say it in words: give a title in at least one language.")
        now = self._clock()
        if body.send_at is not None and body.send_at <= now:
            raise Invalid.field("send_at", "This time has passed already: give a later one, or leave it out.")
        state = self._newsletter(newsletter)
        send_at = body.send_at
        if send_at is None and state.schedule is not None:
            schedule = state.schedule
            send_at = await self._checked(
                lambda _: recurrence.next_issue(schedule, state.scheduled_at, now), heavy=True
            )
            if send_at is None:
                raise Invalid.field("send_at", "The schedule has come to its end: set another one, or give a time.")

        def work(unit: UnitOfWork) -> NoticeSaved:
            running = _running(unit, newsletter)
            issue = _any_issue(running.topic, running.organisation)
            plan = msgspec.structs.replace(issue, content=content, send_at=send_at)
            check_notice(unit, actor, plan)
            return saved(notice_threads.draft(unit, new_id(), plan, actor.source))

        return await self._run(actor, work, idem)

    def _check_newsletter(self, body: NewsletterBody, before: NewsletterState | None = None) -> _Checked:
        """Validate every field. An unchanged schedule need not have a future issue."""
        if len(body.sections) > SECTIONS:
            raise Invalid.field("sections", f"At most {SECTIONS} sections are taken.")
        schedule = self._schedule(body.schedule)
        if schedule is not None and (before is None or schedule != before.schedule):
            recurrence.check(schedule, self._clock())
        return _Checked(
            slug=validation.slug(body.slug),
            name=validation.text(body.name, "name", validation.NAME, line=True, needed=True),
            schedule=schedule,
            sections=tuple(
                validation.text(section, f"sections.{index}", validation.NAME, line=True, needed=True)
                for index, section in enumerate(body.sections)
            ),
            organisation=body.organisation,
        )

    def _schedule(self, body: NewsletterScheduleBody | None) -> NewsletterSchedule | None:
        if body is None:
            return None
        timezone = validation.timezone(body.timezone or self._timezone, "schedule.timezone")
        return NewsletterSchedule(rrule=body.rrule.strip().upper(), at=body.at, timezone=timezone)

    def _newsletter(self, newsletter: UUID) -> NewsletterState:
        return _of(self._log.state(NEWSLETTER, newsletter))


class _Checked(msgspec.Struct, frozen=True):
    """Validated newsletter body; field order of `decide_start`."""

    slug: str
    name: str
    schedule: NewsletterSchedule | None
    sections: tuple[str, ...]
    organisation: str | None


def _any_issue(topic: str, organisation: str | None = None) -> NoticePlan:
    """Return the plan of an issue that has no words yet: what a role must be for to manage its newsletter."""
    return NoticePlan(kind="bulletin", channels=CHANNELS, topic=topic, priority="bulletin", organisation=organisation)


def _check_manager(unit: UnitOfWork, actor: Actor, state: NewsletterState) -> None:
    """Refuse who could not write an issue of a newsletter, in its name. Raises Forbidden."""
    check_notice(unit, actor, _any_issue(state.topic, state.organisation))


def _named(unit: UnitOfWork, actor: Actor, topic: str, organisation: str | None) -> str | None:
    """Return the organisation that a newsletter's issues go out under: the actor's own, if none is named.

    Raises Forbidden for one that the actor does not write for; Invalid for one that issues no newsletter.
    """
    plan = in_name(unit, actor, _any_issue(topic, organisation))
    check_notice(unit, actor, plan)
    check_organisation(unit, plan, finished=False)
    state = organisation_of(unit, plan)
    if state is not None and state.areas is not None:
        words = f"{state.sender_name} issues for its own areas only, and a newsletter reaches everywhere"
        raise Invalid.field("organisation", f"{words}: choose another organisation, or none.")
    return plan.organisation


def newsletter_json(state: NewsletterState) -> Json:
    """Return a newsletter as the body that creates it, the base of a merge patch."""
    return {
        "slug": state.slug,
        "name": state.name,
        "schedule": msgspec.to_builtins(state.schedule),
        "sections": list(state.sections),
        "organisation": state.organisation,
    }


def _running(unit: UnitOfWork, newsletter: UUID) -> NewsletterState:
    state = _of(unit.get(NEWSLETTER, newsletter))
    life.need_running(state)
    return state


def _of(state: NewsletterState | None) -> NewsletterState:
    if state is None:
        raise NotFound("There is no such newsletter.")
    return state
