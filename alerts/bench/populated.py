"""Database with many subscribers, written by the product itself: for benchmarks on a full log.

`python -m alerts.bench.populated COUNT [AWAY]` fills the database in the settings. Everyone has one sealed stream of
one event, a place with one of the twelve radii offered at sign-up, topics, and an e-mail address. AWAY more live
together in a place far from the others.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from alerts import settings
from alerts.app import bootstrap
from alerts.bench.mail_load import people
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import BUILT_IN_TOPICS, Severity
from subscribers.domain.events import Consent, ContactRef, Preferences, SubscriberPlace, SubscriberRegistered
from subscribers.domain.subscriber import SUBSCRIBER

RADII_KM = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0)
"""Radii offered at sign-up."""
_TOPICS = tuple(BUILT_IN_TOPICS)
_FLOORS: tuple[Severity | None, ...] = (None, "Moderate", "Severe", "Extreme")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 1_000
_CONTACTS = "contact"


def populate(env: Mapping[str, str], size: int, away: int = 0) -> int:
    """Register `size` people spread over London and `away` in one distant place; returns the last log position.

    The read models are not updated.
    """
    app = bootstrap.build(settings.load(env))
    seed = random.Random(size)
    try:
        for start in range(0, size, _BATCH):
            work = partial(_register, count=min(_BATCH, size - start), seed=seed)
            app.writer.submit(work, by="system").result()
        for start in range(0, away, _BATCH):
            app.writer.submit(
                partial(people, count=min(_BATCH, away - start), lat=55.0, lon=-3.0), by="system"
            ).result()
        return app.writer.position()
    finally:
        asyncio.run(app.stop())


def _register(unit: UnitOfWork, count: int, seed: random.Random) -> None:
    first = unit.number(_CONTACTS, count)
    for sequence in range(first, first + count):
        person = new_id()
        unit.append(SUBSCRIBER, person, _registration(contact_number(sequence, person), sequence, seed))


def _registration(number: int, sequence: int, seed: random.Random) -> SubscriberRegistered:
    place = SubscriberPlace(
        name="Home", lat=seed.uniform(51.28, 51.70), lon=seed.uniform(-0.52, 0.34), radius_km=seed.choice(RADII_KM)
    )
    return SubscriberRegistered(
        how="import",
        contacts=(ContactRef(number, "email"),),
        addresses={number: f"resident-{sequence}@example.org"},
        preferences=Preferences(
            places=(place,),
            topics=tuple(seed.sample(_TOPICS, seed.randint(1, len(_TOPICS)))),
            severity_at_least=seed.choice(_FLOORS),
            channels=("email",),
        ),
        consent=Consent("Tell me what happens near me.", _START, "import"),
    )


if __name__ == "__main__":
    print(populate(os.environ, *map(int, sys.argv[1:3])))
