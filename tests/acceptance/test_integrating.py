"""The examples of docs/integrating.md, run as they stand: a real server, a real curl, one shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_api_server import Server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "integrating.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here: the examples of docs/integrating.md NOT RUN")
def test_the_examples_do_what_the_text_says(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 7
    server = Server(tmp_path)
    server.start()
    try:
        done = _run(server, tmp_path)
    finally:
        server.kill()
    parts = done.stdout.split("=== next\n")[1:]
    assert done.returncode == 0, f"example {len(parts)} failed:\n{EXAMPLES[len(parts) - 1]}\n{done.stderr[-3000:]}"
    assert len(parts) == len(EXAMPLES)
    ready, status, people, first, why, over, hook, feed = parts
    assert '"ready":true' in ready and '"log_position"' in status
    assert people.count('"position"') >= 1 and '"contact_points"' in people
    assert '"people":1' in first and '"email":{"sent":1}' in first and "A water main has burst" in first
    assert '"due":true' in why and '"state":"live"' in over
    assert '"state":"issued"' in hook and feed.count('"NoticeIssued"') == 3


def _run(server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    """All examples in one shell that ends at the first failure, with `alerts` and `python3` on the path."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "alerts").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m alerts "$@"\n')
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = "\n".join(f"echo '=== next'\n{example}" for example in EXAMPLES)
    script = script.replace("http://127.0.0.1:8080", server.url)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")}
    env = {**outer, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "ALERTS_PUBLIC_URL": server.url}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
