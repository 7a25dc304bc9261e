"""A real server with a real provider of texts: from sign-up to the text at the provider, and what operators see."""

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

AREA = {"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 2}}


class Gateway:
    """Takes texts in the form http+json."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        taken = self.texts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                taken.append({**body, "authorization": self.headers["Authorization"]})
                answer = json.dumps({"id": f"m{len(taken)}"}).encode()
                self.send_response(202)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A running one."""
    made = Gateway()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def test_a_text_leaves_by_its_provider_within_prefixes_and_budget(tmp_path: Path, gateway: Gateway) -> None:
    (tmp_path / ".env").write_text(
        f"ALERTS_SMS_URL=http+json://s3cret@127.0.0.1:{gateway.port}/send\n"
        "ALERTS_SMS_PREFIXES=+44,+353\nALERTS_SMS_BUDGET=2\n"
    )
    server = Server(tmp_path)
    server.start()
    try:
        scopes = "read,notices:write,notices:issue,subscribers:write,subscribers:read"
        key = server.run("api-key", "add", "tests", "--scopes", scopes, "--policy", "issue")["secret"]
        ask = {"Authorization": f"Bearer {key}"}
        consent = {"wording": "I want texts.", "given_at": "2026-11-01T09:00:00Z", "how": "form"}
        wishes = {"places": [{"lat": 51.49, "lon": -0.09, "radius_km": 1}], "confirmed": True, "consent": consent}
        status, refused = server.ask("POST", "/api/v1/subscribers", {"phone": "+12025550123", **wishes}, **ask)
        assert status == 422 and refused["errors"][0]["field"] == "phone", refused
        assert "+44, +353" in refused["errors"][0]["message"]
        for number in range(3):
            told = {"phone": f"+44770090000{number}", **wishes}
            status, made = server.ask("POST", "/api/v1/subscribers", told, **ask)
            assert status == 201, made
        body = {
            "kind": "announcement",
            "area": AREA,
            "content": {"en": {"title": "Water is off", "body": "Until noon."}},
        }
        status, notice = server.ask("POST", "/api/v1/notices", body, **ask)
        assert status == 201, notice
        status, issued = server.ask("POST", f"/api/v1/notices/{notice['id']}/issue", {}, **ask)
        assert status == 202, issued
        _until(server, notice["id"], ask, {"sms": {"sent": 2, "queued": 1}})
        assert {one["authorization"] for one in gateway.texts} == {"Bearer s3cret"}
        status, listed = server.ask("GET", f"/api/v1/deliveries?notice={notice['id']}", **ask)
        sent = {one["id"] for one in listed["items"] if one["state"] == "sent"}
        assert {one["reference"] for one in gateway.texts} == sent
        assert "ALERTS_SMS_BUDGET" in _why_it_waits(server, notice["id"], ask), "a hard stop: it waits for the next day"
        status, ready = server.ask("GET", "/readyz")
        seen = ready["providers"]["sms"]
        assert status == 200 and (seen["provider"], seen["state"], seen["budget_left"]) == ("http-json", "well", 0)
        assert "s3cret" not in json.dumps(ready)
    finally:
        server.kill()


def _why_it_waits(server: Server, notice: str, ask: dict[str, str]) -> str:
    """The reason of the one text that is queued, once it has been tried."""
    for _ in range(300):
        listed = server.ask("GET", f"/api/v1/deliveries?notice={notice}", **ask)[1]["items"]
        [waiting] = [one for one in listed if one["state"] == "queued"]
        if waiting["reason"]:
            return str(waiting["reason"])
        time.sleep(0.1)
    raise AssertionError(f"the text waits without a reason: {waiting}")


def _until(server: Server, notice: str, ask: dict[str, str], by_channel: dict[str, Any]) -> None:
    for _ in range(300):
        found = server.ask("GET", f"/api/v1/notices/{notice}/dispatch", **ask)[1]
        if found.get("by_channel") == by_channel:
            return
        time.sleep(0.1)
    raise AssertionError(f"the dispatch did not come to that: {found}")
