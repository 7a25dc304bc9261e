"""From a template to a notice and its correction, by forms without scripts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from alerts.domain.events import Content, TemplateUse
from alerts.domain.message_template import TemplateState
from alerts.domain.streams import NOTICE, TEMPLATE, template_id
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident

TEMPLATES = "/console/templates"
WORDS = {
    "name": "Gas leak",
    "blank_name_0": "road",
    "blank_kind_0": "place",
    "blank_name_1": "[until]",
    "blank_kind_1": "time",
    "title_en": "Gas leak in [road]: stay indoors until [until]",
    "instruction_en": "Stay indoors. Shut windows and doors.",
    "body_en": "A gas main is leaking.",
    "correction_title_en": "No gas leak in [road]",
    "correction_text_en": "You need not stay indoors.",
}
FORM = 'id="template"'
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""


def template(served: Served, slug: str = "gas-leak") -> TemplateState:
    state = served.parts.log.state(TEMPLATE, template_id(slug))
    assert state is not None
    return state


async def published(served: Served, author: Officer, approver: Officer, **more: Any) -> None:
    """Written by one, published by the other."""
    await author.open(f"{TEMPLATES}/new")
    await author.press("save", within=FORM, **{**WORDS, **more})
    assert author.url == f"{TEMPLATES}/gas-leak", author.text[:3000]
    await approver.open(f"{TEMPLATES}/gas-leak")
    await approver.press("publish", within="/publish")
    assert approver.status == 200, approver.text[:3000]


async def written(author: Officer, **more: str) -> str:
    """A notice from the template, at 51.55,-0.15; its id."""
    await author.open("/console/notices/new?template=gas-leak")
    ends = {"ends_day": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}", "ends_time": "20:00"}
    await author.press("save", **{"near": "51.55,-0.15", "radius": "800", **ends, **more})
    found = re.fullmatch(r"/console/notices/([0-9a-f-]{36})/edit", author.url)
    assert found is not None, author.text[:3000]
    return found[1]


async def test_from_a_template_to_a_correction(served: Served) -> None:
    key = await served.key()
    await served.ok("POST", "/api/v1/subscribers", key, resident("r@example.org"), 201)
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    await published(served, author, approver)
    state = template(served)
    assert state.current is not None and state.current.number == 1 and not state.waits
    assert [(blank.name, blank.kind) for blank in state.draft.blanks] == [("road", "place"), ("until", "time")]

    way = '<a href="/console/notices/new?template=gas-leak" dir="auto">Gas leak</a>'
    assert way in await author.open("/console"), "one press from Today"
    notice = await written(author)
    assert "From the template" in author.text
    await author.open(f"/console/notices/{notice}/check")
    await author.press()
    assert author.status == 422 and "Fill [road]." in author.text and "Fill [until]." in author.text
    await author.open(f"/console/notices/{notice}/edit")
    title = "Gas leak in Camden High Street: stay indoors until 20:00"
    await author.press("check", title_en=title)
    assert "Only blanks filled" in author.text
    await author.open(f"/console/notices/{notice}/edit")
    await author.press("check", instruction_en="Stay indoors. Shut all windows.")
    assert "1 field changed" in author.text
    await author.press()
    await approver.open(f"/console/notices/{notice}/approve")
    assert "Difference from the approved template" in approver.text
    assert re.search(r"<mark><span[^>]*>road:</span> Camden High Street</mark>", approver.text)
    assert "<ins>all </ins>" in approver.text and "<del>" in approver.text
    await approver.press("send", people="1")
    plan = served.parts.log.state(NOTICE, UUID(notice)).plan  # type: ignore[union-attr]
    assert plan.template == TemplateUse(slug="gas-leak", number=1)
    await approver.open(TEMPLATES)
    assert f"/console/notices/{notice}" in approver.text, "who uses it"

    await approver.open(f"/console/notices/{notice}/cancel")
    assert "No gas leak in Camden High Street" in approver.text and "You need not stay indoors." in approver.text
    await approver.press(reason="It was a drain.", title_en="No gas leak in [road]")
    assert approver.status == 422 and "Fill [road]." in approver.text
    await approver.press(title_en="No gas leak in Camden High Street")
    assert approver.status == 200, approver.text[:3000]
    ended = served.parts.log.state(NOTICE, served.parts.log.state(NOTICE, UUID(notice)).replaced_by)  # type: ignore[union-attr,arg-type]
    assert ended is not None
    assert ended.plan.content == {
        "en": Content(title="No gas leak in Camden High Street", instruction="You need not stay indoors.")
    }


@SQLITE
async def test_no_button_loses_words_that_are_not_saved(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    await author.open(f"{TEMPLATES}/new")
    await author.press("save", within=FORM, **WORDS)
    await approver.open(f"{TEMPLATES}/gas-leak")
    await approver.press("publish", title_en="A better title", reason="Too old.")
    assert approver.status == 409 and "is not saved" in approver.text and not template(served).published
    assert "A better title</textarea>" in approver.text and "Too old.</textarea>" in approver.text
    await approver.press("retire")
    assert approver.status == 409 and "A better title</textarea>" in approver.text and not template(served).retired
    await approver.press("publish", title_en=WORDS["title_en"])
    assert template(served).current is not None, approver.text[:3000]

    await author.open("/console/notices/new")
    await author.press("template", start="gas-leak", title_en="Gas at No. 12", near="Elm", comment="As in May.")
    assert author.status == 200 and "Gas at No. 12</textarea>" in author.text and "As in May.</textarea>" in author.text
    assert 'value="Elm"' in author.text and unescape(author.text).count(WORDS["instruction_en"]) and "@1" in author.text
    assert not served.parts.views.waiting(), "nothing is saved"
    await author.press("template", start="none-such")
    assert author.status == 404 and "Gas at No. 12</textarea>" in author.text


async def test_live_edit_is_a_draft_of_the_next_version(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    await published(served, author, approver)
    await approver.open(f"{TEMPLATES}/gas-leak")
    stale = approver.snapshot()
    await approver.press("save", within=FORM, title_en="Gas leak at [road]: stay in until [until]")
    page = unescape(approver.text)
    assert "Version 1 in use, a draft waits" in page and "Version 1 stays in use" in page
    assert "You wrote part of this draft: somebody else must publish it." in page and "/publish" not in page
    assert "What this draft changes" in page and "<ins>at</ins>" in page
    await stale.press("save", within=FORM, name="Other")
    assert stale.status == 409 and "changed in the meantime" in stale.text
    await author.open("/console/notices/new?template=gas-leak")
    assert "Gas leak in [road]" in author.text and "gas-leak@1" in author.text
    second = await officer(served, "zoe", "approver")
    await second.open(f"{TEMPLATES}/gas-leak")
    await second.press("publish", within="/publish")
    assert template(served).current.number == 2  # type: ignore[union-attr]
    await second.press("retire", within="/retire", reason="Not needed.")
    assert second.url == TEMPLATES and "There is none yet." in second.text
    await author.open("/console/notices/new?template=gas-leak")
    assert author.status == 404 and "no such published template" in author.text


@SQLITE
async def test_what_stops_is_named_at_its_field_and_line(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    await author.open(f"{TEMPLATES}/new")
    faulty = {"body_en": "One.\nTwo.\nThree.\nIn [raod].", "correction_text_en": "", "instruction_en": "See bit.ly/x."}
    await author.press("save", within=FORM, **{**WORDS, **faulty})
    page = unescape(author.text)
    assert "Line 4: [raod] is no blank. [road]?" in page and "You wrote part of this draft" in page
    await approver.open(f"{TEMPLATES}/gas-leak")
    await approver.press("publish", within="/publish")
    page = unescape(approver.text)
    assert approver.status == 422 and template(served).current is None
    for anchor, words in (
        ("body-en", "Line 4: [raod] is no blank. [road]?"),
        ("correction-text-en", "Write the correction"),
        ("instruction-en", "bit.ly is not ours"),
    ):
        assert re.search(rf'id="{anchor}-e">{re.escape(words)}', page), anchor


@SQLITE
async def test_form_keeps_what_was_typed(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(f"{TEMPLATES}/new")
    await author.press("save", within=FORM, name="", title_en="Kept")
    assert author.status == 422 and "Kept" in author.text and "This cannot be empty." in author.text
    await author.press("save", within=FORM, name="Gas leak", slug="new!")
    assert author.status == 422 and "is no short name: use small letters" in author.text
    await author.press("save", within=FORM, slug="gas", add_language="ar")
    assert 'id="title-ar"' in author.text
    await author.press("save", within=FORM, title_ar="تسرب غاز")
    assert set(template(served, "gas").draft.content) == {"en", "ar"}
    await author.open(f"{TEMPLATES}/new")
    await author.press("save", within=FORM, name="Again", slug="gas")
    assert author.status == 422 and "There is a template" in author.text
    await author.open(f"{TEMPLATES}/nothing")
    assert author.status == 404
    await author.open("/console/more")
    assert "/console/templates" in author.text


@SQLITE
async def test_correction_in_two_languages_is_filled_as_the_notice_was(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    welsh = {
        "title_cy": "Nwy yn gollwng yn [road]",
        "instruction_cy": "Arhoswch y tu mewn.",
        "correction_title_cy": "Dim nwy yn [road]",
        "correction_text_cy": "Nid oes angen aros.",
    }
    await published(served, author, approver, language=["en", "cy"], **welsh)
    notice = await written(author, title_en="Gas leak in Mill Lane: stay indoors until 20:00", title_cy="Nwy yma")
    await author.open(f"/console/notices/{notice}/check")
    assert "Difference from the approved template" in author.text
    await approver.open(f"/console/notices/{notice}/cancel")
    assert "No gas leak in Mill Lane" in approver.text, "as the notice says"
    assert "Dim nwy yn Mill Lane" in approver.text, "a place is taken from the other language"
