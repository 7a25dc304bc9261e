"""A real server: verified and backed up while it runs, altered behind its back, restored elsewhere."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from tests.acceptance.test_api_server import Server


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_verify_backup_and_restore_around_a_running_server(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    server = Server(first)
    server.start()
    try:
        key = server.run("api-key", "add", "tests", "--scopes", "incidents:write,read")["secret"]
        bearer = f"Bearer {key}"
        for number in range(5):
            assert server.ask("POST", "/api/v1/incidents", {"headline": f"x{number}"}, Authorization=bearer)[0] == 201
        kept = server._alerts("verify", "--checkpoint", str(tmp_path / "kept.json"))
        assert kept.returncode == 0 and "keep it where" in kept.stderr
        status, last = server.ask("POST", "/api/v1/incidents", {"headline": "last"}, Authorization=bearer)
        made = server._alerts("backup", str(tmp_path / "backup"))
        assert made.returncode == 0 and "NOT in it" in made.stderr, made.stderr
        assert status == 201 and answer(made)["position"] >= last["position"]  # type: ignore[operator]
        again = answer(server._alerts("verify", "--checkpoint", str(tmp_path / "kept.json")))
        assert again["whole"] and again["compared"] == json.loads((tmp_path / "kept.json").read_text())

        end = time.monotonic() + 5
        while answer(server._alerts("verify"))["proven"] != again["events"]:
            assert time.monotonic() < end, "proven within seconds"
        with closing(sqlite3.connect(first / "var" / "alerts.db")) as behind:
            behind.execute("DELETE FROM events WHERE position = 3")
            behind.commit()
        altered = server._alerts("verify")
        assert altered.returncode == 1
        [finding] = answer(altered)["findings"]  # type: ignore[misc]
        assert (finding["kind"], finding["position"]) == ("missing", 3)  # type: ignore[index]
    finally:
        server.kill()

    other = Server(second)
    (second / "var").mkdir()
    for name in ("master.key", "secret.key"):
        shutil.copy(first / "var" / name, second / "var" / name)
    restored = other._alerts("restore", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    assert answer(restored)["whole"] and "erase once more" in restored.stderr
    assert answer(other._alerts("verify", "--checkpoint", str(tmp_path / "kept.json")))["compared"]
    refused = other._alerts("restore", str(tmp_path / "backup"))
    assert refused.returncode == 1 and "--force" in refused.stderr
    other.start()
    try:
        status, feed = other.ask("GET", "/api/v1/events?limit=500", Authorization=bearer)
        assert status == 200 and max(e["position"] for e in feed["items"]) >= last["position"]
        busy = other._alerts("restore", str(tmp_path / "backup"), "--force")
        assert busy.returncode == 1 and "stop it first" in busy.stderr
    finally:
        other.kill()
