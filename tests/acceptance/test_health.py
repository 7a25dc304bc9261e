"""Real processes asked how they are: a disk that takes no more, a sender without a web, the container's own check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.healthcheck import check
from alerts.settings.key_files import new_master_key
from tests.acceptance.test_api_server import REPOSITORY, Server


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit: the full disk is NOT TRIED here")
def test_a_server_whose_disk_takes_no_more_is_alive_and_not_ready(tmp_path: Path) -> None:
    import resource

    server = Server(tmp_path)
    server.start()
    try:
        key = server.run("api-key", "add", "tests", "--scopes", "incidents:write")["secret"]
        bearer = f"Bearer {key}"
        assert server.ask("GET", "/readyz")[1]["ready"] is True
        assert server.process is not None
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        time.sleep(2.1)  # an answer holds for two seconds
        status, state = server.ask("GET", "/readyz")
        assert status == 503 and state["ready"] is False and state["log"].startswith("cannot be written"), state
        assert state["database"] == "answers", "reads go on"
        assert server.ask("GET", "/healthz")[0] == 200, "restarting it would not make room"
        status, refused = server.ask("POST", "/api/v1/incidents", {"headline": "x"}, Authorization=bearer)
        assert status == 503 and "cannot be written" in refused["detail"], "nothing is acknowledged that is not on disk"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        time.sleep(2.1)
        assert server.ask("GET", "/readyz")[0] == 200, "by itself, without a restart"
        assert server.ask("POST", "/api/v1/incidents", {"headline": "x"}, Authorization=bearer)[0] == 201
    finally:
        server.kill()


def test_a_sender_alone_says_how_it_is_and_nothing_else(new_postgres: Callable[[], str], tmp_path: Path) -> None:
    port = Server(tmp_path).port
    for name in ("master", "secret"):
        (tmp_path / name).write_text(new_master_key() + "\n")
    (tmp_path / "url").write_text(new_postgres() + "\n")
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")},
        "PYTHONPATH": str(REPOSITORY),
        "ALERTS_DATABASE_URL_FILE": str(tmp_path / "url"),
        "ALERTS_MASTER_KEY_FILE": str(tmp_path / "master"),
        "ALERTS_SECRET_KEY_FILE": str(tmp_path / "secret"),
        "ALERTS_PUBLIC_URL": "https://alerts.example.org",
    }
    alerts = [sys.executable, "-m", "alerts"]
    subprocess.run([*alerts, "migrate"], env=env, cwd=tmp_path, check=True, capture_output=True)
    url = f"http://127.0.0.1:{port}"
    worker = subprocess.Popen([*alerts, "worker", "--port", str(port)], env=env, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            if not check(f"{url}/healthz"):
                break
            time.sleep(0.05)
        healthcheck = [sys.executable, "-m", "alerts.healthcheck", f"{url}/readyz"]
        assert subprocess.run(healthcheck, env=env, cwd=tmp_path).returncode == 0
        with urllib.request.urlopen(f"{url}/readyz") as answer:
            assert "email" in json.load(answer)["without_provider"], "listed, and ready all the same"
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            assert b"alerts_log_position" in answer.read()
        for path in ("/", "/inbox", "/api/v1/status", "/console"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(url + path)
            assert refused.value.code == 404
        worker.terminate()
        assert worker.wait(20) == 0, "it ends when it is told to"
        assert subprocess.run(healthcheck, env=env, cwd=tmp_path, capture_output=True).returncode == 1
    finally:
        worker.kill()
        worker.wait()
    assert not list(tmp_path.glob("var")), "nothing is written beside the database"
