"""Access commands: sources, API keys, team members of the console."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, cast, get_args
from uuid import UUID

import msgspec

from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.console_sessions import end_sessions
from alerts.commands.credentials import hash_secret, new_api_key, new_source_secret
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import KeySaved, MemberSaved, SourceSaved
from alerts.commands.sign_in_ways import end_ways
from alerts.commands.team_devices import end_devices
from alerts.domain.events import (
    ApiKeyIssued,
    ApiKeyRevoked,
    Policy,
    RoleGranted,
    RoleRevoked,
    SignInsEnded,
    SourceConnected,
    SourceDisconnected,
    SourceRevised,
    SourceSecretRotated,
    TeamMemberInvited,
)
from alerts.domain.reference_data import MemberState, SourceState
from alerts.domain.roles import OF_A_PERSON, ROLES, SCOPES
from alerts.domain.streams import KEY, MEMBER, SOURCE, source_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Invalid, NotFound, Stale
from alerts.kernel.events import Recorded
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import NoticeKind, PolicyAnswer
from subscribers.addresses import Owner
from subscribers.addresses import email as checked_email

Json = dict[str, Any]
Said = Policy | Json | str | None
"""A policy: as a struct, as the JSON of a policy file, as one word for everything, or None for the default."""
MEMBERS = "member"
"""Channel name of team members' e-mail addresses in the address index; keeps them apart from subscribers'."""
_GRANTS = 100_000
"""Upper limit of granted roles that are read."""
_IN_TEAM = "This address is in the team already: change the role on their page."
KINDS = ("standard-webhook", "cap", "json")


def check_policy(raw: Said, known: KnownNames) -> Policy:
    """Parse a policy from a file's JSON or one word (CONTRACT "Policy file"); None is `draft`. Raises Invalid."""
    from alerts.kernel.geometry import validate_area

    if raw is None:
        return Policy()
    if isinstance(raw, Policy):
        raw = cast(Json, msgspec.to_builtins(raw))
    if isinstance(raw, str):
        if raw not in get_args(PolicyAnswer):
            raise Invalid.field("policy", f"{raw!r} is no policy: write record, draft or issue, or give a policy file.")
        return Policy(default=raw)  # type: ignore[arg-type]  # just checked
    unknown = set(raw) - {"version", "default", "rules", "organisation"}
    if unknown:
        raise Invalid.field(
            "policy", f"A policy has version, default, rules and organisation, not {', '.join(sorted(unknown))}."
        )
    if not isinstance(given := raw.get("rules", []), list | tuple):
        raise Invalid.field("policy.rules", "This is a list of rules.")
    rules = []
    for index, rule in enumerate(given):
        field = f"policy.rules.{index}"
        if not isinstance(rule, dict) or set(rule) - {"then", "kinds", "areas", "severities"}:
            raise Invalid.field(field, "A rule has then, and may have kinds, areas and severities.")
        areas = rule.get("areas")
        if areas is not None:
            areas = validate_area(areas, f"{field}.areas", known.places)
        rules.append({**rule, "areas": areas})
    try:
        policy = msgspec.convert({**raw, "rules": rules}, Policy)
    except msgspec.ValidationError as error:
        raise Invalid.field("policy", f"The policy cannot be read: {error}") from None
    known.organisation(policy.organisation, "policy.organisation")
    return policy


def check_role(
    role: str, areas: Any, kinds: Sequence[str] | None, known: KnownNames, organisations: Sequence[str] | None = None
) -> RoleGranted:
    """Validate a role with its limits. Raises Invalid."""
    from alerts.kernel.geometry import validate_area

    if role not in ROLES:
        raise Invalid.field("role", f"{role!r} is no role: take one of {', '.join(ROLES)}.")
    if unknown := sorted(set(kinds or ()) - set(get_args(NoticeKind))):
        raise Invalid.field("kinds", f"unknown kinds {', '.join(unknown)}; known are {', '.join(get_args(NoticeKind))}")
    if role == "admin" and (areas or kinds or organisations):
        raise Invalid.field(
            "role", "An administrator has no limits: leave areas, kinds and organisations out, or take another role."
        )
    for slug in organisations or ():
        known.organisation(slug, "organisations")
    return RoleGranted(
        role=role,
        areas=validate_area(areas, "areas", known.places, known.bounds) if areas else None,
        kinds=tuple(kind for kind in get_args(NoticeKind) if kind in kinds) if kinds else None,
        organisations=tuple(sorted(set(organisations))) if organisations else None,
    )


class TeamCommands(CommandBase):
    """Sources, API keys and team members. A secret is returned once, in the result that creates it."""

    async def checked_policy(self, policy: Said) -> Policy:
        """Validate a policy and store nothing. Raises Invalid."""
        return await self._checked(lambda known: check_policy(policy, known), heavy=True)

    async def connect_source(
        self, actor: Actor, name: str, kind: str, policy: Said = None, mapping: Json | None = None
    ) -> SourceSaved:
        """Connect a webhook integration. Its secret signs requests and also works as a bearer token."""
        validation.slug(name, "name")
        if kind not in KINDS:
            raise Invalid.field("kind", f"{kind!r} is no kind of source: take {', '.join(KINDS)}.")
        await _check_mapping(kind, mapping)
        checked = await self._checked(lambda known: check_policy(policy, known), heavy=True)
        secret = new_source_secret()

        def work(unit: UnitOfWork) -> SourceSaved:
            before = unit.get(SOURCE, source_id(name))
            if before is not None and before.connected:
                raise Conflict(f"There is a source named {name!r} already.")
            connected = SourceConnected(
                name=name,
                kind=kind,  # type: ignore[arg-type]  # just checked
                policy=checked,
                secret=secret,
                mapping=mapping,
            )
            unit.append(SOURCE, source_id(name), connected)
            return SourceSaved(id=source_id(name), version=unit.version(source_id(name)), name=name, secret=secret)

        return await self._run(actor, work)

    async def revise_source(
        self,
        actor: Actor,
        name: str,
        policy: Said = None,
        mapping: Json | None = None,
        *,
        idem: Idempotency | None = None,
    ) -> SourceSaved:
        """Replace the policy, the mapping or both; None leaves it unchanged.

        The policy's version is raised automatically unless a higher one is given.
        """
        if policy is None and mapping is None:
            raise Invalid("Say what to revise: a policy, a mapping or both.")
        checked = await self._checked(lambda known: check_policy(policy, known), heavy=True)
        if mapping is not None:
            await _check_mapping("json", mapping)

        def work(unit: UnitOfWork) -> SourceSaved:
            state = _source(unit, name)
            if mapping is not None and state.kind != "json":
                raise Invalid.field("mapping", f"A source of kind {state.kind} takes no mapping.")
            said = state.policy
            if policy is not None:
                said = msgspec.structs.replace(checked, version=max(checked.version, state.policy.version + 1))
                if isinstance(policy, str):  # one word says what it may do, not in whose name
                    said = msgspec.structs.replace(said, organisation=state.policy.organisation)
            revised = SourceRevised(policy=said, mapping=state.mapping if mapping is None else mapping)
            unit.append(SOURCE, state.id, revised)
            return SourceSaved(id=state.id, version=unit.version(state.id), name=name)

        return await self._run(actor, work, idem)

    async def rotate_source_secret(
        self, actor: Actor, name: str, *, overlap: timedelta | None = None, version: int | None = None
    ) -> SourceSaved:
        """Issue a new secret. The old one is refused at once, or taken too for the time of `overlap`.

        Raises Stale if `version` is given and not the current one: a second press must not void the first one's secret.
        """
        secret = new_source_secret()

        def work(unit: UnitOfWork) -> SourceSaved:
            state = _source(unit, name)
            if not state.connected:
                raise Conflict(f"The source {name!r} is disconnected: connect it again.")
            if version not in (None, state.version):
                raise Stale("This source was changed in the meantime: look at it again.")
            until = unit.now + overlap if overlap is not None else None
            unit.append(SOURCE, state.id, SourceSecretRotated(secret=secret, old_until=until))
            return SourceSaved(id=state.id, version=unit.version(state.id), name=name, secret=secret)

        return await self._run(actor, work)

    async def end_old_secret(self, actor: Actor, name: str) -> SourceSaved:
        """Refuse the secret before the last rotation from now on. Idempotent."""

        def work(unit: UnitOfWork) -> SourceSaved:
            state = _source(unit, name)
            if state.old_until is not None:
                unit.append(SOURCE, state.id, SourceSecretRotated(secret=state.secret))
            return SourceSaved(id=state.id, version=unit.version(state.id), name=name)

        return await self._run(actor, work)

    async def disconnect_source(self, actor: Actor, name: str) -> SourceSaved:
        """Disconnect a source: its webhooks are refused from now on."""

        def work(unit: UnitOfWork) -> SourceSaved:
            state = _source(unit, name)
            if state.connected:
                unit.append(SOURCE, state.id, SourceDisconnected())
            return SourceSaved(id=state.id, version=unit.version(state.id), name=name)

        return await self._run(actor, work)

    async def issue_api_key(
        self,
        actor: Actor,
        name: str,
        scopes: Sequence[str],
        policy: Said = None,
        person: UUID | None = None,
        rate: float | None = None,
    ) -> KeySaved:
        """Issue an API key for programs.

        `person`: the team member it is issued for, who is compared in approvals. `rate`: the key's own limit, in
        requests per second.
        """
        name = validation.text(name, "name", validation.NAME, line=True, needed=True)
        wanted = tuple(scope for scope in SCOPES if scope in scopes)
        if unknown := sorted(set(scopes) - set(SCOPES)):
            raise Invalid.field("scopes", f"unknown scopes {', '.join(unknown)}; known are {', '.join(SCOPES)}")
        if not wanted:
            raise Invalid.field("scopes", f"Give at least one scope of {', '.join(SCOPES)}.")
        if person is None and (personal := [scope for scope in wanted if scope in OF_A_PERSON]):
            raise Invalid.field("scopes", f"Only a person may: {personal[0]} needs a key issued --for somebody.")
        if rate is not None and not 0 < rate <= 1e6:
            raise Invalid.field("rate", "Give the requests a second that this key may make, from above 0 to 1,000,000.")
        checked = await self._checked(lambda known: check_policy(policy, known), heavy=True)
        secret, key = new_api_key(), new_id()

        def work(unit: UnitOfWork) -> KeySaved:
            if person is not None and unit.get(MEMBER, person) is None:
                raise NotFound("There is no such team member.")
            issued = ApiKeyIssued(
                name=name, scopes=wanted, policy=checked, secret_hash=hash_secret(secret), person=person, rate=rate
            )
            unit.append(KEY, key, issued)
            return KeySaved(id=key, version=unit.version(key), secret=secret)

        return await self._run(actor, work)

    async def revoke_api_key(self, actor: Actor, key: UUID) -> KeySaved:
        """Revoke an API key: refused from now on."""

        def work(unit: UnitOfWork) -> KeySaved:
            state = unit.get(KEY, key)
            if state is None:
                raise NotFound("There is no such key.")
            if not state.revoked:
                unit.append(KEY, key, ApiKeyRevoked())
            return KeySaved(id=key, version=unit.version(key))

        return await self._run(actor, work)

    async def invite_member(
        self,
        actor: Actor,
        email: str,
        role: str,
        name: str = "",
        areas: Any = None,
        kinds: Sequence[str] | None = None,
        *,
        organisations: Sequence[str] | None = None,
        anew: bool = False,
        idem: Idempotency | None = None,
    ) -> MemberSaved:
        """Invite a person to the console, or grant another role to the member with that address.

        `areas` (AREA of the contract) and `kinds` (of notices) limit what the role is for, `organisations` in whose
        names; None is no limit. `anew`: refuse somebody who is in the team, whose role and limits would be replaced.
        """
        address = checked_email(email)
        granted = await self._checked(lambda known: check_role(role, areas, kinds, known, organisations), heavy=True)
        named = validation.text(name, "name", validation.NAME, line=True) or None
        admins = await self._once_admins()

        def work(unit: UnitOfWork) -> MemberSaved:
            owner = self._addresses.find(unit.read, MEMBERS, address)
            member = owner.subscriber if owner else new_id()
            before = unit.get(MEMBER, member)
            if anew and before is not None and before.role is not None:
                raise Invalid.field("email", _IN_TEAM)
            if before is None:
                contact = contact_number(unit.number("contact"), member)
                self._addresses.claim(unit, MEMBERS, address, Owner(member, contact))
                unit.append(MEMBER, member, TeamMemberInvited(email=address, name=named, contact=contact))
            if before is None or _grant_of(before) != granted:
                if before is not None and before.role == "admin":
                    _keep_an_admin(unit, member, admins)
                unit.append(MEMBER, member, granted)
            return MemberSaved(id=member, version=unit.version(member), created=before is None)

        return await self._run(actor, work, idem)

    async def remove_member(self, actor: Actor, member: UUID) -> MemberSaved:
        """Remove a person from the team: their sign-ins end, their links and keys open nothing any more. Idempotent.

        Raises Conflict for the last administrator.
        """
        admins = await self._once_admins()

        def work(unit: UnitOfWork) -> MemberSaved:
            state = _member(unit, member)
            if state.role == "admin":
                _keep_an_admin(unit, member, admins)
            if state.role is not None:
                unit.append(MEMBER, member, RoleRevoked())
            end_sessions(unit, member)
            end_ways(unit, member)
            end_devices(unit, member)
            return MemberSaved(id=member, version=unit.version(member))

        return await self._run(actor, work)

    async def end_sign_ins(self, actor: Actor, member: UUID) -> MemberSaved:
        """End every sign-in of a person on every device, and void their unused links; they may sign in again.

        Their devices show the team's notifications no more, for one of them may be lost.
        """

        def work(unit: UnitOfWork) -> MemberSaved:
            state = _member(unit, member)
            if state.role is not None:
                unit.append(MEMBER, member, SignInsEnded())
            end_sessions(unit, member)
            end_devices(unit, member)
            return MemberSaved(id=member, version=unit.version(member))

        return await self._run(actor, work)

    async def _once_admins(self) -> frozenset[UUID]:
        """Return everybody who was ever granted the role admin: who of them has it still, the transaction finds."""

        def read() -> frozenset[UUID]:
            granted = self._log.read_each(0, _GRANTS, (RoleGranted.topic(),), unseal=False)
            return frozenset(
                one.originator_id
                for one in granted
                if isinstance(one, Recorded) and isinstance(one.event, RoleGranted) and one.event.role == "admin"
            )

        return await asyncio.to_thread(read)


def _grant_of(state: MemberState) -> RoleGranted | None:
    """Return the grant that gave a member their role and limits; None without a role."""
    if state.role is None:
        return None
    return RoleGranted(role=state.role, areas=state.areas, kinds=state.kinds, organisations=state.organisations)


def _member(unit: UnitOfWork, member: UUID) -> MemberState:
    state = unit.get(MEMBER, member)
    if state is None:
        raise NotFound("There is no such team member.")
    return state


def _keep_an_admin(unit: UnitOfWork, leaving: UUID, admins: Iterable[UUID]) -> None:
    """Refuse to leave the team without an administrator. Raises Conflict."""
    others = (unit.get(MEMBER, member) for member in admins if member != leaving)
    if not any(other is not None and other.role == "admin" for other in others):
        raise Conflict("First make somebody else administrator.")


async def _check_mapping(kind: str, mapping: Json | None) -> None:
    """Require a readable mapping for a source of kind json and none for others. Raises Invalid."""
    if kind != "json" and mapping is not None:
        raise Invalid.field("mapping", f"A source of kind {kind} takes no mapping.")
    if kind != "json":
        return
    if mapping is None:
        raise Invalid.field("mapping", "A source of kind json needs a mapping: what of its JSON means what.")
    from alerts.intake.json_mapping import read_mapping  # JMESPath: only where such sources are

    await asyncio.to_thread(read_mapping, mapping)


def _source(unit: UnitOfWork, name: str) -> SourceState:
    state = unit.get(SOURCE, source_id(name))
    if state is None:
        raise NotFound(f"There is no source named {name!r}.")
    return state
