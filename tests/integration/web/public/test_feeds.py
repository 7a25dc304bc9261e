"""Feeds, calendars and posters: valid by their standards, filtered by place, revalidated by ETag."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import icalendar
import msgspec
import pytest
import shapely
from shapely.geometry import shape

from alerts.web.public import poster
from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]
REPLACE = msgspec.structs.replace


async def test_geojson_is_a_valid_collection(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.fire()
    scene.notice(plan_of("market"), source=None)
    found = json.loads(await page("/feeds/alerts.geojson"))
    assert found["type"] == "FeatureCollection" and len(found["features"]) == 2
    for feature in found["features"]:
        assert feature["type"] == "Feature" and isinstance(feature["id"], str) and "geometry" in feature
        assert feature["properties"]["url"].endswith(feature["id"])
        if feature["geometry"]:
            area = shape(feature["geometry"])
            assert area.is_valid and -180 <= area.bounds[0] <= area.bounds[2] <= 180
            for part in shapely.get_parts(area):
                assert part.exterior.is_ccw, "RFC 7946, 3.1.6: the outer ring goes counter-clockwise"
    worst = found["features"][0]
    assert worst["id"] == str(fire) and worst["properties"]["severity"] == "Severe"


@pytest.mark.parametrize("path", ["/feeds/alerts.geojson", "/feeds/changes.ics", "/feeds/alerts.atom"])
async def test_feeds_follow_the_place_and_are_revalidated(scene: Scene, client: Any, path: str) -> None:
    scene.london()
    scene.fire()
    scene.closure()
    here, there = await client.get(f"{path}?place=southwark"), await client.get(f"{path}?place=harrow")
    assert len(await here.read()) >= len(await there.read())
    tag = here.headers["ETag"]
    assert (await client.get(f"{path}?place=southwark", headers={"If-None-Match": tag})).status == 304
    assert (await client.get(f"{path}?place=nowhere")).status == 404


async def test_feeds_have_the_types_of_their_standards(client: Any) -> None:
    for path, kind in {
        "/feeds/alerts.geojson": "application/geo+json",
        "/feeds/changes.ics": "text/calendar",
        "/feeds/alerts.atom": "application/atom+xml",
    }.items():
        assert (await client.get(path)).headers["Content-Type"].startswith(kind)


async def test_calendar_of_changes_is_valid(scene: Scene, client: Any) -> None:
    scene.london()
    closure = scene.closure()
    raw = await (await client.get("/feeds/changes.ics")).read()
    assert b"\r\n" in raw and all(len(line) <= 75 for line in raw.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(raw)
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    [event] = calendar.walk("VEVENT")
    assert not event.errors and event["SUMMARY"] == "Half of London's front desks close"
    assert event.decoded("DTSTART") == datetime(2026, 12, 1, 14, 32, tzinfo=UTC)
    assert event.decoded("DTEND") > event.decoded("DTSTART") and str(closure) in event["UID"]
    assert event["URL"].endswith(str(closure)) and "Wembley" in event["LOCATION"]


async def test_calendar_of_a_cancelled_alert_says_so(scene: Scene, client: Any) -> None:
    gas = scene.notice(plan_of("gas"))
    scene.follow(gas, "gas-cancel", "Cancel")
    [event] = icalendar.Calendar.from_ical(await (await client.get(f"/alerts/{gas}.ics")).read()).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED" and event["SEQUENCE"] == 1 and event["UID"].startswith(str(gas))


async def test_hostile_words_stay_inside_their_calendar_line(scene: Scene, client: Any) -> None:
    plan = plan_of("gas")
    [tag] = list(plan.content)[:1]
    evil = REPLACE(plan.content[tag], title="Gas\r\nEND:VEVENT\r\nBEGIN:VALARM; , \\ x", body="a\x00b")
    gas = scene.notice(REPLACE(plan, content={tag: evil}))
    calendar = icalendar.Calendar.from_ical(await (await client.get(f"/alerts/{gas}.ics")).read())
    assert len(calendar.walk("VEVENT")) == 1 and not calendar.walk("VALARM")


async def test_drill_is_marked_in_the_calendar(scene: Scene, client: Any) -> None:
    drill = scene.notice(REPLACE(plan_of("smoke"), status="Exercise"))
    assert b"SUMMARY;LANGUAGE=en-GB:DRILL: " in await (await client.get(f"/alerts/{drill}.ics")).read()


async def test_poster_is_one_page_with_words_and_code(scene: Scene, client: Any) -> None:
    pypdf = pytest.importorskip("pypdf")
    scene.london()
    fire = scene.fire()
    answer = await client.get(f"/alerts/{fire}.pdf")
    assert answer.status == 200 and answer.content_type == "application/pdf"
    document = pypdf.PdfReader(BytesIO(await answer.read()))
    text = " ".join(document.pages[0].extract_text().split())
    assert len(document.pages) == 1 and "Warehouse fire in Walworth" in text and "Severe, act now" in text
    assert f"/a/{scene.number_of(fire)}" in text
    tag = answer.headers["ETag"]
    assert (await client.get(f"/alerts/{fire}.pdf", headers={"If-None-Match": tag})).status == 304
    assert (await client.get("/alerts/x.pdf")).status == 404


async def test_poster_says_when_it_cannot_be_drawn(scene: Scene, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fire = scene.fire()
    monkeypatch.setattr(poster.pdf, "is_available", lambda: False)
    answer = await client.get(f"/alerts/{fire}.pdf")
    assert answer.status == 503 and "The page itself can be printed" in await answer.text()


async def test_expired_closure_ends_in_the_calendar(scene: Scene, client: Any) -> None:
    scene.london()
    closure = scene.closure()
    [event] = icalendar.Calendar.from_ical(await (await client.get(f"/alerts/{closure}.ics")).read()).walk("VEVENT")
    assert event.decoded("DTSTART") == scene.now + timedelta(days=8)
