"""Content of a process's log, and what it never contains."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts import settings as settings_of
from alerts.observability import log_setup

CANARIES = ("kanari@zeisig.example", "+442079460007", "51.501357", "-0.141897")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, kept = logging.getLogger(), {name: logging.getLogger(name).level for name in ("", "alerts", "subscribers")}
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    for name, level in kept.items():
        logging.getLogger(name).setLevel(level)


def fail(address: str, number: str, lat: str, lon: str) -> None:
    raise ValueError(f"<{address}> or {number} stands at {lat} {lon}")


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_failure_brings_personal_data_into_the_log(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of.load({"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_LOG_FORMAT": form})
    log_setup.configure(settings)
    log = logging.getLogger("alerts.test")
    try:
        fail(*CANARIES)
    except ValueError as error:
        log.exception("the message to %s failed after %d tries", CANARIES[0], 3)
        log.warning("said: %s", error, extra={"about": {"to": CANARIES[1]}})
    said = capsys.readouterr().err
    assert not [canary for canary in CANARIES if canary in said]
    assert "failed after 3 tries" in said and "ValueError" in said and Path(__file__).name in said
    assert settings.secret_key.original().decode() not in said, "a frame's variables are not shown"
    if form == "json":
        assert [json.loads(line)["level"] for line in said.splitlines()] == ["error", "warning"]


def test_debug_is_ours_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_setup.configure(
        settings_of.load({"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_LOG_LEVEL": "debug"})
    )
    logging.getLogger("alerts.x").debug("ours")
    logging.getLogger("markdown_it").debug("theirs")
    said = capsys.readouterr().err
    assert "ours" in said and "theirs" not in said


def test_what_is_not_personal_stays() -> None:
    said = "serving http://127.0.0.1:8080, dispatch 12 at position 123456, 2.0.0 after 1.25 s"
    assert log_setup.redact(said) == said


def test_a_line_about_a_request_has_the_members_of_every_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_LOG_FORMAT": "json"}
    log_setup.configure(settings_of.load(form))
    said = {"method": "POST", "route": "/x/{id}", "status": 201, "ms": 1.5, "request": "0199", "by": "key:1"}
    logging.getLogger(log_setup.WEB).info(log_setup.ANSWERED, extra=said)
    logging.getLogger("alerts.other").info("x", extra=said)
    quick, plain = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert set(quick) == set(plain) and {name: quick[name] for name in said} == said
    assert (quick["event"], quick["level"], quick["logger"]) == ("answered", "info", "alerts.web")
    assert abs(datetime.fromisoformat(quick["timestamp"]) - datetime.fromisoformat(plain["timestamp"])).seconds < 5


async def test_access_log_is_flushed_before_later_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_LOG_FORMAT": "json"}
    log_setup.configure(settings_of.load(form))
    lines = log_setup.LineHandler.exclusive()
    assert lines is not None
    for number in (1, 2):
        lines.log_request(logging.INFO, {"status": number})
    assert capsys.readouterr().err == ""
    logging.getLogger("alerts.other").info("later")
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("status") for line in said] == [1, 2, None]
    assert {"event", "level", "logger", "timestamp"} <= set(said[0]) and said[0]["event"] == "answered"
    lines.log_request(logging.INFO, {"status": 3})
    await asyncio.sleep(0.2)
    assert json.loads(capsys.readouterr().err)["status"] == 3
    logging.getLogger().addHandler(logging.NullHandler())
    assert log_setup.LineHandler.exclusive() is None, "somebody else listens too"


async def test_a_strangers_broken_request_is_not_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = {"ALERTS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "ALERTS_LOG_FORMAT": "json"}
    log_setup.configure(settings_of.load(form))

    async def fails(request: web.Request) -> web.Response:
        raise RuntimeError("ours")

    app = web.Application()
    app.router.add_get("/ours", fails)
    server = TestServer(app)
    await server.start_server(access_log=None)  # as the product serves
    try:
        for first in (b"GET /preferences/tokencanary?\xff HTTP/1.1", b"GET /ours HTTP/1.1"):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(first + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert await reader.read()
            writer.close()
    finally:
        await server.close()
    said = capsys.readouterr().err
    assert "RuntimeError: ours" in said and "tokencanary" not in said and len(said.splitlines()) == 1
