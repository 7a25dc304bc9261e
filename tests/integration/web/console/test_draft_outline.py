"""An outline that is too fine is said beside the draft, and one press makes it simpler without losing anybody."""

from __future__ import annotations

import json
import math
import re
from uuid import UUID

import pytest

from alerts.commands.actor import SYSTEM
from alerts.domain.streams import NOTICE
from alerts.kernel.geometry import resolve_area
from alerts.web.http.auth import COOKIE, caught_up
from tests.integration.web.console.test_compose import NEW, WORDS, drafted
from tests.integration.web.console.test_draft_saving import plan, saved_by_script
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""


def coast(corners: int = 400, metres: float = 900.0) -> str:
    """A rough outline around 51.55,-0.15, as GeoJSON."""
    ring = []
    for index in range(corners):
        turn, away = 2 * math.pi * index / corners, metres + 3 * (index % 2)
        east, north = away * math.cos(turn) / 69_200, away * math.sin(turn) / 111_320
        ring.append([-0.15 + east, 51.55 + north])
    return json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


@pytest.fixture
async def people(served: Served) -> None:
    """A resident in the middle, one close inside the edge, one outside."""
    key = await served.key()
    for name, lat in (("middle", 51.55), ("edge", 51.55 + 895 / 111_320), ("far", 51.60)):
        body = resident(f"{name}@example.org", lat=lat)
        body["places"][0] |= {"lat": lat, "lon": -0.15, "radius_km": 0}
        await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    await caught_up(served.parts)


@pytest.mark.usefixtures("people")
async def test_pasted_outline_is_too_fine_and_one_press_makes_it_simpler(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, near="", geojson=coast())
    assert "It has 400 corners and circles; warning systems aim for 250 at most." in author.text
    assert "2 people" in author.text and "<b>Outline</b>" in author.text, "it is listed beside the draft too"
    offered = re.search(r"Simplify: 400 corners become (\d+)", author.text)
    assert offered is not None
    before = plan(served, notice).area
    await author.press("simplify")
    assert author.status == 200 and f"400 corners became {offered[1]}." in author.text, author.text[:3000]
    assert "2 people" in author.text and "<b>Outline</b>" not in author.text
    after = plan(served, notice).area
    assert before is not None and after is not None
    shapes = [resolve_area(list(parts), lambda _: None) for parts in (before, after)]
    assert shapes[1].contains(shapes[0])
    assert len(after[0]["coordinates"][0]) - 1 == int(offered[1])


@pytest.mark.usefixtures("people")
async def test_outline_is_made_simpler_before_the_first_save(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("simplify", geojson=coast(), channel=["email"], **WORDS)
    assert author.status == 200 and "400 corners became" in author.text and "2 people" in author.text


async def test_refused_form_keeps_a_long_outline(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", geojson=coast(), channel=[], **WORDS)
    assert author.status == 422 and "Simplify: 400 corners become" in author.text
    await author.press("save", channel=["email"])
    notice = author.url.split("/")[-2]
    area = plan(served, notice).area
    assert author.status == 200 and area is not None and len(area[0]["coordinates"][0]) == 401
    await author.press("save", geojson=coast(300), channel=[])
    assert author.status == 422
    await author.press("save", channel=["email"])
    assert author.status == 200 and len(plan(served, notice).area or ()) == 2


async def test_list_of_the_same_street_becomes_fewer_circles(served: Served) -> None:
    author = await officer(served, "ann", "author")
    lines = "\n".join(f"51.5500{step},-0.15" for step in range(3))
    notice = await drafted(author, near="", postcodes=lines, radius="500")
    assert len(plan(served, notice).area or ()) == 3 and "Corners lie 1 m apart" in author.text
    await author.press("simplify")
    assert len(plan(served, notice).area or ()) == 1 and "3 corners became 1." in author.text


async def test_drawn_and_pasted_outlines_are_said_as_they_are_counted(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    page, url = author.text, author.url
    near = [[-0.15, 51.55], [-0.14, 51.55], [-0.14, 51.56], [-0.13998, 51.56002], [-0.15, 51.56]]
    for typed in ({"area": json.dumps(near)}, {"geojson": json.dumps({"type": "Polygon", "coordinates": [near]})}):
        author.text, author.url = page, url
        words = json.loads(await author.press("count", **typed))["words"]
        assert words.startswith("It would reach 0 people. Its outline is too fine: Corners lie 3 m apart"), words
    author.text, author.url = page, url
    words = json.loads(await author.press("count", geojson="{"))["words"]
    assert words.startswith("Not counted: This is no GeoJSON")


async def test_outline_that_cannot_be_simpler_says_so_and_stays(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    before = plan(served, notice).area
    await author.press("simplify", title_en="Kept")
    assert author.status == 422 and "Fewer corners would not do" in author.text and "Kept" in author.text
    assert plan(served, notice).area == before


async def test_simpler_outline_outside_the_members_areas_leaves_the_former_one(served: Served) -> None:
    key = await served.key()
    await served.ok(
        "POST", "/api/v1/places", key, {"slug": "bay", "name": {"en": "Bay"}, "area": json.loads(coast())}, 201
    )
    await caught_up(served.parts)
    member = await served.parts.commands.invite_member(
        SYSTEM, "ann@town.example", "author", "ann", areas={"place": "bay"}
    )
    author = Officer(served.client, {"Cookie": f"{COOKIE}={await served.parts.sessions.open(member.id, 'test')}"})
    notice = await drafted(author, near="", geojson=coast())
    assert author.status == 200, author.text[:2000]
    await author.press("simplify")
    assert author.status == 422 and "Simplify: 400 corners become" in author.text
    area = plan(served, notice).area
    assert area is not None and len(area[0]["coordinates"][0]) == 401


async def test_outline_that_is_too_long_is_refused_in_words(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", geojson=coast() + " " * 10 + "x" * 400_001, **WORDS)
    assert author.status == 422 and "It is longer than 400,000 characters" in author.text


async def test_counters_are_right_after_each_save(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    assert "0 letters, 65 left of 65." in author.text and "Counted when the draft is saved." in author.text
    notice = await drafted(author)
    title = len(WORDS["title_en"])
    assert f"{title} letters, {65 - title} left of 65." in author.text
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None
    counted = re.search(r"Whole message: (\d+) of 160 letters, 1 text each\.", author.text)
    shown = re.search(r'<p class="sms" lang="en" dir="ltr">([^<]*/a/\d+[^<]*)</p>', author.text)
    assert counted is not None and shown is not None and int(counted[1]) == len(shown[1])
    answer = await saved_by_script(author, sms_en="ż" * 71)
    assert isinstance(answer["counts"], dict)
    assert answer["counts"]["sms-en"].startswith("Whole message: ")
    refused = await saved_by_script(author, sms_en="Stay in.", channel=[])
    assert isinstance(refused["counts"], dict) and "1 text each" in refused["counts"]["sms-en"]
    assert answer["counts"]["sms-en"] != refused["counts"]["sms-en"]


async def test_language_says_what_it_lacks(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await drafted(author)
    await author.press("save", add_language="pl")
    assert 'role="tab" id="tab-pl"' in author.text.replace("\n", " ") and "no words yet" in author.text
    answer = await saved_by_script(author, title_pl="Wyciek gazu")
    assert isinstance(answer["lacks"], dict)
    assert answer["lacks"]["en"] == "" and "What to do" in answer["lacks"]["pl"]
