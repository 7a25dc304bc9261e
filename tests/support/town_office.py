"""A town's office over the real commands, in memory: members, keys and a source, and whatever they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

from alerts.commands import SYSTEM, Actor, ParsedTrigger
from alerts.contract.bodies import AllClearBody, CancelBody, IncidentBody, NoticeBody, SegmentBody
from alerts.domain.events import Policy, PolicyRule
from alerts.domain.roles import SCOPES, scopes_of
from alerts.domain.set_at import POLICY_SET_AT
from alerts.domain.streams import KEY, MEMBER, source_id
from alerts.kernel.errors import DomainError
from alerts.web.http.auth import _actor as actor_of_key
from tests.support import authority
from tests.support.authority import AuthorityOracle
from tests.support.command_rig import CommandRig, rules

CIRCLE = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1.0}}
AREAS = (None, CIRCLE, {"place": "camden"}, {"place": "hackney"})
DANGER = {"severity": "Extreme", "urgency": "Immediate", "certainty": "Observed"}
IN_CAMDEN = rules(PolicyRule(then="issue", areas=[{"place": "camden"}]))
MILD = rules(PolicyRule(then="record", severities=("Extreme",)), PolicyRule(then="issue", kinds=("announcement",)))
POLICIES = (Policy(default="record"), Policy(default="draft"), Policy(default="issue"), IN_CAMDEN, MILD)
ROLES: tuple[tuple[str, Any, Any], ...] = (
    ("viewer", None, None),
    ("author", None, None),
    ("author", [{"place": "camden"}], None),
    ("approver", None, None),
    ("approver", [{"place": "camden"}], None),
    ("approver", None, ("alert",)),
    ("admin", None, None),
)
TEAM = ("ann", "bob", "cat", "dan")
PROGRAMS = ("record", "draft", "issue", "camden", "mild")


def cells_of(geometry: dict[str, Any]) -> authority.Cells:
    if "circle" in geometry:
        return authority.MIDDLE
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    west = [corner[0] for polygon in polygons for corner in polygon[0]]  # the boroughs meet at -0.1
    found = authority.CAMDEN if min(west) < -0.15 else frozenset()
    return found | authority.HACKNEY if max(west) > -0.05 else found


class TownOffice:
    """Everybody who may ask for something. `seen`: what each had on the screen when they looked last."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.rig = CommandRig.in_memory()
        self.oracle, self.followed = AuthorityOracle(cells_of), 0
        self.members: dict[str, UUID] = {}
        self.keys: dict[str, UUID] = {}
        self.seen: dict[str, Actor] = {}
        commands = self.rig.commands
        self.run(commands.define_built_in_topics())
        self.run(self.rig.places())
        self.run(commands.define_segment(SYSTEM, SegmentBody(slug="near", name="Near", rule={"all": []})))
        self.run(commands.invite_member(SYSTEM, "eve@example.org", "admin", "eve"))  # the last administrator stays
        first = (("author", None, None), ("approver", None, None), ROLES[4], ROLES[1])
        for name, role in zip(TEAM, first, strict=True):
            self.grant(name, role)
        everything = tuple(scope for scope in SCOPES if scope != "team:write")
        for name in ("ann", "bob"):
            held = self.run(
                commands.issue_api_key(SYSTEM, name, everything, Policy(default="issue"), self.members[name])
            )
            self.keys[f"{name}'s key"] = held.id
        for name, policy in zip(PROGRAMS, POLICIES, strict=True):
            scopes = tuple(scope for scope in everything if scope != "notices:approve")
            self.keys[name] = self.run(commands.issue_api_key(SYSTEM, name, scopes, policy)).id
        self.run(commands.connect_source(SYSTEM, "met", "standard-webhook", "draft"))
        self.notices: list[UUID] = []
        self.reports = 0
        self.follow()

    def close(self) -> None:
        """Let everything go."""
        self.rig.close()
        self.loop.close()

    # --- how it is asked

    def run(self, command: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(command)

    def actor(self, name: str) -> Actor:
        """The caller as the web authenticates it at this moment."""
        log = self.rig.log
        if name in self.members:
            member = log.state(MEMBER, self.members[name])
            assert member is not None
            return Actor(
                kind="person",
                id=str(member.id),
                name=name,
                person=member.id,
                scopes=scopes_of(member.role, SCOPES),
                member_version=member.version,
            )
        key = log.state(KEY, self.keys[name])
        assert key is not None
        set_at = log.state(POLICY_SET_AT, key.id)
        return actor_of_key(key, key.person and log.state(MEMBER, key.person), set_at and set_at.position)

    def ask(self, name: str, hurried: bool, scope: str, command: Any, *args: Any, **more: Any) -> Any:
        """Answer of a command; None if the caller has not the scope, or is refused."""
        actor = self.seen.get(name) if hurried else None
        actor = self.seen[name] = actor or self.actor(name)
        if scope not in actor.scopes:
            return None
        self.oracle.acting = self.keys.get(name)
        before = self.rig.log.position()
        try:
            answer = self.run(command(actor, *args, **more))
        except DomainError as error:
            assert error.message
            answer = None
            # What is refused changes nothing, but for an approval that does not hold any more.
            assert set(self.rig.topics(before)) <= {"ApprovalVoided"}, error
        self.follow()
        return answer

    def follow(self) -> None:
        for recorded in self.rig.log.read(self.followed, 10_000):
            self.oracle.follow(recorded)
            self.followed = recorded.position

    # --- the commands

    def draft(self, who: str, hurried: bool, body: NoticeBody) -> UUID | None:
        return self.known(self.ask(who, hurried, "notices:write", self.rig.commands.draft_notice, body))

    def edit(self, who: str, hurried: bool, notice: UUID, patch: dict[str, Any]) -> None:
        self.ask(who, hurried, "notices:write", self.rig.commands.revise_notice, notice, patch)

    def submit(self, who: str, hurried: bool, notice: UUID) -> None:
        self.ask(who, hurried, "notices:write", self.rig.commands.submit, notice)

    def give_back(self, who: str, hurried: bool, notice: UUID) -> None:
        self.ask(who, hurried, "notices:approve", self.rig.commands.return_, notice, "Look again.")

    def approve(self, who: str, hurried: bool, notice: UUID) -> None:
        state = self.rig.notice(notice)
        self.run(self.rig.settled())
        seen = (state.version, self.oracle.people(state.plan))
        self.ask(who, hurried, "notices:approve", self.rig.commands.approve, notice, *seen)

    def issue(self, who: str, hurried: bool, notice: UUID) -> None:
        self.run(self.rig.settled())
        self.ask(who, hurried, "notices:issue", self.rig.commands.issue, notice)

    def schedule(self, who: str, hurried: bool, notice: UUID) -> None:
        at = self.rig.now + timedelta(hours=1)
        self.ask(who, hurried, "notices:issue", self.rig.commands.schedule, notice, at)

    def update(self, who: str, hurried: bool, notice: UUID, body: NoticeBody) -> None:
        self.known(self.ask(who, hurried, "notices:write", self.rig.commands.update, notice, body))

    def end(self, who: str, hurried: bool, notice: UUID, over: bool) -> None:
        command = self.rig.commands.all_clear if over else self.rig.commands.cancel
        body = AllClearBody() if over else CancelBody(reason="A mistake.")
        self.ask(who, hurried, "notices:issue", command, notice, body)

    def report(self, who: str, hurried: bool, area: Any, extreme: bool) -> None:
        self.ask(who, hurried, "incidents:write", self.rig.commands.report_incident, self.incident(area, extreme))

    def known(self, made: Any) -> UUID | None:
        """Remember a notice that was made."""
        if made is None:
            return None
        self.notices.append(made.id)
        return UUID(str(made.id))

    def webhook(self, area: Any, extreme: bool) -> None:
        """The source tells of its one incident; each time it is a revision."""
        source, self.oracle.acting = self.rig.source_state("met"), source_id("met")
        body = self.incident(area, extreme)
        parsed = ParsedTrigger(f"msg-{self.reports}", "incident.reported", "d" * 64, "{}", body)
        try:
            self.run(self.rig.commands.take_trigger(source, parsed))
        except DomainError as error:
            assert error.message
        self.follow()

    def incident(self, area: Any, extreme: bool) -> IncidentBody:
        self.reports += 1
        more = DANGER if extreme else {"severity": "Minor"}
        return IncidentBody(headline=f"Gas {self.reports}", category="Infra", area=area, source_ref="gas", **more)

    def grant(self, name: str, role: tuple[str, Any, Any]) -> None:
        granted = self.run(self.rig.commands.invite_member(SYSTEM, f"{name}@example.org", role[0], name, *role[1:]))
        self.members[name] = granted.id

    def many_move_in(self) -> None:
        """51 people: more than an approval's count may move."""
        if self.oracle.crowd < 102:
            for number in range(self.oracle.crowd, self.oracle.crowd + 51):
                self.run(self.rig.resident(f"r{number}@example.org"))
            self.oracle.crowd += 51

    def wait(self, hours: int) -> None:
        """Time passes, and what is due happens."""
        self.rig.pass_time(hours=hours)
        self.run(self.rig.settled())
        self.oracle.acting = None
        self.run(self.rig.due())
        self.follow()
