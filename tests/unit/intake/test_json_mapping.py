"""Mappings: what they may say, what they make of a body, and that no mapping and no body costs much."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.contract.bodies import IncidentBody, NoticeBody, ResolveBody
from alerts.contract.trigger_request import Members, NoRequest, ParsedTrigger, Unparsed
from alerts.intake import webhook_parser
from alerts.intake.json_mapping import mapping_of, read_mapping
from alerts.intake.json_path import EvaluationBudget, Unmapped
from alerts.intake.json_path import Path as JsonPath
from alerts.kernel.errors import Invalid, Malformed

ROOT = Path(__file__).resolve().parents[3]


def example(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(mapping, sample) of a program."""
    mapping = json.loads((ROOT / "docs" / "mappings" / f"{name}.json").read_text())
    return mapping, json.loads((ROOT / "tests" / "samples" / f"{name}.json").read_text())


def taken(mapping: dict[str, Any], body: Any, identifier: str = "") -> Any:
    return webhook_parser.mapped(mapping, identifier, json.dumps(body).encode())


def members_of(mapping: dict[str, Any], body: Any) -> tuple[ParsedTrigger, tuple[ParsedTrigger, ...]]:
    """(the whole, its members) by a mapping with `each`."""
    whole = webhook_parser.mapped(mapping, "", json.dumps(body).encode())
    assert isinstance(whole.request, Members), whole.request
    return whole, whole.request.triggers


def of(**data: Any) -> dict[str, Any]:
    return {"id": "id", "type": "incident.reported", "data": data}


# --- the examples that we hand out


def test_an_alertmanager_reports_and_resolves_the_same_incident() -> None:
    mapping, body = example("alertmanager")
    whole, (fired,) = members_of(mapping, body)
    assert isinstance(fired.request, IncidentBody) and fired.kind == "incident.reported"
    assert (fired.request.headline, fired.request.severity) == ("Pump 7 has stopped", "Severe")
    assert fired.request.area == {"place": "camden"} and fired.request.category == "Infra"
    again, (twin,) = members_of(mapping, {**body, "groupKey": "another"})
    assert twin.external_id == fired.external_id, "a repetition is the same trigger"
    assert again.external_id != whole.external_id
    over = {**body["alerts"][0], "status": "resolved", "endsAt": "2026-03-12T10:30:00Z"}
    _, (resolved,) = members_of(mapping, {**body, "status": "resolved", "alerts": [over]})
    assert resolved.request == ResolveBody(source_ref=fired.request.source_ref)
    assert resolved.external_id != fired.external_id
    plain = {**body["alerts"][0], "labels": {"alertname": "PumpStopped"}, "annotations": {}}
    _, (bare,) = members_of(mapping, {**body, "alerts": [plain]})
    assert isinstance(bare.request, IncidentBody)
    assert (bare.request.headline, bare.request.severity, bare.request.area) == ("PumpStopped", "Unknown", None)


def test_every_alert_of_a_group_is_a_trigger() -> None:
    mapping, body = example("alertmanager")
    second = {**body["alerts"][0], "fingerprint": "b", "annotations": {"summary": "Pump 8 has stopped"}}
    _, found = members_of(mapping, {**body, "alerts": [*body["alerts"], second]})
    headlines = [one.request.headline for one in found if isinstance(one.request, IncidentBody)]
    assert headlines == ["Pump 7 has stopped", "Pump 8 has stopped"]
    assert len({one.external_id for one in found}) == 2


GOOD = {
    "fingerprint": "a",
    "status": "firing",
    "startsAt": "2026-03-12T09:30:00Z",
    "annotations": {"summary": "A"},
    "labels": {},
}


@pytest.mark.parametrize(
    ("alerts", "why"),
    [
        ("none", "gives no list"),
        ([GOOD, {"status": "firing"}], "alerts[1]"),
        ([{"fingerprint": "a", "status": "unheard of", "startsAt": "x"}], "alerts[0]"),
        ([{}] * 501, "at most 500"),
    ],
)
def test_whole_waits_if_one_member_cannot_be_read(alerts: Any, why: str) -> None:
    mapping, body = example("alertmanager")
    found = taken(mapping, {**body, "alerts": alerts}, "msg_1")
    assert isinstance(found.request, Unparsed) and why in found.request.reason and found.external_id == "msg_1"
    assert json.loads(found.body)["alerts"] == alerts


def test_work_of_all_members_is_bounded_together() -> None:
    mapping = {
        "each": "many",
        "id": "id",
        "type": "incident.reported",
        "data": {"headline": {"path": "to_string([x, x, x][])"}},
    }
    found = taken(mapping, {"many": [{"id": n, "x": ["y"] * 60} for n in range(499)]})
    assert isinstance(found.request, Unparsed) and "takes too much work" in found.request.reason


def test_a_github_issue_is_an_incident_and_a_label_is_nothing() -> None:
    mapping, body = example("github")
    opened = taken(mapping, body).request
    assert isinstance(opened, IncidentBody)
    assert (opened.headline, opened.source_ref) == ("Burst water main in Camden Road", "example-town/incidents#42")
    assert opened.description.endswith("\n\nhttps://github.com/example-town/incidents/issues/42")
    assert (opened.severity, opened.area) == ("Severe", {"place": "camden"})
    assert taken(mapping, {**body, "action": "closed"}).request == ResolveBody(source_ref="example-town/incidents#42")
    assert taken(mapping, {**body, "action": "labeled"}).request == NoRequest()
    later = {**body["issue"], "updated_at": "2026-03-13T10:00:00Z"}
    reopened = taken(mapping, {**body, "action": "reopened", "issue": later}).request
    assert isinstance(reopened, IncidentBody) and reopened.source_ref == opened.source_ref
    assert reopened != opened, "an identical report would not open it again"
    closed = {**body, "action": "edited", "issue": {**later, "state": "closed"}}
    assert taken(mapping, closed).request == NoRequest(), "correcting what is over opens nothing"
    assert isinstance(taken(mapping, {**body, "action": "edited"}).request, IncidentBody)


def test_mapped_texts_that_are_too_long_are_cut() -> None:
    mapping, body = example("github")
    title = "Burst water main " * 14
    long = {**body, "issue": {**body["issue"], "title": title.strip(), "body": "Boil it. " * 3_000}}
    report = taken(mapping, long).request
    assert isinstance(report, IncidentBody)
    assert len(report.headline) <= 200 and report.headline.endswith("water…")
    assert report.description.startswith(title.strip()) and len(report.description) <= 20_000
    paths = {"kind": "'announcement'", "content.en.title": "t", "content.en.body": "b"}
    said = {"id": "id", "type": "notice.requested", "data": {field: {"path": path} for field, path in paths.items()}}
    notice = taken(said, {"id": 1, "t": title.strip(), "b": "x"}).request
    assert isinstance(notice, NoticeBody) and notice.content is not None
    assert len(notice.content["en"].title) <= 200 and notice.content["en"].body == f"{title.strip()}\n\nx"


def test_a_cloud_event_is_known_by_source_and_id() -> None:
    mapping, body = example("cloudevents")
    event = taken(mapping, body)
    assert event.external_id == "/gauges/brent-7#A234-1234-1234"
    assert isinstance(event.request, IncidentBody)
    assert event.request.headline == "River Brent at Stonebridge: 2.45 m"
    assert event.request.area == {"circle": {"lat": 51.545, "lon": -0.15, "radius_km": 1.5}}
    assert (event.request.severity, event.request.certainty) == ("Severe", "Observed")
    unknown = taken(mapping, {**body, "type": "org.example.river.maintenance"})
    assert isinstance(unknown.request, Unparsed) and "type" in unknown.request.reason


# --- what a mapping makes of a body


def test_a_webhook_id_is_the_identity_where_there_is_one() -> None:
    assert taken(of(headline={"path": "h"}), {"id": 7, "h": "Fire"}).external_id == "7"
    assert taken(of(headline={"path": "h"}), {"id": 7, "h": "Fire"}, "msg_1").external_id == "msg_1"
    assert len(taken(of(headline={"path": "h"}), {"id": "x" * 5000, "h": "Fire"}).external_id) < 100


@pytest.mark.parametrize("identity", [None, "", [], {"a": 1}])
def test_what_cannot_be_known_again_waits_under_its_digest(identity: Any) -> None:
    found = taken(of(headline={"path": "h"}), {"id": identity, "h": "Fire"})
    assert isinstance(found.request, Unparsed) and found.request.reason.startswith("id: ")
    assert found.external_id == taken(of(headline={"path": "h"}), {"id": identity, "h": "Fire"}).external_id


def test_dots_go_into_objects_and_maps_may_hold_anything() -> None:
    mapping = {
        "id": "id",
        "type": "notice.requested",
        "data": {
            "kind": {"template": "announcement"},
            "content.en.title": {"path": "what"},
            "content.en.body": {"template": "{{{what}}} {list} {yes} {number} {none}"},
            "audience": {"path": "who", "map": {"all": {"all": []}}},
        },
    }
    asked = taken(
        mapping, {"id": 1, "what": "Fair", "who": "all", "list": ["a", 2], "yes": True, "number": 1.5}
    ).request
    assert isinstance(asked, NoticeBody) and asked.content is not None
    assert asked.content["en"].title == "Fair" and asked.content["en"].body == "{Fair} a, 2 true 1.5 "
    assert asked.audience == {"all": []}


@pytest.mark.parametrize(
    ("data", "body", "words"),
    [
        ({"headline": {"path": "missing"}}, {}, "headline: is missing"),
        ({"headline": {"path": "h"}}, {"h": 3}, "headline: expected str"),
        ({"headline": {"path": "h"}, "severity": {"path": "s"}}, {"h": "x", "s": "P5"}, "severity"),
        ({"headline": {"path": "h", "map": {"a": "b"}}}, {"h": "c"}, "no word for 'c'"),
        ({"headline": {"template": "{h}"}}, {"h": {"a": 1}}, "object is no text"),
        ({"headline": {"path": "h"}, "onset": {"path": "t"}}, {"h": "x", "t": "2026-03-12T09:30:00"}, "onset"),
        ({"headline": {"path": "sum(h)"}}, {"h": ["x"]}, "sum(h) does not fit"),
        ({"headline": {"path": "h < `1`"}}, {"h": "x"}, "does not fit"),
        ({"headline": {"path": "avg([to_number(h)])"}}, {"h": "9" * 400}, "does not fit"),
        ({"headline": {"path": "to_number(h)"}}, {"h": "nan"}, "number without end"),
        ({"content": {"path": "h"}, "content.en": {"path": "h"}}, {"h": "x"}, "value of its own"),
    ],
)
def test_what_does_not_fit_waits_with_its_reason(data: dict[str, Any], body: dict[str, Any], words: str) -> None:
    mapping = {"id": "id", "type": "notice.requested" if "content" in data else "incident.reported", "data": data}
    found = taken(mapping, {"id": "1", **body})
    assert isinstance(found.request, Unparsed) and words in found.request.reason, found.request
    assert found.body and found.external_id == "1"


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(Malformed):
        webhook_parser.mapped(of(headline={"path": "h"}), "", b"{")


# --- what a mapping may say


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ([], "mapping"),
        ({"id": "id", "type": "incident.reported", "data": {}, "colour": 1}, "mapping"),
        ({"type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "a[", "type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "nothing(a", "type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "substr(id, `0`, `5`)", "type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "((" * 400, "type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "a" * 1001, "type": "incident.reported", "data": {}}, "mapping.id"),
        ({"id": "id", "data": {}}, "mapping.type"),
        ({"id": "id", "type": "fire", "data": {}}, "mapping.type"),
        ({"id": "id", "type": "ignore", "data": {}}, "mapping.type"),
        ({"id": "id", "type": {"path": "t", "map": {"a": "fire"}}, "data": {}}, "mapping.type"),
        ({"id": "id", "type": {"template": "{t}"}, "data": {}}, "mapping.type"),
        ({"id": "id", "type": "incident.reported", "data": []}, "mapping.data"),
        (of(colour={"path": "x"}), "mapping.data.colour"),
        (of(headline="x"), "mapping.data.headline"),
        (of(headline={"path": "x", "template": "y"}), "mapping.data.headline"),
        (of(headline={"path": "x", "map": {}}), "mapping.data.headline"),
        (of(headline={"template": "{a"}), "mapping.data.headline"),
        (of(headline={"template": "a}"}), "mapping.data.headline"),
        (of(headline={"template": "{}"}), "mapping.data.headline"),
        (of(headline={"template": "{% for %}{a[}"}), "mapping.data.headline"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_by_field(mapping: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_mapping(mapping)
    assert field in {error.field for error in refused.value.errors}


# --- what they cost


@pytest.mark.parametrize(
    "path",
    [
        "|".join(["[@,@]"] * 60),
        "|".join(["[@,@][]"] * 60),
        "|".join(["[@,@]"] * 40) + "|to_string(@)",
        "|".join(["{a: @, b: @}"] * 40),
        "join(big, many)",
        "many[*].[*][*]" + "|[@,@][]" * 30,
        "[" + ",".join(["many[*]"] * 100) + "]",
    ],
)
def test_no_path_takes_long(path: str) -> None:
    body = {"big": "x" * 100_000, "many": ["y"] * 20_000}
    began = perf_counter()
    with pytest.raises(Unmapped, match="takes too much work"):
        JsonPath.of(path).search(body, EvaluationBudget(), "headline")
    assert perf_counter() - began < 5


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
_NAMES = ("action", "issue", "repository", "status", "alerts", "commonLabels", "id", "source", "type", "data", "time")


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(_NAMES), _VALUES) | _VALUES,
    st.sampled_from(["github", "alertmanager", "cloudevents"]),
)
def test_any_json_is_read_or_waits(body: Any, name: str) -> None:
    mapping, _ = example(name)
    try:
        found = taken(mapping, body)
    except Malformed:  # half of a surrogate pair, or U+0000
        return
    assert found.external_id and (not isinstance(found.request, Unparsed) or found.request.reason)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abc{}[]().|&@*`'\", 0", max_size=40), _VALUES)
def test_any_template_is_refused_or_reads(template: str, body: Any) -> None:
    mapping = of(headline={"template": template})
    try:
        read_mapping(mapping)
    except Invalid:
        return
    try:
        mapping_of(mapping).apply(body)
    except Unmapped as error:
        assert str(error)


def test_trial_names_the_paths_that_find_nothing() -> None:
    mapping = read_mapping(of(headline={"path": "name"}, area={"path": "site.geo"}, description={"template": "{x}"}))
    assert mapping.not_found({"id": "1", "name": "Hole", "site": {"geo": {"place": "camden"}}}) == []
    assert mapping.not_found({"id": "1", "name": "Hole", "site": {}}) == [
        "site.geo has no coordinates: area is left out."
    ]
    assert mapping.not_found({"id": "1", "site": {"geo": {}}}) == ["name gives nothing here: headline is left out."]
    assert mapping.not_found(None) == [
        "name gives nothing here: headline is left out.",
        "site.geo has no coordinates: area is left out.",
    ]
