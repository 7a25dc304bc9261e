"""The product as readers use it: an alert, its page, and on demand a mass dispatch in the same process.

Usage: python -m alerts.bench.reading SMTP_PORT PEOPLE. Prints the address of the alert's page, then executes each line
of its standard input: `bulletin` issues one to everybody; `left` prints its unsent deliveries; `emergency` issues one
to a tenth of the people and prints the 95th percentile of the seconds to a first attempt. It ends with its input.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from tempfile import TemporaryDirectory
from typing import TypeVar
from uuid import UUID

from aiohttp import web

from alerts import settings
from alerts.app import bootstrap, process
from alerts.domain.events import Content, NoticeDrafted, NoticeIssued, NoticePlan
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_number, new_id
from alerts.web.http.app import build
from subscribers.domain.events import ContactRef, Preferences, SubscriberPlace, SubscriberRegistered
from subscribers.domain.subscriber import SUBSCRIBER

T = TypeVar("T")
_AT_A_TIME = 2_000
_NEAR, _FAR = (51.49, -0.09), (51.60, -0.30)
_CONTENT = {
    "en": Content(
        title="Do not drink the tap water in Walworth",
        body="A main has burst in **East Street** and the water may not be clean. " * 4,
        instruction="Boil water before you drink it. Bottled water is handed out at the library.",
    )
}


async def _serve(port: int, people: int) -> None:
    with TemporaryDirectory(prefix="alerts-bench-") as folder:
        chosen = settings.load(
            {
                "ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db",
                "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
                "ALERTS_LOG_LEVEL": "error",
            }
        )
        app = bootstrap.build(chosen, process.ROLES)
        await app.start()
        runner = web.AppRunner(build(app.services), access_log=None)
        try:
            alert, _ = await _done(app, partial(_issue, kind="alert", area=_FAR))
            for first in range(0, people, _AT_A_TIME):
                await _done(app, partial(_people, people=range(first, min(people, first + _AT_A_TIME))))
            await asyncio.to_thread(app.projector.wait_for_applied, app.writer.position(), 600)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            process.spare_the_collector()
            print(f"http://127.0.0.1:{runner.addresses[0][1]}/alerts/{alert}", flush=True)
            await _run_commands(app)
        finally:
            await runner.cleanup()
            await app.stop()


async def _run_commands(app: bootstrap.App) -> None:
    bulletin = 0
    while said := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if said == "bulletin":
            _, bulletin = await _done(app, partial(_issue, kind="announcement", area=_NEAR))
            print("issued", flush=True)
        elif said == "left":
            progress = await asyncio.to_thread(app.dispatch.progress, bulletin)
            assert progress is not None
            print(progress.deliveries - progress.by_channel.get("email", {}).get("sent", 0), flush=True)
        else:
            _, number = await _done(app, partial(_issue, kind="alert", area=_NEAR, radius_km=0.02))
            while (now := await asyncio.to_thread(app.dispatch.progress, number)) is None or not now.complete:  # noqa: ASYNC110  as the API would be asked
                await asyncio.sleep(0.01)
            print(now.p95_s, flush=True)


async def _done(app: bootstrap.App, work: Callable[[UnitOfWork], T]) -> T:
    return (await app.writer.run(work, by="bench")).result


def _people(unit: UnitOfWork, people: range) -> None:
    """Register people, each with their own place; every tenth within a few metres of the centre."""
    first = unit.number("contact", len(people))
    for at in people:
        subscriber = new_id()
        number = contact_number(first + at - people.start, subscriber)
        off = 0.0 if at % 10 == 0 else 0.002 + at % 97 * 1e-5
        place = SubscriberPlace(name=f"Flat {at}", lat=_NEAR[0] + off, lon=_NEAR[1], radius_km=0.1)
        unit.append(
            SUBSCRIBER,
            subscriber,
            SubscriberRegistered(
                how="bench",
                contacts=(ContactRef(number, "email"),),
                addresses={number: f"reader{number}@example.org"},
                preferences=Preferences(places=(place,), channels=("email",)),
                consent=None,
            ),
        )


def _issue(unit: UnitOfWork, kind: str, area: tuple[float, float], radius_km: float = 3.0) -> tuple[UUID, int]:
    notice, number = new_id(), unit.number("notice")
    alarm = {"severity": "Extreme", "urgency": "Immediate", "certainty": "Observed"} if kind == "alert" else {}
    plan = NoticePlan(
        kind=kind,  # type: ignore[arg-type]  # one of the two that are asked for here
        area=[{"circle": {"lat": area[0], "lon": area[1], "radius_km": radius_km}}],
        content=_CONTENT,
        channels=("email",),
        priority="emergency" if alarm else "notice",
        **alarm,  # type: ignore[arg-type]
    )
    about = {"number": number, "msg_type": "Alert", "thread": notice, "plan": plan}
    unit.append(
        NOTICE,
        notice,
        NoticeDrafted(**about),  # type: ignore[arg-type]
        NoticeIssued(
            **about,  # type: ignore[arg-type]
            priority=plan.priority,
            danger_to_life=bool(alarm),
            expires=datetime.now(UTC) + timedelta(days=1),
        ),
    )
    return notice, number


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
