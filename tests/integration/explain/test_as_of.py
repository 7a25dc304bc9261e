"""Public view as of a moment: later events do not show, and an expiry holds from its own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.explain.as_of import as_of
from tests.support.served import Served


async def test_each_moment_is_as_it_was(served: Served) -> None:
    before = datetime.now(UTC)
    alone = await served.key(policy="issue")
    body = {
        "kind": "announcement",
        "audience": {"all": []},
        "content": {"en": {"title": "The bridge is closed"}},
        "expires": (before + timedelta(hours=2)).isoformat(),
    }
    made = await served.ok("POST", "/api/v1/notices", alone, body, 201)
    await served.ok("POST", "/api/v1/notices", alone, {**body, "content": {"en": {"title": "A draft"}}}, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", alone, {}, 202)
    live = datetime.now(UTC)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/cancel", alone, {"reason": "It was open"}, 201)
    after = datetime.now(UTC)

    log = served.parts.log
    assert as_of(log, before).items == []
    [then] = as_of(log, live).items
    assert (str(then.id), then.state, then.title) == (made["id"], "live", {"en": "The bridge is closed"})
    later = as_of(log, after)
    assert [(item.msg_type, item.state) for item in later.items] == [("Cancel", "live"), ("Alert", "cancelled")]
    assert later.position > as_of(log, live).position


async def test_what_had_run_out_is_not_live_whenever_that_was_recorded(served: Served) -> None:
    alone = await served.key(policy="issue")
    ends = datetime.now(UTC) + timedelta(hours=1)
    body = {
        "kind": "announcement",
        "audience": {"all": []},
        "content": {"en": {"title": "Until one"}},
        "expires": ends.isoformat(),
    }
    made = await served.ok("POST", "/api/v1/notices", alone, body, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", alone, {}, 202)
    assert [item.state for item in as_of(served.parts.log, ends - timedelta(seconds=1)).items] == ["live"]
    assert [item.state for item in as_of(served.parts.log, ends).items] == ["expired"]
