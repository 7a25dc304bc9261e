"""Rules of CONTRACT for every route: errors, limits, keys, idempotency, versions, pages."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import msgspec
import pytest

from alerts.web.http.auth import KNOWN_FOR_S
from tests.support.served import CAMDEN, PUBLIC_URL, Served, problem

INCIDENTS = "/api/v1/incidents"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite alone: refusals by the API do not depend on the database."""
    return str(request.param)


async def test_bodies_that_cannot_be_read(served: Served) -> None:
    key = {**await served.key(), **JSON}

    async def post(data: bytes, status: int, **headers: str) -> dict[str, Any]:
        return await problem(await served.client.post(INCIDENTS, data=data, headers={**key, **headers}), status)

    await post(b"{", 400)
    await post(b"", 400)
    await post(b'{"headline": "a", "headline": "b"}', 400)
    await post(b'{"area": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", 400)
    await post(b"not gzip", 400, **{"Content-Encoding": "gzip"})
    await post(gzip.compress(b'{"headline": "x"}')[:-12], 400, **{"Content-Encoding": "gzip"})
    await post(b"{}", 415, **{"Content-Type": "text/plain"})
    await post(b"{}", 415, **{"Content-Encoding": "compress"})
    await post(b'{"headline": "' + b"x" * 1_000_000 + b'"}', 413)
    await post(gzip.compress(b'{"headline": "' + b"x" * 2_000_000 + b'"}'), 413, **{"Content-Encoding": "gzip"})
    found = await post(b'{"headline": 3, "colour": "red", "onset": "2026-01-01T00:00:00"}', 422)
    assert {error["field"] for error in found["errors"]} >= {"headline", "colour"}
    assert {e["field"] for e in (await post(b'{"headline": "x", "onset": "2026-01-01T00:00:00"}', 422))["errors"]} == {
        "onset"
    }
    packed = {**key, "Content-Encoding": "gzip"}
    good = await served.client.post(INCIDENTS, data=gzip.compress(b'{"headline": "x"}'), headers=packed)
    assert good.status == 201


async def test_what_is_invalid_is_named(served: Served) -> None:
    key = await served.key()
    await served.ok("POST", "/api/v1/places", key, {"slug": "camden", "name": {"en": "Camden"}, "area": CAMDEN}, 201)

    async def fields(**body: Any) -> set[str]:
        answer = await served.client.post(INCIDENTS, json={"headline": "x", **body}, headers=key)
        return {error["field"] for error in (await problem(answer, 422))["errors"]}

    assert await fields(headline="x" * 201) == {"headline"}
    assert await fields(description="x" * 20_001) == {"description"}
    assert await fields(topic="nonsense") == {"topic"}
    assert any(f.startswith("area") for f in await fields(area={"place": "atlantis"}))
    swapped = {"type": "Polygon", "coordinates": [[[y, x] for x, y in CAMDEN["coordinates"][0]]]}
    assert any(f.startswith("area") for f in await fields(area=swapped))
    place = {"slug": "camden-town", "name": {"en": "Camden Town"}, "area": swapped}
    found = await problem(await served.client.post("/api/v1/places", json=place, headers=key), 422)
    assert "swapped" in found["detail"]
    assert any(f.startswith("area") for f in await fields(area={"circle": {"lat": 91, "lon": 0, "radius_km": 1}}))
    assert await fields(onset="2026-05-02T00:00:00+00:00", expires="2020-05-01T00:00:00+00:00") == {"expires"}
    answer = await served.client.post(INCIDENTS, json={"headline": "x", "topic": "nonsense"}, headers=key)
    assert "weather" in (await problem(answer, 422))["errors"][0]["message"], "refused with the list"


async def test_who_may_come_in(served: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer"}):
        answer = await served.client.get(INCIDENTS, headers=headers)
        await problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    reader = await served.key("read")
    found = await problem(await served.client.post(INCIDENTS, json={"headline": "x"}, headers=reader), 403)
    assert "incidents:write" in found["detail"]
    await problem(await served.client.post(INCIDENTS, data=b"{", headers=reader), 403)
    await problem(await served.client.get("/api/v1/subscribers", headers=reader), 403)
    kept = await served.parts.commands.issue_api_key(
        __import__("alerts.commands", fromlist=["SYSTEM"]).SYSTEM, "gone", ["read"], None, None
    )
    headers = {"Authorization": f"Bearer {kept.secret}"}
    assert (await served.client.get(INCIDENTS, headers=headers)).status == 200
    await served.parts.commands.revoke_api_key(__import__("alerts.commands", fromlist=["SYSTEM"]).SYSTEM, kept.id)
    served.parts.runner.wait_for(served.parts.writer.position(), 2)
    await asyncio.sleep(KNOWN_FOR_S)
    await problem(await served.client.get(INCIDENTS, headers=headers), 401)


async def test_addresses_that_are_not_there(served: Served) -> None:
    key = await served.key()
    for path in ("/api/v1/nothing", "/api/v1", f"{INCIDENTS}/not-an-id", f"{INCIDENTS}/{'0' * 32}", "/hooks/a/b"):
        await problem(await served.client.get(path, headers=key), 404)
    answer = await served.client.delete(INCIDENTS, headers=key)
    await problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    page = await served.client.get("/alerts/none")
    assert page.status == 404 and page.content_type == "text/html"


async def test_head_is_answered_wherever_get_is(served: Served) -> None:
    key = await served.key()
    for path in (INCIDENTS, "/api/v1/places", "/api/v1/events", "/healthz", "/", "/changes", "/api/v1/openapi.json"):
        got, head = await served.client.get(path, headers=key), await served.client.head(path, headers=key)
        assert (head.status, await head.read()) == (200, b""), path
        assert head.content_type == got.content_type


async def test_an_idempotency_key_gives_the_first_answer(served: Served) -> None:
    key = {**await served.key(), "Idempotency-Key": "abc"}
    body = {"headline": "Fire"}
    first = await served.client.post(INCIDENTS, json=body, headers=key)
    again = await served.client.post(INCIDENTS, json=body, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert await first.json() == await again.json()
    assert first.headers["Location"] == again.headers["Location"]
    await problem(await served.client.post(INCIDENTS, json={"headline": "Flood"}, headers=key), 409)
    other = await served.key()
    mine = await served.client.post(INCIDENTS, json={"headline": "Flood"}, headers={**other, "Idempotency-Key": "abc"})
    assert mine.status == 201, "another key's word is another word"
    await problem(await served.client.post(INCIDENTS, json=body, headers={**key, "Idempotency-Key": ""}), 400)
    twins = await asyncio.gather(
        *(served.client.post(INCIDENTS, json=body, headers={**key, "Idempotency-Key": "race"}) for _ in range(8))
    )
    assert len({(t.status, await t.text()) for t in twins}) == 1


async def test_a_refusal_does_not_use_up_the_key(served: Served) -> None:
    key = {**await served.key(), "Idempotency-Key": "k"}
    await problem(await served.client.post(INCIDENTS, json={"headline": "x", "topic": "no"}, headers=key), 422)
    assert (await served.client.post(INCIDENTS, json={"headline": "x"}, headers=key)).status == 201


async def test_edits_say_what_they_edit(served: Served) -> None:
    key = await served.key()
    made = await served.ok("POST", "/api/v1/notices", key, {"kind": "announcement", "topic": "community"}, 201)
    path = f"/api/v1/notices/{made['id']}"
    shown = await served.client.get(path, headers=key)
    tag = shown.headers["ETag"]
    patch = {"content": {"en": {"title": "Hello"}}}
    await problem(await served.client.patch(path, json=patch, headers=key), 428)
    await problem(await served.client.patch(path, json=patch, headers={**key, "If-Match": '"99"'}), 412)
    done = await served.client.patch(path, json=patch, headers={**key, "If-Match": tag})
    assert done.status == 200 and done.headers["ETag"] != tag
    await problem(await served.client.patch(path, json=patch, headers={**key, "If-Match": tag}), 412)
    media = {**key, "If-Match": "*", "Content-Type": "application/merge-patch+json"}
    done = await served.client.patch(path, data=b'{"topic": null, "audience": {"all": []}}', headers=media)
    assert done.status == 200, await done.text()
    notice = await served.ok("GET", path, key)
    assert notice["topic"] is None and notice["audience"] == {"all": []} and notice["content"]["en"]["title"] == "Hello"
    wrong = await served.client.patch(
        path, json={"content": {"en": {"title": 3}}, "colour": 1}, headers={**key, "If-Match": "*"}
    )
    assert {e["field"] for e in (await problem(wrong, 422))["errors"]} == {"content.en.title", "colour"}
    await problem(await served.client.patch(path, json=[1], headers={**key, "If-Match": "*"}), 422)


async def test_lists_go_on_by_url(served: Served) -> None:
    key = await served.key()
    for number in range(5):
        await served.ok("POST", INCIDENTS, key, {"headline": f"Fire {number}"}, 201)
    seen: list[str] = []
    url: str | None = f"{INCIDENTS}?limit=2&state=open"
    while url:
        page = await served.ok("GET", url.removeprefix(PUBLIC_URL), key)
        seen += [item["headline"] for item in page["items"]]
        url = page["next"]
        assert url is None or (url.startswith(f"{PUBLIC_URL}{INCIDENTS}?") and "state=open" in url)
    assert seen == [f"Fire {number}" for number in (4, 3, 2, 1, 0)]
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=x", "colour=red"):
        await problem(await served.client.get(f"{INCIDENTS}?{query}", headers=key), 422)
    topics = await served.ok("GET", "/api/v1/topics?limit=3", key)
    more = await served.ok("GET", topics["next"].removeprefix(PUBLIC_URL), key)
    assert len(topics["items"]) == 3 and topics["items"][-1]["slug"] < more["items"][0]["slug"]


async def test_deliveries_are_listed_without_a_filter_too(served: Served) -> None:
    key, consent = (
        await served.key(policy="issue"),
        {"wording": "Yes", "given_at": "2026-01-01T00:00:00Z", "how": "form"},
    )
    for number in range(3):
        person = {"email": f"r{number}@example.org", "confirmed": True, "consent": consent}
        await served.ok("POST", "/api/v1/subscribers", key, person, 201)
    body = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello"}}}
    for _ in range(2):
        made = await served.ok("POST", "/api/v1/notices", key, body, 201)
        await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, None, 202)
        for _ in range(100):
            if (await served.ok("GET", f"/api/v1/notices/{made['id']}/dispatch", key))["complete"]:
                break
            await asyncio.sleep(0.05)
    seen: list[str] = []
    url: str | None = "/api/v1/deliveries?limit=4&state=sent"
    while url:
        page = await served.ok("GET", url.removeprefix(PUBLIC_URL), key)
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 6
    assert len((await served.ok("GET", "/api/v1/deliveries", key))["items"]) == 6
    assert (await served.ok("GET", "/api/v1/deliveries?state=expired", key))["items"] == []


async def test_a_reader_who_has_the_page_is_told_so(served: Served) -> None:
    key = await served.key(policy="issue")
    body = {"kind": "alert", "area": CAMDEN, "content": {"en": {"title": "Flood"}}}
    made = await served.ok("POST", "/api/v1/notices", key, body, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, None, 202)
    served.parts.runner.wait_for(served.parts.writer.position(), 2)
    for path in (f"/alerts/{made['id']}.json", f"/alerts/{made['id']}.cap", "/feeds/alerts.atom"):
        tag = (await served.client.get(path)).headers["ETag"]
        for had in (tag, f'"other", W/{tag}', "*"):
            answer = await served.client.get(path, headers={"If-None-Match": had})
            assert (answer.status, answer.headers["ETag"], await answer.read()) == (304, tag, b""), (path, had)
        assert (await served.client.get(path, headers={"If-None-Match": tag.replace('"', '"x', 1)})).status == 200


async def test_an_incident_is_over_only_by_its_own_reference(served: Served) -> None:
    key = await served.key()
    made = await served.ok("POST", INCIDENTS, key, {"headline": "Fire", "source_ref": "r1"}, 201)
    path = f"{INCIDENTS}/{made['id']}/resolve"
    found = await problem(await served.client.post(path, json={"source_ref": "r2"}, headers=key), 422)
    assert {error["field"] for error in found["errors"]} == {"source_ref"}
    assert (await served.ok("POST", path, key, {"source_ref": "r1"}))["version"] == 2


async def test_the_feed_of_events(served: Served) -> None:
    key = await served.key()
    await served.ok("POST", INCIDENTS, key, {"headline": "Fire"}, 201)
    seen, after = [], 0
    while True:
        page = await served.ok("GET", f"/api/v1/events?after={after}&limit=3", key)
        seen += page["items"]
        if page["next"] is None:
            break
        after = page["items"][-1]["position"]
        assert page["next"] == f"{PUBLIC_URL}/api/v1/events?limit=3&after={after}"
    assert [e["position"] for e in seen] == sorted({e["position"] for e in seen})
    assert {"position", "type", "version", "stream", "at", "data"} <= set(seen[0])
    assert seen[-1]["position"] == served.parts.log.position()
    issued = next(e for e in seen if e["type"] == "ApiKeyIssued")
    assert "secret_hash" not in issued["data"]
    some = await served.ok("GET", "/api/v1/events?type=IncidentReported,NoticeDrafted", key)
    assert {e["type"] for e in some["items"]} == {"IncidentReported", "NoticeDrafted"}
    await problem(await served.client.get("/api/v1/events?type=Nope", headers=key), 422)
    await problem(await served.client.get("/api/v1/events?after=-1", headers=key), 422)
    await problem(await served.client.get(f"/api/v1/events?after={'9' * 30}", headers=key), 422)


async def test_what_every_answer_says(served: Served) -> None:
    answer = await served.client.get("/")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    assert "Content-Security-Policy" not in (await served.client.get("/healthz")).headers


async def test_forms_of_other_sites_are_refused(served: Served) -> None:
    path = "/unsubscribe/whatever"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await served.client.post(path, headers=headers)).status == 403
    for headers in ({}, {"Origin": PUBLIC_URL}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await served.client.post(path, headers=headers)).status == 404


SCHEMAS = (
    "AnswerBody Comment DismissBody Feedback MarkBody PrintBatch PrintBatchBody PrintBatches PrintPage PrintPages "
    "ReportedCase WaitingBatch "
    "Accepted AcceptedWithNotice AllClearBody ApproveBody Attempt AudienceBody BulletinBody CancelBody ChainLink "
    "ChangeAfterBody Check ConsentBody ContactPoint Content ContentBody Delivery EmptyBody Event Incident "
    "IncidentBody MemberBody MemberTaken Newsletter NewsletterBody NewsletterScheduleBody Notice NoticeBody "
    "IssuingOrganisation OrganisationBody "
    "NoticeOut NoticeTaken Place PlaceBody PointRef PostalBody Problem ProblemError Progress PushBody PushKeys "
    "QuietHoursBody ReasonBody ResolveBody ResumeBody Schedule ScheduleBody Segment SegmentBody ServiceChange "
    "ServiceChangeBody ServicePoint ServicePointBody Subscriber SubscriberBody SubscriberEdit SubscriberPlaceBody "
    "SubscriberTaken TeamMember Topic TopicBody Trigger Visit VisitBody Webhook WebhookBody WebhookTaken Why "
    "Words"
).split()
"""Names of the published schemas. Each is the name of a class: renaming that breaks generated clients."""


async def test_published_schema_names_are_stable(served: Served) -> None:
    document = await served.ok("GET", "/api/v1/openapi.json", {})
    published = {name for name in document["components"]["schemas"] if not name.startswith("ListBody_")}
    assert published == set(SCHEMAS), "add a new name here; an old one stays"


async def test_the_description_covers_every_route(served: Served) -> None:
    document = await served.ok("GET", "/api/v1/openapi.json", {})
    assert document["openapi"].startswith("3.1")
    from alerts.web.http.app_keys import POLICY

    table = served.client.app[POLICY]  # type: ignore[union-attr]
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(r.method, r.path.removeprefix("/api/v1")) for r in table if r.path.startswith("/api/v1/")}
    text = msgspec.json.encode(document).decode()
    named = set(__import__("re").findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= set(document["components"]["schemas"])


FOR_ANYONE = (
    "/console/sign-out",
    "/console/sign-in",
    "/report",
    "/alerts/{notice}/feedback",
    "/alerts/{notice}/follow",
    "/subscribe",
    "/preferences",
)


async def test_every_route_has_its_row(served: Served) -> None:
    from alerts.web.http.app_keys import POLICY

    app = served.client.app
    assert app is not None
    served = {(r.method, r.resource.canonical) for r in app.router.routes() if r.resource}
    rows = {(row.method, row.path): row.access for row in app[POLICY]}
    assert {(m, p) for m, p in served if m != "HEAD"} == set(rows)
    assert {p for m, p in served if m == "HEAD"} == {p for m, p in rows if m == "GET"}
    for (method, path), access in rows.items():
        if path.startswith("/api/v1/") and not path.endswith("openapi.json"):
            assert access.kind == "scope" and access.scopes, (method, path)
        if method != "GET" and not path.startswith("/api/"):
            # For anyone: all that these need is the Origin check that every form of a page gets.
            assert access.kind in ("hook", "token", "role") or path.startswith(FOR_ANYONE), (method, path)
