"""Feeds for other programs, held to the rules of their standards: CAP messages, Atom, iCalendar and GeoJSON."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import feedparser
import msgspec
import pytest

from alerts.domain import events as e
from tests.support.cap_schema import faults as cap_faults
from tests.support.feed_rules import atom_faults, calendar_faults, cap_entry_faults, geojson_faults
from tests.support.scene import Scene, plan_of

HOLED = {
    "type": "Polygon",  # both rings drawn the wrong way round
    "coordinates": [
        [[-0.2, 51.4], [-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.4], [-0.2, 51.4]],
        [[-0.16, 51.44], [-0.14, 51.44], [-0.14, 51.46], [-0.16, 51.46], [-0.16, 51.44]],
    ],
}
CIRCLE = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.2345}}
HOSTILE = "Tom & “Jerry” <b>\r\nEND:VEVENT; \\, ]]> " + "ü" * 80


@pytest.fixture
def notices(scene: Scene) -> list[UUID]:
    """Notices of every kind: a thread to its end, a cancel, areas of all shapes, a drill, a change, hostile words."""
    scene.london()
    fire = scene.fire()
    scene.now += timedelta(seconds=90)
    update = scene.follow(fire, "smoke-update", "Update")
    gas = scene.notice(plan_of("gas"))
    scene.now += timedelta(seconds=90)
    words = {tag: e.Content(title=HOSTILE, body=HOSTILE, instruction=HOSTILE) for tag in ("en", "ur")}
    area = [HOLED, CIRCLE, {"place": "southwark"}]
    return [
        fire,
        update,
        scene.follow(update, "smoke-over", "AllClear"),
        gas,
        scene.follow(gas, "gas-cancel", "Cancel"),
        scene.notice(plan_of("market"), source=None),
        scene.notice(msgspec.structs.replace(plan_of("market"), kind="alert", content=words, area=area)),
        scene.notice(msgspec.structs.replace(plan_of("smoke"), status="Exercise")),
        scene.closure(),
    ]


async def test_cap_messages_follow_the_schema(client: Any, notices: list[UUID]) -> None:
    for notice in notices:
        answer = await client.get(f"/alerts/{notice}.cap")
        assert answer.content_type == "application/cap+xml"
        assert cap_faults(await answer.read()) == []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("path", ["/feeds/alerts.atom", "/feeds/cap.atom", "/feeds/cap.atom?place=southwark"])
async def test_atom_feeds_follow_their_rfc(client: Any, notices: list[UUID], path: str, language: str) -> None:
    body = await (await client.get(path, headers={"Accept-Language": language})).read()
    assert atom_faults(body) == []
    read = feedparser.parse(body)
    assert not read.bozo and read.version == "atom10" and read.feed.language == language
    assert read.entries and all(entry.id and entry.title and entry.summary is not None for entry in read.entries)


async def test_an_empty_feed_is_valid(client: Any) -> None:
    for path in ("/feeds/alerts.atom", "/feeds/cap.atom"):
        assert atom_faults(await (await client.get(path)).read()) == []


async def test_cap_feed_tells_aggregators_what_they_sort_by(client: Any, notices: list[UUID]) -> None:
    body = await (await client.get("/feeds/cap.atom")).read()
    assert cap_entry_faults(body) == []
    entries = feedparser.parse(body).entries
    drill = notices[-2]
    assert {entry.id for entry in entries} == {f"urn:uuid:{one}" for one in notices if one != drill}
    by_id = {entry.id: entry for entry in entries}
    fire, over, cancel = (by_id[f"urn:uuid:{notices[at]}"] for at in (0, 2, 4))
    assert (fire.cap_msgtype, fire.cap_severity, fire.cap_status) == ("Alert", "Severe", "Actual")
    assert fire.cap_areadesc and fire.cap_event
    assert (over.cap_msgtype, cancel.cap_msgtype) == ("Update", "Cancel")
    assert [link.type for link in fire.links] == ["application/cap+xml"]


async def test_calendars_follow_their_rfcs(client: Any, notices: list[UUID]) -> None:
    for path in ("/feeds/changes.ics", *(f"/alerts/{notice}.ics" for notice in notices)):
        assert calendar_faults(await (await client.get(path)).read()) == [], path


@pytest.mark.parametrize("path", ["/feeds/alerts.geojson", "/feeds/alerts.geojson?place=southwark"])
async def test_geojson_follows_its_rfc(client: Any, notices: list[UUID], path: str) -> None:
    found = json.loads(await (await client.get(path)).read())
    assert geojson_faults(found) == []
    shapes = [feature["geometry"] for feature in found["features"] if feature["geometry"]]
    polygons = [p for s in shapes for p in ([s["coordinates"]] if s["type"] == "Polygon" else s["coordinates"])]
    assert any(len(polygon) > 1 for polygon in polygons), "an area with a hole"
    assert [feature for feature in found["features"] if feature["geometry"] is None], "a notice for everywhere"
