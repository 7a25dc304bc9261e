"""The forecast says what the rules say, for every place and radius, and asks the outlines once."""

from __future__ import annotations

import msgspec
import pytest

from alerts.web.public.forecast import Forecasts, _anybody
from alerts.web.public.place_shapes import PlaceShapes
from subscribers.audience.explain import explain
from subscribers.domain.events import Preferences, SubscriberPlace
from tests.support.scene import Scene, plan_of

PLACES = [
    (),
    (SubscriberPlace(lat=51.488, lon=-0.093, radius_km=0.5),),
    (SubscriberPlace(lat=51.488, lon=-0.093, radius_km=5.0),),
    (SubscriberPlace(lat=51.60, lon=-0.30, radius_km=2.0), SubscriberPlace(lat=51.488, lon=-0.093, radius_km=2.0)),
    (SubscriberPlace(slug="southwark"),),
    (SubscriberPlace(slug="no-longer-there"),),
    (SubscriberPlace(lat=-33.0, lon=151.0, radius_km=5.0),),
]


@pytest.mark.parametrize("topics", [(), ("weather",), ("service-changes", "safety")])
async def test_forecast_agrees_with_the_rules(scene: Scene, topics: tuple[str, ...]) -> None:
    scene.london()
    scene.fire()
    scene.closure()
    for key in ("gas", "water", "market"):
        scene.notice(plan_of(key))
    scene.notice(msgspec.structs.replace(plan_of("gas"), status="Exercise"))
    shapes = PlaceShapes(scene.parts.views, "en")
    forecasts = Forecasts(scene.parts, shapes)
    for places in PLACES:
        for danger in (True, False):
            chosen = Preferences(places=places, topics=topics, channels=("email",), danger_to_life=danger)
            person = _anybody(chosen, scene.now)
            due = [p for p in forecasts._recent() if explain(person, p.query, shapes.outline).due]
            found = forecasts.of(chosen)
            assert found.messages == len(due), places
            assert found.danger == sum(p.query.danger_to_life for p in due)
    assert forecasts.of(Preferences(channels=("email",))).messages == 5
