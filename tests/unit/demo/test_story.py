"""The story's CAP messages and its people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

from alerts.demo.london import DESKS, boroughs, slug_of
from alerts.demo.named import named_residents
from alerts.demo.residents import crowd
from alerts.demo.story import cap, tellings

CAP = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WORDS = {"en-GB": "Fire", "pl": "Pożar", "ur": "آگ", "cy": "Tân"}


def test_cap_messages_refer_back_and_carry_offsets_and_lat_lon() -> None:
    by_key = {t.key: t for t in tellings()}
    first = cap(by_key["smoke"], "run", NOW, [], WORDS)
    over = cap(by_key["smoke-over"], "run", NOW, [first], WORDS)
    root = ElementTree.fromstring(over.xml.encode())
    assert root.findtext("c:msgType", namespaces=CAP) == "Update"
    assert root.findtext("c:info/c:responseType", namespaces=CAP) == "AllClear"
    assert root.findtext("c:references", namespaces=CAP) == f"duty@fire.london.example,run-smoke,{first.sent}"
    assert re.fullmatch(r"2026-11-23T09:00:00[+-]\d\d:\d\d", root.findtext("c:sent", namespaces=CAP) or "")
    pairs = (root.findtext("c:info/c:area/c:polygon", namespaces=CAP) or "").split()
    assert pairs[0] == pairs[-1]
    assert pairs[0].startswith("51.")
    assert len(root.findall("c:info", CAP)) == 2


def test_half_of_the_desks_close() -> None:
    desks = [d for d in DESKS if d.kind == "front-desk"]
    assert (len(desks), sum(d.closes for d in desks)) == (28, 14)


def test_boroughs_have_the_contracts_slugs() -> None:
    slugs = {b.slug for b in boroughs()}
    assert len(slugs) == 33
    assert {"southwark", "kensington-and-chelsea", "city-of-london"} <= slugs
    assert slug_of("King's Lynn") == "kings-lynn"


def test_crowd_is_reproducible_with_unique_addresses() -> None:
    people = crowd(boroughs(), 5000, 3, NOW)
    assert people == crowd(boroughs(), 5000, 3, NOW)
    addresses = [a for p in [*people, *named_residents(NOW)] for a in p.addresses.values()]
    assert len(addresses) == len(set(addresses))
    assert all(p.addresses for p in people)
    assert {p.body["language"] for p in people} == {"en", "cy", "pl", "ur", "ar"}
    fictional = re.compile(r".*\.example|\+447700900\d{3}|[a-z0-9-]+")
    assert all(fictional.fullmatch(a) for a in addresses)
    quiet = [p.body["quiet_hours"] for p in people if "quiet_hours" in p.body]
    assert len(quiet) > 300
