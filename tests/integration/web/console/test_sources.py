"""Sources in the console: connected, tried, revised, rotated, removed."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.domain.events import Policy, PolicyRule
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import SOURCE, source_id
from alerts.web.console.source_form import policy_words
from alerts.web.http.auth import caught_up
from tests.support.officer import Officer, officer
from tests.support.served import AREA, Served

SOURCES = "/console/sources"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""
MAPPING: dict[str, Any] = {
    "id": "id",
    "type": "incident.reported",
    "data": {
        "headline": {"path": "name"},
        "severity": {"template": "Moderate"},
        "area": {"path": "site.geo && {circle: {lat: site.geo.lat, lon: site.geo.lon, radius_km: `1`}}"},
    },
}


def source_of(served: Served, name: str) -> SourceState:
    state = served.parts.log.state(SOURCE, source_id(name))
    assert state is not None
    return state


def secret_on(page: Officer) -> str:
    found = re.search(r'id="secret">(whsec_[^<]+)<', page.text)
    assert found is not None, page.text[:3000]
    return found[1].replace("&#43;", "+")


async def sent(served: Served, name: str, secret: str, body: Any) -> int:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    answer = await served.client.post(f"/hooks/{name}", headers=headers, data=msgspec.json.encode(body))
    await caught_up(served.parts)
    return answer.status


async def test_a_source_from_its_connection_to_its_removal(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open(f"{SOURCES}/new")
    await admin.press(name="street-works", kind="json", policy="record", mapping=json.dumps(MAPPING))
    assert admin.status == 200, admin.text
    secret = secret_on(admin)
    assert "/hooks/street-works" in admin.text
    await admin.open(f"{SOURCES}/street-works")
    assert secret not in admin.text, "it is shown once"
    geo = {"lat": 51.5, "lon": -0.1}
    for number in range(3):
        body = {"id": f"a-{number}", "name": "Hole", "site": {"geo": geo}}
        assert await sent(served, "street-works", secret, body) == 202
    assert await sent(served, "street-works", secret, {"id": "a-9", "name": None}) == 202
    assert await sent(served, "street-works", "wrong", {}) == 401
    await admin.open(SOURCES)
    assert "Records only" in admin.text and "less than a minute ago" in admin.text
    await admin.open(f"{SOURCES}/street-works?state=parked")
    assert "Decide again" in admin.text and "Hole" not in admin.text and "</svg>Recorded" not in admin.text

    await admin.press("try", within="/revise", policy="issue", sample='{"id": "1", "name": "Hole", "site": {}}')
    assert "would have sent <b>3</b> at once" in admin.text
    assert "has no coordinates: area is left out." in admin.text and "Hole" in admin.text
    assert source_of(served, "street-works").policy.default == "record", "a trial stores nothing"
    twice = admin.snapshot()
    await admin.press("save", within="/revise", policy="draft")
    await twice.press("save", within="/revise", policy="draft")
    state = source_of(served, "street-works")
    assert (state.policy.default, state.policy.version, state.mapping) == ("draft", 2, MAPPING)

    await admin.open(f"{SOURCES}/street-works")
    twice = admin.snapshot()
    await admin.press("rotate", within="/secret")
    new = secret_on(admin)
    await twice.press("rotate", within="/secret")
    assert twice.status == 409 and "changed in the meantime" in twice.text, "a second press voids no secret"
    for number, one in enumerate((secret, new)):
        assert await sent(served, "street-works", one, {"id": f"b-{number}", "name": "Hole"}) == 202
    await admin.open(f"{SOURCES}/street-works")
    assert "Two are live" in admin.text
    await admin.press("end", within="/secret")
    assert await sent(served, "street-works", secret, {"id": "b-3"}) == 401
    assert await sent(served, "street-works", new, {"id": "b-4", "name": "Hole"}) == 202

    await admin.press(within="/remove", typed="street")
    assert admin.status == 422 and "Type street-works to remove it." in admin.text
    await admin.press(within="/remove", typed="street-works")
    assert admin.url == SOURCES and "Removed. Its history stays." in admin.text
    assert await sent(served, "street-works", new, {"id": "b-5"}) == 404


@SQLITE
async def test_old_secret_ends_after_a_day_and_signs_until_then(served: Served) -> None:
    old = await served.source("standard-webhook")
    await served.parts.commands.rotate_source_secret(SYSTEM, "estates", overlap=timedelta(days=1))
    body = {"type": "incident.reported", "data": {"headline": "Hole", "area": AREA}}
    assert (await served.hook("estates", old, body, identifier="m1")).status == 202
    served.shift = timedelta(days=1, seconds=1)
    assert (await served.hook("estates", old, body, identifier="m2")).status == 401


@SQLITE
async def test_refused_webhooks_are_listed_with_their_reason(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    secret = await served.source("standard-webhook")
    answer = await served.hook("estates", secret, {"type": "incident.reported", "data": {"headlin": "<b>Hole</b>"}})
    assert answer.status in (400, 422)
    await caught_up(served.parts)
    await admin.open(f"{SOURCES}/estates")
    assert "headlin" in admin.text
    assert "Last refused" in await admin.open(SOURCES)


@SQLITE
async def test_samples_of_each_kind_are_tried(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await served.source("standard-webhook", name="hooks")
    await served.source("cap", name="met")
    await admin.open(f"{SOURCES}/hooks")
    swapped = {"circle": {"lat": -0.1, "lon": 51.5, "radius_km": 1}}
    for data, words in (
        ({"headline": "Hole", "area": AREA}, "This would be taken."),
        ({"headline": "Hole", "area": {"place": "atlantis"}}, "area"),
        ({"area": swapped}, "headline"),
    ):
        await admin.press("try", within="/revise", sample=json.dumps({"type": "incident.reported", "data": data}))
        assert admin.status == 200 and words in admin.text.partition("Tried on the sample")[2]
    await admin.open(f"{SOURCES}/met")
    await admin.press("try", within="/revise", sample="<alert/>")
    assert admin.status == 200 and "Wrong" in admin.text
    each = {**MAPPING, "each": "items"}
    await served.parts.commands.connect_source(SYSTEM, "lists", "json", "draft", each)
    await admin.open(f"{SOURCES}/lists")
    await admin.press("try", within="/revise", sample=json.dumps({"items": [{"id": n, "name": "x"} for n in range(7)]}))
    assert "And 2 more." in admin.text
    await admin.press("try", within="/revise", sample='{"items": 1}')
    assert "gives no list here" in admin.text


@SQLITE
async def test_bad_input_connects_and_changes_nothing(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open(f"{SOURCES}/new")
    await admin.press(name="", kind="", policy=None)
    for words in ("Name it, in small letters", "Choose what it sends", "Choose what it may do"):
        assert admin.status == 422 and words in admin.text
    for given in (
        {"name": "Street Works!", "policy": "draft"},
        {"name": "x" * 10_000, "policy": "draft"},
        {"name": "<b>x</b>", "policy": "draft"},
        {"name": "s", "kind": "json", "policy": "draft"},
        {"name": "s", "kind": "json", "policy": "draft", "mapping": "{"},
        {"name": "s", "kind": "json", "policy": "draft", "mapping": "[]"},
        {"name": "s", "kind": "json", "policy": "draft", "mapping": '{"id": "a"}'},
        {"name": "s", "policy": "finer", "rules": '{"rules": [{"then": "shout"}]}'},
        {"name": "s", "policy": "finer", "rules": '{"rules": 5}'},
        {"name": "s", "policy": "finer", "rules": '{"rules": [{"then": "issue", "areas": [{"place": "atlantis"}]}]}'},
        {"name": "s", "policy": "finer", "rules": "x" * 60_000},
    ):
        await admin.open(f"{SOURCES}/new")
        await admin.press(**given)
        assert admin.status == 422 and "<b>x</b>" not in admin.text, given
    assert served.parts.views.sources() == []
    secret = await served.source("standard-webhook")
    await admin.open(f"{SOURCES}/new")
    await admin.press(name="estates", policy="draft")
    assert admin.status == 422 and "There is a source named" in admin.text
    await admin.open(f"{SOURCES}/estates")
    await admin.press("rotate", within="/secret", version="x" * 10_000)
    assert admin.status == 409 and source_of(served, "estates").secret == secret
    for path in (f"{SOURCES}/nothing", f"{SOURCES}/estates?cursor=x"):
        await admin.open(path)
        assert admin.status == 404, path


def test_policy_in_words() -> None:
    rule = PolicyRule(then="issue", severities=("Minor", "Moderate"), areas=[{"place": "camden"}])
    assert policy_words(Policy(default="record")) == "Records only"
    found = policy_words(Policy(rules=(rule,)))
    assert found == ("severity Minor or Moderate, wholly within camden: sends at once; all else: drafts for a person")
