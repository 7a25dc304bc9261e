"""Organisation commands: define, revise, retire. An administrator's."""

from __future__ import annotations

import asyncio
from typing import get_args

import msgspec

from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.contract.bodies import OrganisationBody
from alerts.domain.events import Json, OrganisationDefined, OrganisationRetired
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import ORGANISATION, organisation_id
from alerts.eventlog.ports import UnitOfWork
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, NotFound, Stale
from alerts.kernel.merge_patch import merge_patch
from alerts.kernel.terms import NoticeKind
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")
SENDER = 40
"""Maximum characters of a sender's name: it is the beginning of every text message."""
CONSENT = 300
"""Maximum characters of a consent line."""
_NO_NAME = frozenset('<>"@\\')
"""Characters that have a meaning in the From of an e-mail."""


class OrganisationCommands(CommandBase):
    """Issuing organisations. Defining an existing slug revises it, or takes a retired one up again."""

    async def define_organisation(
        self, actor: Actor, body: OrganisationBody, *, version: int | None = None, idem: Idempotency | None = None
    ) -> Saved:
        """Define an organisation. `version`: the one that was edited; 0 for a new one. Raises Stale for another."""
        defined = await self._checked(lambda known: check_body(body, known), heavy=validation.is_drawn(body.areas))
        stream = organisation_id(defined.slug)

        def work(unit: UnitOfWork) -> Saved:
            before = unit.get(ORGANISATION, stream)
            if version == 0 and before is not None and not before.retired:
                raise Invalid.field("slug", f"There is an organisation {body.slug!r} already: edit that one.")
            if version and (before is None or before.version != version):
                raise Stale("It was changed in the meantime: look at it again, then edit it.")
            if (
                before is None
                or before.retired
                or any(getattr(before, name) != getattr(defined, name) for name in defined.__struct_fields__)
            ):
                unit.append(ORGANISATION, stream, defined)
            unit.write(_sql.register, ("organisation", defined.slug, None, None, None, None))
            unit.after_commit(self._known.invalidate)
            return Saved(id=stream, version=unit.version(stream), created=before is None)

        return await self._run(actor, work, idem)

    async def revise_organisation(self, actor: Actor, slug: str, patch: Json, version: int) -> Saved:
        """Apply a merge patch to an organisation; the slug is fixed. Raises Stale if `version` is not current."""
        before = await asyncio.to_thread(self._log.state, ORGANISATION, organisation_id(slug))
        if before is None:
            raise NotFound("There is no such organisation.")
        body = strict_json.typed(merge_patch(organisation_json(before), patch), OrganisationBody)
        if body.slug != before.slug:
            raise Invalid.field("slug", "An organisation keeps its slug: notices and limits name it by that.")
        return await self.define_organisation(actor, body, version=version)

    async def retire_organisation(self, actor: Actor, slug: str) -> Saved:
        """Retire an organisation: no new notice goes out in its name; those that are out may be ended. Idempotent."""
        stream = organisation_id(slug)

        def work(unit: UnitOfWork) -> Saved:
            state = unit.get(ORGANISATION, stream)
            if state is None:
                raise NotFound("There is no such organisation.")
            if not state.retired:
                unit.append(ORGANISATION, stream, OrganisationRetired(slug=slug))
            return Saved(id=stream, version=unit.version(stream))

        return await self._run(actor, work)


def organisation_json(state: OrganisationState) -> Json:
    """Return an organisation as the body that defines it, the base of a merge patch."""
    return {
        "slug": state.slug,
        "name": state.name,
        "sender_name": state.sender_name,
        "consent": state.consent,
        "areas": msgspec.to_builtins(state.areas),
        "kinds": msgspec.to_builtins(state.kinds),
    }


def check_body(body: OrganisationBody, known: KnownNames) -> OrganisationDefined:
    """Validate an organisation. Raises Invalid."""
    from alerts.kernel.geometry import validate_area

    sender = validation.text(body.sender_name, "sender_name", SENDER, line=True, needed=True)
    if found := sorted(_NO_NAME & set(sender)):
        raise Invalid.field("sender_name", f"Leave out {' '.join(found)}: e-mail programs read it as an address.")
    if unknown := sorted(set(body.kinds or ()) - set(get_args(NoticeKind))):
        raise Invalid.field("kinds", f"unknown kinds {', '.join(unknown)}; known are {', '.join(get_args(NoticeKind))}")
    consent = {
        validation.language(tag, "consent"): words
        for tag, said in body.consent.items()
        if (words := validation.text(said, f"consent.{tag}", CONSENT, line=True))
    }
    return OrganisationDefined(
        slug=validation.slug(body.slug),
        name=validation.names(body.name),
        sender_name=sender,
        consent=consent,
        areas=validate_area(body.areas, "areas", known.places, known.bounds) if body.areas else None,
        kinds=tuple(kind for kind in get_args(NoticeKind) if kind in body.kinds) if body.kinds else None,
    )
