"""Blanks of a template are typed once on compose, and filled wherever they stand; by forms without scripts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from alerts.domain.events import Content
from alerts.domain.streams import NOTICE
from alerts.web.console.blank_fields import field_of
from tests.integration.web.console.test_compose import drafted
from tests.integration.web.console.test_templates import published, written
from tests.support.officer import Officer, officer
from tests.support.served import Served

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""

NEW = "/console/notices/new?template=gas-leak"
ROAD, UNTIL = field_of("road"), field_of("until")
FILL = "Fill its [blanks]"
ENDS = {"ends_day": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}", "ends_time": "20:00"}
PLACE = {"near": "51.55,-0.15", "radius": "800", **ENDS}
WELSH = {
    "title_cy": "Nwy yn gollwng yn [road] tan [until]",
    "instruction_cy": "Arhoswch y tu mewn tan [until].",
    "correction_title_cy": "Dim nwy yn [road]",
    "correction_text_cy": "Nid oes angen aros.",
}


def typed(**values: str) -> dict[str, Any]:
    """Fields of the form for the values of blanks."""
    return {field_of(name).replace("-", "_"): value for name, value in values.items()}


def content(served: Served, author: Officer) -> dict[str, Content]:
    """Words of the draft on the screen, as the log has them."""
    state = served.parts.log.state(NOTICE, UUID(author.url.split("/")[3]))
    assert state is not None
    return state.plan.content


@pytest.fixture
async def author(served: Served) -> Officer:
    """An author, with a published template in two languages at hand."""
    made, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    text = {"body_en": "A gas main in [road] is leaking.", "sms_en": "Gas in [road]. Stay in until [until]."}
    await published(served, made, approver, language=["en", "cy"], **text, **WELSH)
    return made


async def test_each_blank_is_filled_in_all_fields_and_languages(served: Served, author: Officer) -> None:
    page = await author.open(NEW)
    assert FILL in page and page.count(f'id="{ROAD}"') == page.count(f'id="{UNTIL}"') == 1
    assert page.index(f'id="{ROAD}"') < page.index(f'id="{UNTIL}"') < page.index('id="title-en"')
    assert f'id="{ROAD}-h">A place<' in page and f'id="{UNTIL}-h">A time<' in page
    await author.press("fill", **PLACE, **typed(road="Elm & Oak \\1 Street", until="20:00"))
    assert author.url.endswith("/edit"), author.text[:3000]
    road = "Elm & Oak \\1 Street"
    assert content(served, author) == {
        "en": Content(
            title=f"Gas leak in {road}: stay indoors until 20:00",
            instruction="Stay indoors. Shut windows and doors.",
            body=f"A gas main in {road} is leaking.",
            sms=f"Gas in {road}. Stay in until 20:00.",
        ),
        "cy": Content(title=f"Nwy yn gollwng yn {road} tan 20:00", instruction="Arhoswch y tu mewn tan 20:00."),
    }
    assert "From the template" in author.text and FILL not in author.text and 'id="blanks"' not in author.text
    assert "Elm &amp; Oak" in author.text and "&amp;amp;" not in author.text, "escaped once"


@pytest.mark.parametrize("act", ["save", "check", "add", "comment"])
async def test_every_act_fills_and_an_empty_field_leaves(served: Served, author: Officer, act: str) -> None:
    await written(author)
    await author.press(act, comment="As in May.", **typed(road="Mill Lane", until="  "))
    await author.open(f"{author.url.split('?')[0].rsplit('/', 1)[0]}/edit")
    said = content(served, author)
    assert said["en"].title == "Gas leak in Mill Lane: stay indoors until [until]"
    assert said["cy"].title == "Nwy yn gollwng yn Mill Lane tan [until]"
    assert FILL in author.text and f'id="{UNTIL}"' in author.text and f'id="{ROAD}"' not in author.text


async def test_added_language_fills_too(served: Served, author: Officer) -> None:
    await written(author)
    await author.press("save", add_language="pl", **typed(road="Mill Lane"))
    assert 'id="title-pl"' in author.text and "Mill Lane" in content(served, author)["cy"].title


async def test_refused_form_keeps_what_was_typed(served: Served, author: Officer) -> None:
    await author.open(NEW)
    for wrong, words in (
        ("x" * 201, "Write at most 200 characters; these are 201."),
        ("Mill [road]", "Write it without [ and ]: they mark a blank."),
    ):
        await author.press("save", **PLACE, **typed(road=wrong, until="20:00"))
        assert author.status == 422 and re.search(rf'id="{ROAD}-e">{re.escape(words)}<', author.text)
        assert f'href="#{ROAD}"' in author.text, "named above too"
        assert f'value="{wrong}"' in author.text and 'value="20:00"' in author.text and "[until]" in author.text
    await author.press("save", channel=[], **typed(road="Mill Lane"))
    assert author.status == 422 and 'value="Mill Lane"' in author.text and "[road]" in author.text
    assert not served.parts.views.waiting(), "nothing is saved"
    await author.press("save", channel=["email"])
    assert content(served, author)["en"].title == "Gas leak in Mill Lane: stay indoors until 20:00"


async def test_other_template_keeps_what_was_typed(author: Officer) -> None:
    await author.open(NEW)
    await author.press("template", start="gas-leak", **typed(road="Mill Lane"))
    assert author.status == 200 and 'value="Mill Lane"' in author.text and "in [road]" in author.text


async def test_script_fills_nothing_half_typed(served: Served, author: Officer) -> None:
    await author.open(NEW)
    page, url = author.text, author.url
    assert "errors" not in json.loads(await author.press("auto", **PLACE, **typed(road="Mi[", until="2")))
    author.text, author.url = page, url
    assert "words" in json.loads(await author.press("count", **typed(road="x" * 300)))
    author.text, author.url = page, url
    await author.press("save", **PLACE, **typed(road="Mill Lane", until="20:00"))  # the same draft
    assert content(served, author)["en"].title == "Gas leak in Mill Lane: stay indoors until 20:00"
    assert len(served.parts.views.waiting()) <= 1


async def test_blank_that_no_template_declares_has_a_field(served: Served, author: Officer) -> None:
    await drafted(author, body_en="See [the map](https://example.org) at [bus stop], [bus stop].")
    assert f'id="{field_of("bus stop")}"' in author.text and f'id="{field_of("the map")}"' not in author.text
    await author.press("fill", **{field_of("bus stop").replace("-", "_"): "No. 12"})
    body = content(served, author)["en"].body
    assert unescape(body) == "See [the map](https://example.org) at No. 12, No. 12." and FILL not in author.text
