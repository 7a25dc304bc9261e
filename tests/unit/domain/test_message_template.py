"""A template's life as a state machine, and what keeps it from being published."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.domain import message_template as life
from alerts.domain.events import Blank, Content, TemplateDrafted, TemplateText
from alerts.domain.message_template import TemplateState
from alerts.domain.streams import TEMPLATE
from alerts.kernel.errors import Conflict, DomainError, FieldError, Forbidden, Invalid
from tests.support.memory_stream import Told

PEOPLE = ("person:ann", "person:bob", "person:carol")
ROAD = (Blank(name="road", kind="place"),)
RIGHT = Content(title="No leak in [road]", instruction="You need not stay indoors.")
TEXTS = st.builds(
    TemplateText,
    name=st.just("Gas leak"),
    blanks=st.sampled_from([(), ROAD]),
    content=st.sampled_from([{}, {"en": Content(title="Leak in [road]")}, {"en": Content(title="Leak in [raod]")}]),
    corrections=st.sampled_from([{}, {"en": RIGHT}, {"en": Content(title="No leak")}]),
)


class TemplateMachine(RuleBasedStateMachine):
    """Asks for moves at random, and looks at what is published."""

    told: Told[TemplateState]

    @initialize(text=TEXTS, by=st.sampled_from(PEOPLE))
    def drafted(self, text: TemplateText, by: str) -> None:
        self.told = Told(TEMPLATE)
        self.told.tell(TemplateDrafted(slug="gas", text=text), by=by)
        self.texts = [text]
        self.publishers: list[tuple[str, frozenset[str], TemplateText]] = []
        self.hands = frozenset((by,))

    @property
    def state(self) -> TemplateState:
        assert self.told.state is not None
        return self.told.state

    @rule(text=TEXTS, by=st.sampled_from(PEOPLE))
    def revise(self, text: TemplateText, by: str) -> None:
        before = self.state.current
        try:
            events = life.decide_revise(self.state, text)
        except Conflict:
            assert self.state.retired
            return
        self.told.tell(*events, by=by)
        if events:
            self.texts.append(text)
            self.hands |= {by}
        assert self.state.current == before, "a live edit leaves what is in use"

    @rule(by=st.sampled_from(PEOPLE), guide=st.sampled_from([(), (FieldError("content.en.title", "Too long."),)]))
    def publish(self, by: str, guide: tuple[FieldError, ...]) -> None:
        try:
            events = life.decide_publish(self.state, by, guide)
        except DomainError as error:
            assert isinstance(error, Invalid) or by in self.hands or self.state.retired
            return
        if events:
            assert not guide
            self.publishers.append((by, self.hands, self.texts[-1]))
            self.hands = frozenset()
        self.told.tell(*events, by=by)

    @rule()
    def retire(self) -> None:
        self.told.tell(*life.decide_retire(self.state), by="person:carol")
        assert self.state.current is None

    @invariant()
    def holds(self) -> None:
        for number, (by, hands, text) in enumerate(self.publishers, 1):
            assert by not in hands, "never published by one who wrote a part of it"
            assert set(text.corrections) >= set(text.content) != set(), "never without a correction"
            assert all(words.title and words.instruction for words in text.corrections.values())
            assert "raod" not in text.content["en"].title
            published = self.state.numbered(number)
            assert published is not None and (published.text, published.by) == (text, by)
        assert len(self.state.published) == len(self.publishers)
        assert self.told.refold() == self.state


TemplateMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_life_of_a_template = TemplateMachine.TestCase


def drafted(text: TemplateText) -> TemplateState:
    return Told(TEMPLATE).tell(TemplateDrafted(slug="gas", text=text), by="person:ann")


def complete(**more: object) -> TemplateText:
    """A text that may be published, apart from `more`."""
    fields = {"content": {"en": Content(title="Leak in [road]")}, "corrections": {"en": RIGHT}, "blanks": ROAD}
    return TemplateText(name="Gas leak", **{**fields, **more})  # type: ignore[arg-type]


def test_complete_text_is_published_by_another() -> None:
    (event,) = life.decide_publish(drafted(complete()), "person:bob")
    assert getattr(event, "number", None) == 1


def test_neither_creator_nor_editors_publish() -> None:
    told = Told(TEMPLATE)
    told.tell(TemplateDrafted(slug="gas", text=TemplateText(name="Gas leak")), by="person:ann")
    state = told.tell(*life.decide_revise(told.refold(), complete()), by="person:bob")
    for hand in ("person:ann", "person:bob"):
        with pytest.raises(Forbidden, match="somebody else"):
            life.decide_publish(state, hand)
    state = told.tell(*life.decide_publish(state, "person:carol"), by="person:carol")
    state = told.tell(*life.decide_revise(state, complete(severity="Minor")), by="person:carol")
    assert life.decide_publish(state, "person:ann"), "the next version is somebody else's"


def test_unknown_blank_is_named_with_its_line_and_the_nearest() -> None:
    words = Content(title="Leak in [road]", body="One\ntwo\n[a link](https://x.example)\nIn [raod] and [xyz]")
    (gap,) = life.gaps(complete(content={"en": words}))
    assert gap == FieldError("content.en.body", "Line 4: [raod] is no blank. [road]?")


def test_blank_without_a_neighbour_is_to_be_declared() -> None:
    (gap,) = life.gaps(complete(blanks=()))[:1]
    assert gap.message == "Line 1: [road] is no blank. Declare it as a blank, or write it without brackets."


def test_each_language_needs_its_correction() -> None:
    two = {"en": Content(title="Leak in [road]"), "cy": Content(title="Nwy yn [road]")}
    assert [gap.field for gap in life.gaps(complete(content=two))] == [
        "corrections.cy.title",
        "corrections.cy.instruction",
    ]


def test_slug_of_a_retired_template_stays_taken() -> None:
    told = Told(TEMPLATE)
    state = told.tell(TemplateDrafted(slug="gas", text=complete()), by="person:ann")
    state = told.tell(*life.decide_retire(state))
    with pytest.raises(Invalid, match="already"):
        life.decide_draft(state, "gas", complete())
    assert life.decide_retire(state) == ()
