"""`/metrics` in the Prometheus text format: queue, log, providers and web requests.

Instance-wide sums (deliveries, queue, latencies, log) are read from the database at each scrape, so that all processes
of an instance report the same; requests and provider states are per process. No label contains anything about a
person: routes are patterns, sources and providers are named by the operator. `docs/operating.md` lists the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from alerts.observability.request_counts import REQUEST_BOUNDS, _bucket_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from alerts.delivery_queue.statistics import Totals
    from alerts.dispatch.canary import CanaryState
    from alerts.services import Services

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DELIVERY_BOUNDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""Histogram bounds in seconds; 10 is the promise (P9)."""
PROVIDER_STATES = ("well", "limping", "resting", "no provider")
_FRESH_S = 1.0
"""Cache lifetime in seconds: a thousand scrapes in a second cost the database one read."""


class Metrics:
    """Cached metrics page."""

    def __init__(self, services: Services, tick: Callable[[], float] = monotonic) -> None:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        self._services, self._tick = services, tick
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._page: tuple[float, bytes] = (-_FRESH_S, b"")

    def page(self) -> bytes:
        """Render the page, or return the cached one. Blocks: call it off the event loop."""
        from prometheus_client import generate_latest

        made, page = self._page
        if self._tick() - made >= _FRESH_S:
            page = generate_latest(_Found(collect(self._services))) + generate_latest(self._registry)
            self._page = self._tick(), page
        return page


class _Found:
    """Adapter that gives `generate_latest` families which were collected already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def collect(services: Services) -> Iterator[Metric]:
    """Yield all metric families of the product."""
    yield _gauge("alerts_info", "Always 1; the version is a label.", ("version",), {(services.version,): 1})
    yield from _of_log(services)
    yield from _of_queue(services)
    yield from _of_deliveries(services.totals())
    yield from _of_providers(services.providers())
    yield from _of_canaries(services.canaries())
    yield from _of_web(services)
    behind = services.webhooks.behind()
    yield _gauge("alerts_webhook_lag_events", "Log positions that the slowest webhook is behind.", (), {(): behind})


def _of_log(services: Services) -> Iterator[Metric]:
    # Positions first: concurrent writes can then only make a projection look further behind.
    positions = {**services.projections(), "audience": services.projector.position()}
    end = services.log.position()
    yield _gauge("alerts_log_position", "Position of the last event in the log.", (), {(): end})
    yield _gauge(
        "alerts_projection_position",
        "Log position that a read model (or the audience) has reached.",
        ("projection",),
        {(name,): position for name, position in positions.items()},
    )
    yield _gauge(
        "alerts_projection_lag_events",
        "Log positions between a read model and the end of the log.",
        ("projection",),
        {(name,): max(0, end - position) for name, position in positions.items()},
    )
    alarms = services.alarms()
    yield _gauge(
        "alerts_alarm", "1 while something keeps messages from leaving.", ("alarm",), {(one.name,): 1 for one in alarms}
    )
    yield _gauge("alerts_alarms", "Number of alarms.", (), {(): len(alarms)})
    parked = services.waiting()
    yield _gauge("alerts_parked", "Things that wait for a person (`alerts parked`).", (), {(): parked})


def _of_queue(services: Services) -> Iterator[Metric]:
    queue = services.dispatch.status(services.clock())
    yield _gauge(
        "alerts_queue",
        "Deliveries that are not final, by lane; planning counts pages of them.",
        ("lane", "state"),
        {
            (lane, state): amount
            for lane, states in queue.lanes.items()
            for state, amount in msgspec.structs.asdict(states).items()
        },
    )
    yield _gauge("alerts_in_doubt", "Deliveries whose process died in mid hand-over.", (), {(): queue.in_doubt})
    yield _gauge(
        "alerts_oldest_queued_seconds",
        "Since the issue of the oldest notice that has deliveries queued or deferred.",
        (),
        {(): queue.oldest_queued_s},
    )


def _of_deliveries(totals: Totals) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    yield _gauge(
        "alerts_deliveries",
        "Every delivery there ever was, by its state now.",
        ("channel", "state"),
        totals.deliveries,
    )
    family = HistogramMetricFamily(
        "alerts_delivery_seconds", "From the issue of a notice to the hand-over of a message.", labels=("lane",)
    )
    for lane, found in totals.latencies.items():
        counts = [0.0] * (len(DELIVERY_BOUNDS) + 1)
        for seconds, amount in found:
            counts[_bucket_of(DELIVERY_BOUNDS, seconds)] += amount
        _add(family, (lane,), DELIVERY_BOUNDS, counts, sum(seconds * amount for seconds, amount in found))
    yield family


def _of_providers(channels: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    states: dict[tuple[str, ...], float] = {}
    shares: dict[tuple[str, ...], float] = {}
    budgets: dict[tuple[str, ...], float] = {}
    alarms: dict[tuple[str, ...], float] = {}
    for channel, provider in channels.items():
        name = provider.get("provider") or ""
        if provider.get("budget_left") is not None:
            budgets[channel, name] = float(provider["budget_left"])
            alarms[channel, name] = float(bool(provider.get("alarm")))
        members = provider.get("members") or ({"name": name, "state": provider.get("state", "")},)
        for member in members:
            labels = (channel, str(member.get("name", name)))
            for state in PROVIDER_STATES:
                states[(*labels, state)] = float(member.get("state") == state)
            if "share" in member:
                shares[labels] = float(member["share"])
    yield _gauge(
        "alerts_provider_state", "1 for the state that a provider is in.", ("channel", "provider", "state"), states
    )
    yield _gauge("alerts_provider_share", "Part of its weight that a provider gets.", ("channel", "provider"), shares)
    yield _gauge(
        "alerts_provider_budget_alarm", "1 from a tenth of the day's budget on.", ("channel", "provider"), alarms
    )
    yield _gauge(
        "alerts_provider_budget_left", "Messages it may still take today (UTC).", ("channel", "provider"), budgets
    )


def _of_canaries(canaries: Mapping[str, CanaryState]) -> Iterator[Metric]:
    yield _gauge(
        "alerts_canary_well",
        "1 if a provider took a message to the channel's tester of late.",
        ("channel",),
        {(channel,): float(state.well) for channel, state in canaries.items()},
    )
    yield _gauge(
        "alerts_canary_age_seconds",
        "Since a provider took the last message to the channel's tester; without one, nothing is said.",
        ("channel",),
        {(channel,): state.age_s for channel, state in canaries.items() if state.age_s is not None},
    )


def _of_web(services: Services) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    family = HistogramMetricFamily(
        "alerts_http_request_seconds",
        "Requests that this process answered; _count is their number.",
        labels=("method", "route", "status"),
    )
    for (method, route, status), values in sorted(services.requests.seen().items()):
        _add(family, (method, route, str(status)), REQUEST_BOUNDS, values[:-1], values[-1])
    yield family
    unverified = CounterMetricFamily(
        "alerts_unverified_webhooks", "Webhooks and receipts that nobody had signed.", labels=("source",)
    )
    for source, amount in sorted(services.unverified.items()):
        unverified.add_metric((source,), amount)
    yield unverified


def _gauge(name: str, about: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, about, labels=labels)
    for of, value in sorted(values.items()):
        family.add_metric(of, value)
    return family


def _add(family: Any, labels: Sequence[str], bounds: Sequence[float], counts: Sequence[float], total: float) -> None:
    """Add one histogram; Prometheus buckets are cumulative."""
    so_far, buckets = 0.0, []
    for bound, amount in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        so_far += amount
        buckets.append((bound, so_far))
    family.add_metric(labels, buckets, total)
