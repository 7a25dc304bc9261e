"""The served OpenAPI document, tried by schemathesis: no 5xx, nothing that the document does not say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_api_server import Server

SCOPES = (
    "read,incidents:write,services:write,notices:write,notices:issue,subscribers:read,subscribers:write,"
    "segments:write,newsletters:write,webhooks:write"
)
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth,allow_header_conformance"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server on SQLite in a folder of its own."""
    made = Server(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.slow
def test_the_api_is_what_its_document_says(server: Server, tmp_path: Path) -> None:
    key = server.run("api-key", "add", "schemathesis", "--scopes", SCOPES)["secret"]
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/v1/openapi.json",
            "-H", f"Authorization: Bearer {key}",
            "--checks", CHECKS,
            "--phases", "examples,coverage,fuzzing,stateful",
            "--max-examples", "4", "--seed", "4", "--generation-deterministic",
            "--continue-on-failure", "--suppress-health-check", "all",
            "--request-timeout", "10", "--no-color", "--warnings", "off",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "Test cases:" in done.stdout and "No test cases" not in done.stdout
