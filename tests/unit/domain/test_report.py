"""Reports of residents: decisions, receipt numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain import report as domain
from alerts.domain.events import ReportAccepted, ReportAnswered, ReportDismissed, ReportErased, ReportReceived
from alerts.domain.report import RECEIPTS, ReportState, read_receipt, receipt_number
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded

AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
ID, INCIDENT = UUID(int=1), UUID(int=2)


def folded(*events: Event) -> ReportState:
    state: ReportState | None = None
    for version, event in enumerate(events, 1):
        record = Recorded(originator_id=ID, originator_version=version, event=event, at=AT, by="person:7")
        state = domain.evolve(state, record)
    assert state is not None
    return state


RECEIVED = ReportReceived(
    receipt="R-4471-KD7PX", language="en", words="Smell of gas", where="East Street", address="a@b.example", contact=9
)


@given(st.integers(min_value=0, max_value=RECEIPTS - 1))
def test_a_receipt_number_is_read_as_it_is_written(value: int) -> None:
    number = receipt_number(value)
    assert read_receipt(number) == number == read_receipt(number.lower().replace("-", " "))


def test_receipt_numbers_forgive_look_alike_letters() -> None:
    assert read_receipt("r4471 KD7PO") == "R-4471-KD7P0"
    assert read_receipt("R-447l-KDIPX") == "R-4471-KD1PX"


@given(st.text(max_size=40))
def test_any_text_may_be_a_receipt_number(text: str) -> None:
    assert read_receipt(text) in ("", read_receipt(read_receipt(text)))


def test_an_answer_is_given_once_and_keeps_what_was_written() -> None:
    [answered] = domain.decide_answer(folded(RECEIVED), "On our way.")
    assert isinstance(answered, ReportAnswered)
    assert (answered.words, answered.address, answered.answer) == ("Smell of gas", "a@b.example", "On our way.")
    state = folded(RECEIVED, answered)
    assert state.phase == "answered" and state.answered_by == "person:7" and state.handled_at == AT
    assert domain.decide_answer(state, "On our way.") == ()
    with pytest.raises(Conflict, match="person:7"):
        domain.decide_answer(state, "Something else.")


def test_a_report_becomes_an_incident_or_nothing() -> None:
    accepted, dismissed = ReportAccepted(incident=INCIDENT), ReportDismissed(reason="A bonfire")
    assert domain.decide_dismiss(folded(RECEIVED), "A bonfire") == (dismissed,)
    assert domain.decide_dismiss(folded(RECEIVED, dismissed), "Again") == ()
    assert domain.decide_accept(folded(RECEIVED, dismissed), INCIDENT) == (accepted,), "a person may think again"
    with pytest.raises(Conflict):
        domain.decide_dismiss(folded(RECEIVED, accepted), "No")
    with pytest.raises(Conflict):
        domain.decide_accept(folded(RECEIVED, accepted), INCIDENT)


def test_an_erased_report_has_no_words_and_takes_no_answer() -> None:
    state = folded(RECEIVED, ReportErased())
    assert state.phase == "erased" and state.words is None and state.address is None
    assert domain.decide_erase(state) == ()
    for decide in (lambda: domain.decide_answer(state, "x"), lambda: domain.decide_dismiss(state, "x")):
        with pytest.raises(Conflict):
            decide()
