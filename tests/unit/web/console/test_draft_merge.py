"""Merge of two people's changes to one draft: nothing that one of them wrote is lost unsaid."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.web.console.draft_merge import merge, take
from alerts.web.console.notice_form import NoticeForm

WORDS = st.sampled_from(["", "one", "two", "three"])
FORMS = st.builds(
    NoticeForm,
    kind=st.sampled_from(["alert", "announcement"]),
    severity=st.sampled_from(["Severe", "Minor"]),
    area=st.lists(st.sampled_from([{"place": "camden"}, {"place": "brent"}]), max_size=2),
    channels=st.sampled_from([("email",), ("email", "sms")]),
    organisation=st.sampled_from(["", "council", "police"]),
    ends_day=st.sampled_from(["", "2026-11-23"]),
    ends_time=st.sampled_from(["", "20:00"]),
    words=st.dictionaries(
        st.sampled_from(["en", "cy"]),
        st.fixed_dictionaries({"title": WORDS, "instruction": WORDS, "body": WORDS, "sms": WORDS}),
        max_size=2,
    ),
)


def values(form: NoticeForm) -> dict[str, Any]:
    """Fields of a form by name, languages that it lacks as empty."""
    plain: dict[str, Any] = {
        name: getattr(form, name)
        for name in ("kind", "status", "severity", "urgency", "certainty", "topic", "channels", "area", "organisation")
    }
    plain["ends"] = (form.ends_day, form.ends_time)
    for tag in ("en", "cy"):
        for field in ("title", "instruction", "body", "sms"):
            plain[f"{field}-{tag}"] = form.words.get(tag, {}).get(field, "")
    return plain


@settings(deadline=None)
@given(FORMS, FORMS, FORMS)
def test_each_field_is_whose_alone_changed_it_and_both_are_named(
    base: NoticeForm, mine: NoticeForm, theirs: NoticeForm
) -> None:
    untouched = deepcopy((base, mine, theirs))
    merged, collisions = merge(base, mine, theirs)
    before, own, other, made = values(base), values(mine), values(theirs), values(merged)
    for name in made:
        if own[name] == before[name]:
            assert made[name] == other[name], name
        else:
            assert made[name] == own[name], name
    both = {name for name in made if own[name] != before[name] and other[name] not in (before[name], own[name])}
    assert {one.name for one in collisions} == both
    take(merged, theirs, (*both, "no such field"))
    assert all(values(merged)[name] == other[name] for name in both)
    assert (base, mine, theirs) == untouched


@settings(deadline=None)
@given(FORMS, FORMS)
def test_who_is_alone_collides_with_nobody(base: NoticeForm, mine: NoticeForm) -> None:
    merged, collisions = merge(base, mine, deepcopy(base))
    assert values(merged) == values(mine) and not collisions
