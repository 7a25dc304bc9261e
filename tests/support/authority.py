"""Second computation, from the log, of the authority behind each issue (RULES 13, 16, 17).

Nothing of the product's decisions is used: roles, policies, hands and approvals are followed by hand, and areas are
sets of named cells instead of polygons. A notice that was issued otherwise than the rules ask is a fault in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from alerts.domain import events as e
from alerts.kernel.events import Recorded

Cells = frozenset[str]
MIDDLE, CAMDEN, HACKNEY = frozenset("m"), frozenset("mc"), frozenset("h")
EVERYWHERE = frozenset("mchx")
"""x: everything beyond the two boroughs."""
_LADDER = ("viewer", "author", "approver", "admin")
_ENDINGS = ("Cancel", "AllClear")
CellsOf = Callable[[dict[str, Any]], Cells]
"""Cells of a geometry: of a place's polygon, or of a circle."""


@dataclass
class Approval:
    """An approval, as it was given."""

    approver: str
    plan: e.NoticePlan
    people: int | None
    cells: Cells
    segments: dict[str, Any]


@dataclass
class Notice:
    """State of a notice, as far as the log has been followed."""

    plan: e.NoticePlan
    msg_type: str
    thread: UUID
    hands: set[str]
    approval: Approval | None = None
    send_at: Any = None
    issued: bool = False


@dataclass
class Bound:
    """A policy, and the cells of each area that it named when it was set."""

    name: str
    policy: e.Policy
    areas: list[Cells | None]
    person: UUID | None = None


@dataclass
class AuthorityOracle:
    """Follows the log and collects faults. `crowd`: how many people live in the middle cell."""

    cells_of: CellsOf
    crowd: int = 0
    acting: UUID | None = None
    """Key or source whose command is being followed; None for a person in the console, and for the clock."""
    faults: list[str] = field(default_factory=list)
    issued: int = 0
    roles: dict[str, e.RoleGranted | None] = field(default_factory=dict)
    bound: dict[UUID, Bound] = field(default_factory=dict)
    places: dict[str, Cells] = field(default_factory=dict)
    segments: dict[str, Any] = field(default_factory=dict)
    notices: dict[UUID, Notice] = field(default_factory=dict)
    at_issue: dict[UUID, list[tuple[e.NoticePlan, Cells]]] = field(default_factory=dict)
    """Issued notices of each thread, with their cells at that moment."""

    def follow(self, recorded: Recorded) -> None:
        """Take one event into account."""
        event, subject = recorded.event, recorded.originator_id
        match event:
            case e.RoleGranted():
                self.roles[f"person:{subject}"] = event
            case e.RoleRevoked():
                self.roles[f"person:{subject}"] = None
            case e.ApiKeyIssued():
                self.bound[subject] = self._bind(event.name, event.policy, event.person)
            case e.SourceConnected():
                self.bound[subject] = self._bind(event.name, event.policy)
            case e.SourceRevised():
                self.bound[subject] = self._bind(self.bound[subject].name, event.policy)
            case e.PlaceDefined() | e.PlaceRevised():
                self.places[event.slug] = self.cells_of(event.geometry)
            case e.SegmentDefined() | e.SegmentRevised():
                self.segments[event.slug] = event.rule
            case _:
                self._follow_notice(recorded)

    def _follow_notice(self, recorded: Recorded) -> None:
        event, by = recorded.event, recorded.by
        if isinstance(event, e.NoticeDrafted):
            self.notices[recorded.originator_id] = Notice(event.plan, event.msg_type, event.thread, {by})
        notice = self.notices.get(recorded.originator_id)
        if notice is None:
            return
        match event:
            case e.NoticeRevised():
                notice.plan, notice.approval = event.plan, None
                notice.hands.add(by)
            case e.NoticeSubmitted():
                notice.hands.add(by)
            case e.NoticeReturned() | e.NoticeRejected() | e.ApprovalVoided():
                notice.approval = None
            case e.NoticeApproved():
                self._approved(notice, event, by)
            case e.NoticeScheduled():
                notice.send_at = event.send_at
                self._may_send(notice, by, "scheduled")
            case e.NoticeIssued():
                self._issued(notice, event, recorded)

    # --- the rules

    def _approved(self, notice: Notice, event: e.NoticeApproved, by: str) -> None:
        cells = self.cells(notice.plan)
        notice.approval = Approval(event.approver, notice.plan, event.people, cells, dict(self.segments))
        if event.approver.startswith("policy:"):
            self._check(
                self._policy_issues(notice, event.approver, by),
                f"{event.approver} may not issue: {self._facts(notice)}",
            )
            return
        self._check(event.approver == by, f"approved by {by} in the name of {event.approver}")
        self._check(self._within(by, notice.plan, "approver"), f"{by} may not approve: {self._facts(notice, by)}")
        if notice.msg_type not in _ENDINGS:
            self._check(by not in notice.hands, f"{by} approved what they wrote: {notice}")
            self._check(event.people is not None, f"no count was seen: {notice}")

    def _issued(self, notice: Notice, event: e.NoticeIssued, recorded: Recorded) -> None:
        approval, self.issued = notice.approval, self.issued + 1
        self._check(not notice.issued, f"issued twice: {notice}")
        notice.issued = True
        if approval is None:
            self._check(False, f"issued without an approval: {notice}")
            return
        plan = notice.plan
        self._check(event.plan == plan == approval.plan, f"other words than approved: {notice}")
        self._check(self.cells(plan) == approval.cells, f"a place was redrawn since the approval: {notice}")
        if plan.audience and "segment" in plan.audience:
            self._check(self.segments == approval.segments, f"its segment was changed since the approval: {notice}")
        if approval.people is not None and event.priority != "emergency" and notice.msg_type not in _ENDINGS:
            moved = abs(self.people(plan) - approval.people)
            self._check(moved <= 50 or moved <= approval.people / 10, f"reaches {moved} people more or less: {notice}")
        if recorded.by == "system":
            self._check(notice.send_at is not None and notice.send_at <= recorded.at, f"sent too early: {notice}")
        else:
            self._may_send(notice, recorded.by, "issued")
        self.at_issue.setdefault(notice.thread, []).append((plan, self.cells(plan)))

    def _may_send(self, notice: Notice, by: str, how: str) -> None:
        """A person of the team within their limits, or a program whose policy is not to record only."""
        if by.startswith("person:"):
            self._check(self._within(by, notice.plan, "author"), f"{how} by {by} outside their role: {notice}")
        elif self.acting in self.bound:
            answer = self._answer(self.bound[self.acting], notice.plan, self.cells(notice.plan))
            self._check(answer != "record", f"{how} by a policy that says record: {notice}")
        else:
            self._check(False, f"{how} by {by}: {notice}")

    def _policy_issues(self, notice: Notice, approver: str, by: str) -> bool:
        bound = self.bound.get(self.acting) if self.acting is not None else None
        if bound is None or approver != f"policy:{bound.name}@{bound.policy.version}":
            return False
        if bound.person is not None and not self._within(by, notice.plan, "approver"):
            return False
        members = [(notice.plan, self.cells(notice.plan)), *self.at_issue.get(notice.thread, ())]
        return all(self._answer(bound, plan, cells) == "issue" for plan, cells in members)

    def _within(self, person: str, plan: e.NoticePlan, least: str) -> bool:
        """True if the person's role is at least that, and the plan lies within its kinds and areas."""
        role = self.roles.get(person)
        if role is None or _LADDER.index(role.role) < _LADDER.index(least):
            return False
        if role.kinds is not None and plan.kind not in role.kinds:
            return False
        return role.areas is None or self.cells(plan) <= self._union(role.areas)

    @staticmethod
    def _answer(bound: Bound, plan: e.NoticePlan, cells: Cells) -> str:
        for rule, areas in zip(bound.policy.rules, bound.areas, strict=True):
            if rule.kinds is not None and plan.kind not in rule.kinds:
                continue
            if rule.severities is not None and plan.severity not in rule.severities:
                continue
            if areas is not None and not cells <= areas:
                continue
            return rule.then
        return bound.policy.default

    # --- areas and people

    def cells(self, plan: e.NoticePlan) -> Cells:
        """Cells that a plan's area has now; everywhere without one."""
        return EVERYWHERE if plan.area is None else self._union(plan.area)

    def people(self, plan: e.NoticePlan) -> int:
        """Number of people that a plan reaches now: they all live in the middle."""
        rule = plan.audience or {"all": []}
        if "segment" in rule:
            rule = self.segments[rule["segment"]]
        touched = EVERYWHERE if "touches" not in rule else self.places[rule["touches"]["place"]]
        return self.crowd if self.cells(plan) & touched & MIDDLE else 0

    def _union(self, areas: list[dict[str, Any]]) -> Cells:
        found = [self.places[part["place"]] if "place" in part else self.cells_of(part) for part in areas]
        return frozenset().union(*found)

    def _bind(self, name: str, policy: e.Policy, person: UUID | None = None) -> Bound:
        areas = [None if rule.areas is None else self._union(rule.areas) for rule in policy.rules]
        return Bound(name, policy, areas, person)

    def _facts(self, notice: Notice, by: str = "") -> str:
        """Facts by which a rule was judged, in words."""
        bound = self.bound.get(self.acting) if self.acting is not None else None
        return f"{self.places} {self.roles.get(by)} {bound} {self.at_issue.get(notice.thread)} {notice}"

    def _check(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)
