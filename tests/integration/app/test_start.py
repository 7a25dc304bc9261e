"""Starting a process: nothing that it does not need."""

from __future__ import annotations

import sys

import pytest

from tests.integration.app.conftest import BuildApp


async def test_process_that_does_not_count_loads_no_scheduler(
    build_app: BuildApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apscheduler.schedulers.asyncio", None)  # an import of it fails
    app = build_app()
    await app.start(counting=False)
    await app.stop()
    app = build_app()
    with pytest.raises(ImportError):
        await app.start()
    await app.stop()
