"""`/healthz`, `/readyz` and `/metrics`: what a machine that watches the product is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from threading import Event, Thread

from prometheus_client.parser import text_string_to_metric_families

from alerts.eventlog.recorder import Recorder
from alerts.web.health.metrics import Metrics
from alerts.web.health.readiness import Readiness, StartPosition
from tests.support.counters import log_rig
from tests.support.databases import Databases
from tests.support.served import Served

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(served: Served) -> Samples:
    """Every sample of the page by name and labels."""
    answer = await served.client.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = await answer.text()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


async def test_metrics_tell_what_happened_and_nothing_about_people(served: Served) -> None:
    key = await served.key(policy="issue")
    consent = {"wording": "Yes", "given_at": "2026-01-01T00:00:00Z", "how": "form"}
    for number in range(3):
        person = {"email": f"kanari{number}@example.org", "confirmed": True, "consent": consent}
        await served.ok("POST", "/api/v1/subscribers", key, person, 201)
    body = {"kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello"}}}
    made = await served.ok("POST", "/api/v1/notices", key, body, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, None, 202)
    for _ in range(200):
        if (await served.ok("GET", f"/api/v1/notices/{made['id']}/dispatch", key))["complete"]:
            break
        await asyncio.sleep(0.05)
    await served.client.post("/hooks/estates", json={})
    found = await scrape(served)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert value("alerts_deliveries", channel="email", state="sent") == 3
    assert value("alerts_delivery_seconds_count", lane="notice") == 3
    assert value("alerts_delivery_seconds_bucket", lane="notice", le="+Inf") == 3
    assert value("alerts_delivery_seconds_bucket", lane="notice", le="3600.0") == 3
    assert 0 < value("alerts_delivery_seconds_sum", lane="notice") < 60
    assert value("alerts_queue", lane="notice", state="queued") == 0
    assert value("alerts_log_position") >= value("alerts_projection_position", projection="audience") > 0
    assert value("alerts_provider_state", channel="email", provider="inbox", state="well") == 1
    assert value("alerts_provider_state", channel="email", provider="inbox", state="resting") == 0
    posted = {"method": "POST", "route": "/api/v1/subscribers", "status": "201"}
    assert value("alerts_http_request_seconds_count", **posted) == 3
    issued = {"method": "POST", "route": "/api/v1/notices/{id}/issue", "status": "202"}
    assert value("alerts_http_request_seconds_count", **issued) == 1
    assert value("alerts_webhook_lag_events") == 0, "nobody asked for any"
    assert value("process_resident_memory_bytes") > 1e6
    buckets = [v for (name, labels), v in found.items() if name == "alerts_delivery_seconds_bucket"]
    assert buckets == sorted(buckets), "each bucket holds the smaller ones"
    page = await (await served.client.get("/metrics")).text()
    assert "kanari" not in page and made["id"] not in page


async def test_a_thousand_scrapes_are_one_read(served: Served) -> None:
    now = 0.0
    metrics = Metrics(served.parts, lambda: now)
    first = metrics.page()
    assert b"alerts_log_position" in first
    await served.key("read")
    assert metrics.page() is first
    now = 1.0
    assert metrics.page() != first


async def test_addresses_that_do_not_exist_share_one_label(served: Served) -> None:
    for number in range(20):
        await served.client.get(f"/nothing/{number}")
    found = await scrape(served)
    missing = [labels for (name, labels), _ in found.items() if name.endswith("_count") and ("status", "404") in labels]
    assert missing == [(("method", "GET"), ("route", "none"), ("status", "404"))]
    assert found["alerts_http_request_seconds_count", missing[0]] == 20


async def test_ready_means_that_the_log_takes_writes(served: Served) -> None:
    for _ in range(500):
        ready = await served.client.get("/readyz")
        found = await ready.json()
        if not found["catching_up"]:
            break
        assert (ready.status, found["ready"]) == (503, False)
        await asyncio.sleep(0.01)
    assert (ready.status, found["ready"], found["log"]) == (200, True, "takes writes")
    assert found["catching_up"] == ""
    assert found["without_provider"] == [], "the inbox is there for every channel"
    assert (await (await served.client.get("/healthz")).json())["alive"] is True


def test_a_start_is_over_once_what_was_in_the_log_is_known() -> None:
    shown, known = 3, 2
    beginning = StartPosition(lambda: shown, lambda: None if known >= 10 else known)
    assert "read models stand at 3 of 10" in beginning.waits_for(10)
    shown = 10
    assert "now at 2 of 10" in beginning.waits_for(11)  # what has come since is not waited for
    known = 10
    assert beginning.waits_for(12) == ""
    shown = 0
    assert beginning.waits_for(13) == "", "it does not begin again"


async def test_a_log_that_takes_no_writes_is_told_in_words_and_asked_again(databases: Databases) -> None:
    ticks = 0.0
    with log_rig(databases) as log:
        readiness = Readiness(log.writer, lambda: datetime.now(UTC), tick=lambda: ticks, patience=0.3)
        assert await readiness.trouble() == ""
        held, release = Event(), Event()

        def hold() -> None:
            another = databases.another()
            recorder = Recorder(another)
            with another.write() as tx, recorder.joined(tx):
                recorder.lock()
                held.set()
                release.wait(10)

        holder = Thread(target=hold)
        holder.start()
        held.wait(5)
        try:
            assert await readiness.trouble() == "", "an answer holds for two seconds"
            ticks = 10.0
            assert "longer than 0.3 seconds" in await readiness.trouble()
        finally:
            release.set()
            holder.join()
        ticks = 20.0
        assert await readiness.trouble() == ""
        log.writer.close()
        ticks = 30.0
        assert "stopping" in await readiness.trouble()
