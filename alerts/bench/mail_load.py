"""Load of the mail benchmarks: one notice to many people, each message with the reader's own place and name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.domain.events import Content, NoticeDrafted, NoticeIssued, NoticePlan
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_number, new_id
from subscribers.domain.events import ContactRef, Preferences, SubscriberPlace, SubscriberRegistered
from subscribers.domain.subscriber import SUBSCRIBER

AT_A_TIME = 2_000
"""Number of people registered in one transaction."""
_CONTENT = {
    "en": Content(
        title="Water is back in Walworth",
        body="The burst main in **East Street** is mended. Run the tap until the water is clear.",
        instruction="Call us if it is still brown tomorrow.",
    )
}


def people(unit: UnitOfWork, count: int, lat: float = 51.49, lon: float = -0.09) -> None:
    """Register `count` people around Walworth, or another place, each with their own place; work for the writer."""
    first = unit.number("contact", count)
    for at in range(count):
        subscriber = new_id()
        number = contact_number(first + at, subscriber)
        place = SubscriberPlace(
            name=f"Flat {first + at}", lat=lat + at % 100 * 1e-5, lon=lon - at % 97 * 1e-5, radius_km=0.1
        )
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


def issue(unit: UnitOfWork) -> int:
    """Issue the notice to all of them; returns its number. Work for the writer."""
    notice, number = new_id(), unit.number("notice")
    plan = NoticePlan(
        kind="announcement",
        topic="utilities",
        area=[{"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 3.0}}],
        content=_CONTENT,
        channels=("email",),
    )
    unit.append(
        NOTICE,
        notice,
        NoticeDrafted(number=number, msg_type="Alert", thread=notice, plan=plan),
        NoticeIssued(
            number=number,
            msg_type="Alert",
            thread=notice,
            plan=plan,
            priority=plan.priority,
            danger_to_life=False,
            expires=datetime.now(UTC) + timedelta(days=1),
        ),
    )
    return number
