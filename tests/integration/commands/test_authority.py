"""The team, keys and sources at work in any order: nothing is issued by fewer people than the rules ask.

The commands are the real ones, in memory, and their callers are authenticated as by the web; the judge follows the log
a second time (`tests/support/authority.py`; RULES 13, 16 to 18).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alerts.commands import SYSTEM
from alerts.contract.bodies import ContentBody, NoticeBody, PlaceBody, SegmentBody
from alerts.domain.events import Policy
from tests.support import authority
from tests.support.command_rig import CAMDEN, HACKNEY
from tests.support.town_office import AREAS, CIRCLE, DANGER, POLICIES, PROGRAMS, ROLES, TEAM, TownOffice

BOTH = {"type": "MultiPolygon", "coordinates": [CAMDEN["coordinates"], HACKNEY["coordinates"]]}
HACKNEYS = {"touches": {"place": "hackney"}}
WORDS = {title: {"en": ContentBody(title=title)} for title in ("One", "Two")}
BODIES = st.builds(
    lambda kind, title, area, audience, danger: NoticeBody(
        kind=kind, content=WORDS[title], area=area, audience=audience, **(DANGER if danger and kind == "alert" else {})
    ),
    st.sampled_from(["announcement", "alert"]),
    st.sampled_from(["One", "Two"]),
    st.sampled_from(AREAS),
    st.sampled_from([{"all": []}, {"segment": "near"}]),
    st.booleans(),
)
PATCHES = st.sampled_from(
    [
        {"content": {"en": {"title": "Three"}}},
        {"area": {"place": "hackney"}},
        {"area": CIRCLE},
        {"kind": "alert"},
        {"severity": "Extreme", "urgency": "Immediate", "certainty": "Observed"},
    ]
)
WHO = st.sampled_from([*TEAM, "ann's key", "bob's key", *PROGRAMS])
WRITERS = st.sampled_from(["ann", "ann", "dan", "bob", "cat", "ann's key"])
DECIDERS = st.sampled_from(["bob", "bob", "cat", "cat", "dan", "bob's key"])
AREA, SEVERE = st.sampled_from(AREAS), st.booleans()
REPORTS = st.lists(st.tuples(AREA, SEVERE), min_size=1, max_size=2)
ASKED = ("draft", "edit", "submit", "give_back", "approve", "issue", "schedule", "update", "end", "report")
CHANGED = ("role", "dismissal", "policy", "place", "segment", "crowd", "webhook", "webhook", "time")
BETWEEN = st.lists(
    st.sampled_from(["", "", "edit", "submit", "role", "role", "place", "segment", "crowd", "time"]),
    min_size=4,
    max_size=4,
)
HURRIED = st.booleans()
"""True: the page was opened before what happened last."""


class Authority(RuleBasedStateMachine):
    """Asks the office at random, and has the judge look at what became of it."""

    office: TownOffice

    @initialize()
    def opened(self) -> None:
        self.office = TownOffice()

    def teardown(self) -> None:
        if hasattr(self, "office"):
            self.office.close()

    # --- what happens

    @rule(
        body=BODIES,
        writers=st.tuples(WRITERS, WRITERS),
        deciders=st.tuples(DECIDERS, DECIDERS),
        hurried=st.sets(st.integers(0, 3)),
        between=BETWEEN,
        later=HURRIED,
        data=st.data(),
    )
    def whole_life(
        self,
        body: NoticeBody,
        writers: Any,
        deciders: Any,
        hurried: set[int],
        between: list[str],
        later: bool,
        data: st.DataObject,
    ) -> None:
        """Written, submitted, approved and sent by those four, while other things happen.

        Whether these are people enough, and may do that still, is for the rules to say.
        """
        people = [*writers, *deciders]
        self.office.seen |= {name: self.office.actor(name) for name in people}
        if (made := self.office.draft(writers[0], 0 in hurried, body)) is None:
            return
        self.meddle(between[0], made, people, data)
        self.office.submit(writers[1], 1 in hurried, made)
        self.meddle(between[1], made, people, data)
        self.office.approve(deciders[0], 2 in hurried, made)
        self.meddle(between[2], made, people, data)
        if not later:
            self.office.issue(deciders[1], 3 in hurried, made)
            return
        self.office.schedule(deciders[1], 3 in hurried, made)
        self.meddle(between[3], made, people, data)
        self.office.wait(1)

    @rule(body=BODIES, who=st.sampled_from(PROGRAMS), between=BETWEEN, data=st.data())
    def program(self, body: NoticeBody, who: str, between: list[str], data: st.DataObject) -> None:
        """A program drafts and sends alone."""
        if (made := self.office.draft(who, False, body)) is not None:
            self.meddle(between[0], made, ["ann"], data)
            self.office.issue(who, False, made)

    @rule(policies=st.lists(st.sampled_from(POLICIES), min_size=2, max_size=2), reports=REPORTS)
    def source(self, policies: list[Policy], reports: list[tuple[Any, bool]]) -> None:
        """A source tells of an incident that spreads, and its policy is changed meanwhile."""
        for policy in policies:
            self.office.run(self.office.rig.commands.revise_source(SYSTEM, "met", policy))
            for area, severe in reports:
                self.office.webhook(area, severe)

    @rule(what=st.sampled_from(ASKED), who=WHO, hurried=HURRIED, data=st.data())
    def ask_for(self, what: str, who: str, hurried: bool, data: st.DataObject) -> None:
        """Somebody presses a button, or a program calls."""
        if what == "draft":
            self.office.draft(who, hurried, data.draw(BODIES))
        elif what == "report":
            self.office.report(who, hurried, data.draw(AREA), data.draw(SEVERE))
        elif self.office.notices:
            more = {"edit": PATCHES, "update": BODIES, "end": SEVERE}.get(what)
            notice = data.draw(st.sampled_from(self.office.notices))
            getattr(self.office, what)(who, hurried, notice, *([data.draw(more)] if more is not None else []))

    @rule(what=st.sampled_from(CHANGED), data=st.data())
    def change(self, what: str, data: st.DataObject) -> None:
        """Something around them changes."""
        office, commands = self.office, self.office.rig.commands
        match what:
            case "role":
                office.grant(data.draw(st.sampled_from(TEAM)), data.draw(st.sampled_from(ROLES)))
            case "dismissal":
                office.run(commands.remove_member(SYSTEM, office.members[data.draw(st.sampled_from(TEAM))]))
            case "policy":
                office.run(commands.revise_source(SYSTEM, "met", data.draw(st.sampled_from(POLICIES))))
            case "place":
                drawn = CAMDEN if office.oracle.places["camden"] > authority.CAMDEN else BOTH
                place = PlaceBody(slug="camden", name={"en": "Camden"}, area=drawn)
                office.run(commands.define_place(SYSTEM, place))
            case "segment":
                meant = {"touches": {"place": "hackney"}} if "all" in office.oracle.segments["near"] else {"all": []}
                office.run(commands.define_segment(SYSTEM, SegmentBody(slug="near", name="Near", rule=meant)))
            case "crowd":
                office.many_move_in()
            case "webhook":
                office.webhook(data.draw(AREA), data.draw(SEVERE))
            case "time":
                office.wait(data.draw(st.sampled_from([1, 6])))
        office.follow()

    def meddle(self, what: str, notice: UUID, people: list[str], data: st.DataObject) -> None:
        """Something happens between two steps: to the notice, or to one of its people."""
        match what:
            case "":
                pass
            case "edit":
                self.office.edit(data.draw(WRITERS), False, notice, data.draw(PATCHES))
            case "submit":
                self.office.submit(data.draw(WHO), False, notice)
            case "role":
                self.office.grant(
                    data.draw(st.sampled_from(people)).partition("'")[0], data.draw(st.sampled_from(ROLES))
                )
            case _:
                self.change(what=what, data=data)
        self.office.follow()

    @invariant()
    def nothing_was_sent_by_fewer_than_the_rules_ask(self) -> None:
        if hasattr(self, "office"):
            assert not self.office.oracle.faults, "\n".join(self.office.oracle.faults)


TestAuthority = Authority.TestCase
TestAuthority.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def _approve_own_words(real: Any) -> Any:
    return lambda state, **more: real(msgspec.structs.replace(state, hands=frozenset()), **more)


WEAKENED: list[tuple[str, Callable[[Any], Any]]] = [
    ("alerts.domain.notice_lifecycle.decide_approve", _approve_own_words),
    ("alerts.domain.notice_lifecycle.count_moved", lambda _: lambda before, now: False),
    ("alerts.commands.notices.check_plan", lambda _: lambda *given, **more: None),
    ("alerts.commands.base.check_unchanged", lambda _: lambda *given: None),
    ("alerts.commands.notices.revoke_if_changed", lambda _: lambda *given: None),
    ("alerts.commands.due_items.changed_since_approval", lambda _: lambda *given: ""),
    ("alerts.commands.notices.single_approver", lambda _: lambda unit, actor, state: actor.by),
    (
        "alerts.commands.subject_notices.policy_decision",
        lambda real: lambda unit, actor, plan, thread=(): real(unit, actor, plan),
    ),
    ("alerts.web.http.auth.policy_of", lambda _: lambda role, policy: policy),
]
"""A rule of the product, and how it is taken away."""


@pytest.mark.soak
@pytest.mark.parametrize(("rule", "without"), WEAKENED, ids=[name.rpartition(".")[2] for name, _ in WEAKENED])
def test_each_rule_taken_away_is_noticed(monkeypatch: pytest.MonkeyPatch, rule: str, without: Any) -> None:
    module, _, name = rule.rpartition(".")
    monkeypatch.setattr(rule, without(getattr(import_module(module), name)))
    hunting = settings(TestAuthority.settings, max_examples=300, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Authority, settings=hunting)
