"""A real server is killed while it posts events: what was not taken is posted again, with the same id, and none is
missed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_api_server import Server

KILLS, EACH = 3, 25


class Target(ThreadingHTTPServer):
    """Keeps what it is posted: (webhook-id, position)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[tuple[str, int]] = []


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # the base class's name for it
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.headers["webhook-id"], body["data"]["position"]))  # type: ignore[attr-defined]
        time.sleep(0.005)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[Target]:
    """A listening target."""
    with Target() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that may post to this machine."""
    made = Server(tmp_path)
    made._env["ALERTS_ALLOW_PRIVATE_TARGETS"] = "true"
    made.start()
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.crash
def test_killed_while_posting_it_misses_nothing(server: Server, target: Target) -> None:
    key = server.run("api-key", "add", "t", "--scopes", "read,incidents:write,webhooks:write")["secret"]
    bearer = f"Bearer {key}"
    hook = {"url": f"http://127.0.0.1:{target.server_port}/", "events": ["IncidentReported"]}
    assert server.ask("POST", "/api/v1/webhooks", hook, Authorization=bearer)[0] == 201
    for _ in range(KILLS):
        seen = len(target.got)
        for number in range(EACH):
            assert server.ask("POST", "/api/v1/incidents", {"headline": f"x{number}"}, Authorization=bearer)[0] == 201
        while len(target.got) < seen + 3:
            time.sleep(0.01)
        server.kill()
        server.start()
    wanted = server.ask("GET", "/api/v1/events?type=IncidentReported&limit=1000", Authorization=bearer)[1]["items"]
    for _ in range(400):
        if target.got and target.got[-1][1] == wanted[-1]["position"]:
            break
        time.sleep(0.02)
    positions = [position for _, position in target.got]
    assert sorted(set(positions)) == [event["position"] for event in wanted], "none missed, none invented"
    assert len(set(target.got)) == len(wanted) == KILLS * EACH, "the same event, the same id"
    firsts = list(dict.fromkeys(positions))
    assert firsts == sorted(firsts), "in order"
