"""Exposure to other machines: a public address and an administrator, or no start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alerts import settings as settings_of
from alerts.app import bootstrap
from alerts.app.exposure import check_address, first_administrator
from alerts.kernel.errors import Unavailable

PUBLIC = {"ALERTS_PUBLIC_URL": "https://alerts.anytown.example"}


def load(folder: Path, **more: str) -> settings_of.Settings:
    return settings_of.load({"ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db", **more})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://alerts.anytown.example"])
def test_no_start_beyond_loopback_without_a_public_address(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, ALERTS_PUBLIC_URL=url)
    check_address(settings, "127.0.0.1")
    with pytest.raises(Unavailable, match="ALERTS_PUBLIC_URL"):
        check_address(settings, "0.0.0.0")
    check_address(load(tmp_path, **PUBLIC), "0.0.0.0")


def test_first_administrator_gets_a_link_once(tmp_path: Path) -> None:
    async def run(admin: str, host: str = "0.0.0.0") -> str:
        app = bootstrap.build(load(tmp_path, **PUBLIC, **({"ALERTS_ADMIN": admin} if admin else {})), ["web"])
        await app.start()
        try:
            return await first_administrator(app.services, app.commands, host)
        finally:
            await app.stop()

    with pytest.raises(Unavailable, match="ALERTS_ADMIN"):
        asyncio.run(run(""))
    hint = asyncio.run(run("", "127.0.0.1"))
    assert "alerts team add" in hint and "/sign-in/" not in hint
    words = asyncio.run(run("you@anytown.example"))
    assert "you@anytown.example" in words and "https://alerts.anytown.example/console/sign-in/" in words
    assert asyncio.run(run("you@anytown.example")) == "" == asyncio.run(run("", "127.0.0.1"))
