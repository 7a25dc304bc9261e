"""Organisations on the public pages: who issued a notice, and what a resident agrees to; on both databases."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.web.http.auth import caught_up
from tests.support.served import CAMDEN, Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
COUNCIL = OrganisationBody(
    slug="council",
    name={"en": "Camden Council", "cy": "Cyngor Camden"},
    sender_name="Camden Council",
    consent={"en": "Camden Council sends you what closes."},
)
POLICE = OrganisationBody(slug="police", name={"en": "The Police", "cy": "Yr Heddlu"}, sender_name="Police")
BODY = {"kind": "announcement", "topic": "community", "area": CAMDEN, "content": {"en": {"title": "Street party"}}}
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
ATOM = "{http://www.w3.org/2005/Atom}"


async def define(served: Served, *bodies: OrganisationBody) -> None:
    for body in bodies:
        await served.parts.commands.define_organisation(SYSTEM, body)
    await caught_up(served.parts)


async def issued(served: Served, organisation: str | None = None) -> str:
    """A notice of a key whose policy issues in that name."""
    policy: Any = {"default": "issue", "organisation": organisation}
    key = await served.key("read", "notices:write", "notices:issue", policy=policy)
    made = await served.ok("POST", "/api/v1/notices", key, BODY, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    shown = await served.ok("GET", f"/api/v1/notices/{made['id']}", key)
    assert shown.get("organisation") == organisation
    await caught_up(served.parts)
    return str(made["id"])


async def text(served: Served, path: str) -> str:
    answer = await served.client.get(path)
    assert answer.status == 200, path
    return await answer.text()


async def test_pages_and_feeds_name_the_organisation(served: Served) -> None:
    await define(served, COUNCIL)
    of_council, of_service = await issued(served, "council"), await issued(served)
    page = await text(served, f"/alerts/{of_council}?lang=cy")
    assert "Cyngor Camden" in page
    assert "Camden Council" not in await text(served, f"/alerts/{of_service}")
    senders = {
        one: ElementTree.fromstring(await text(served, f"/alerts/{one}.cap")).find(f"{CAP}info/{CAP}senderName")
        for one in (of_council, of_service)
    }
    named = {one: found.text for one, found in senders.items() if found is not None}
    assert named[of_council] == "Camden Council" and named[of_service] != "Camden Council"
    for feed in ("alerts", "cap"):
        root = ElementTree.fromstring(await text(served, f"/feeds/{feed}.atom"))
        authors = [entry.findtext(f"{ATOM}author/{ATOM}name") for entry in root.iter(f"{ATOM}entry")]
        assert sorted(authors, key=str) == ["Camden Council", None], feed
    assert 'CN="Camden Council"' in (await text(served, f"/alerts/{of_council}.ics")).replace("CN=Camden", 'CN="Camden')
    features = msgspec.json.decode(await text(served, "/feeds/alerts.geojson"))["features"]
    assert sorted(str(one["properties"].get("issued_by")) for one in features) == ["Camden Council", "None"]
    for path in ("/", "/archive"):
        assert (await text(served, path)).count("Issued by Camden Council") == 1, path
    await define(served, msgspec.structs.replace(COUNCIL, name={"en": "Borough of Camden"}))
    for path in ("/", "/archive"):
        assert "Issued by Borough of Camden" in await text(served, path), path
    assert "Borough of Camden" in await text(served, "/feeds/alerts.atom")
    assert "Camden Council" in await text(served, f"/alerts/{of_council}.cap"), "a CAP message never changes"


@SQLITE
async def test_key_gets_its_policys_organisation(served: Served) -> None:
    await define(served, COUNCIL, POLICE)
    key = await served.key("read", "notices:write", policy={"default": "draft", "organisation": "council"})
    made = await served.ok("POST", "/api/v1/notices", key, BODY, 201)
    shown = await served.ok("GET", f"/api/v1/notices/{made['id']}", key)
    assert shown["organisation"] == "council"
    refused = await served.client.post("/api/v1/notices", json={**BODY, "organisation": "police"}, headers=key)
    assert refused.status == 422 and "council" in await refused.text()
    unknown = await served.client.post("/api/v1/notices", json={**BODY, "organisation": "nobody"}, headers=key)
    assert unknown.status == 422 and re.search("known are council, police", await unknown.text())
