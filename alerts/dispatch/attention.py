"""Attention watch: finds what waits for a person and what the team should know, from the read models and the queue.

Unlike an alarm it keeps no message from leaving: a webhook is parked or refused, a bulletin is paused, deliveries have
failed, a provider is unwell before anything has to leave by it. One entry by source, notice or channel: a source that
parks a hundred webhooks is one message, not a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.delivery_queue.queries import DispatchQueries
from alerts.dispatch.alarms import WAITS, Alarm, unwell
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import Role, at_least
from alerts.kernel.terms import CHANNEL_TERMS
from alerts.kernel.times import from_micros
from alerts.projections import ReadModelQueries
from alerts.projections.runner import ProjectionRunner

EVERY_S = 10.0
"""Seconds between two looks."""
REFUSED_FOR = timedelta(hours=1)
"""Time after its last refusal for which a source counts as refused."""
_MOST = 500
_LEAST: dict[str, Role] = {"trigger": "approver", "paused": "approver", "failed": "approver", "audience": "approver"}
"""Kind → lowest role that is told; of the others the administrators are."""


class AttentionWatch:
    """Looks at what all processes share. `look` blocks."""

    def __init__(
        self,
        views: ReadModelQueries,
        queue: DispatchQueries,
        runner: ProjectionRunner,
        providers: Callable[[], Mapping[str, Any]],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """`providers`: as in `Services`."""
        self._views, self._queue, self._runner, self._providers = views, queue, runner, providers
        self._clock = clock

    def look(self, alarms: Sequence[Alarm] = ()) -> list[Alarm]:
        """Return what waits. `alarms`: those that hold; a channel among them is left out, for the team knows."""
        known = {alarm.name for alarm in alarms}
        return [*self._triggers(), *self._dispatches(), *self._read_models(), *self._refused(), *self._unwell(known)]

    def _triggers(self) -> Iterator[Alarm]:
        by_source: dict[str, list[Any]] = {}
        for trigger in self._views.triggers("parked", None, _MOST).items:
            by_source.setdefault(trigger.source, []).append(trigger)
        for source, parked in by_source.items():
            oldest = min(parked, key=lambda trigger: trigger.at)
            many = f"{len(parked)} webhooks wait" if len(parked) > 1 else "A webhook waits"
            words = f"{many} for a person, from “{source}”: {oldest.reason} Decide about it under Waiting."
            yield _waiting(f"trigger:{source}", words, oldest.at)

    def _dispatches(self) -> Iterator[Alarm]:
        now = self._clock()
        for paused in self._queue.paused(now):
            words = f"A bulletin is paused: {paused.reason} Let it go on or stop it, under Waiting."
            yield _waiting(f"paused:{paused.id}", words, now)
        for failed in self._queue.failed(now):
            what = "1 message" if failed.amount == 1 else f"{failed.amount:,} messages"
            words = f"{what} failed for technical reasons. Once that is mended, try again under Waiting."
            yield _waiting(f"failed:{failed.id}", words, failed.issued_at)
        for parked in self._queue.parked():
            words = f"Nobody was told of a notice: {parked.reason} Mend it, then issue it anew as an update."
            yield _waiting(f"audience:{parked.id}", words, now)

    def _read_models(self) -> Iterator[Alarm]:
        if parked := self._runner.parked():
            first = parked[0]
            words = f"Pages lack {len(parked)} of the log's entries, such as {first.topic}: {first.error} See Waiting."
            yield _waiting("read-model", words, from_micros(first.at))

    def _refused(self) -> Iterator[Alarm]:
        now = self._clock()
        days = sorted({now.date(), (now - REFUSED_FOR).date()})
        for source in self._views.sources():
            found = [one for one in self._views.rejections(source.name, days) if one.at > now - REFUSED_FOR]
            if not found or not source.connected:
                continue
            times = "once" if len(found) == 1 else f"{len(found)} times"
            words = f"“{source.name}” was refused {times} in the last hour, last: {found[0].detail} See its page."
            yield _waiting(f"refused:{source.name}", words, found[-1].at)

    def _unwell(self, known: set[str]) -> Iterator[Alarm]:
        for channel, provider in self._providers().items():
            why = unwell(provider) if provider.get("provider") else ""
            if why and f"channel:{channel}" not in known:
                words = f"{_label(channel)}: {why} What is sent meanwhile waits; `alerts doctor` asks the provider."
                yield _waiting(f"provider:{channel}", words, self._clock())


def told(team: Sequence[MemberState], name: str) -> list[MemberState]:
    """Members who are told of an entry: who may decide about it, in every area; or an administrator."""
    kind = name.removeprefix(WAITS).partition(":")[0]
    least = _LEAST.get(kind, "admin")
    return [member for member in team if at_least(member.role, least) and (member.areas is None or least == "admin")]


def _waiting(name: str, words: str, since: datetime) -> Alarm:
    return Alarm(name=f"{WAITS}{name}", words=words, since=since)


def _label(channel: str) -> str:
    terms: Mapping[Any, Any] = CHANNEL_TERMS
    found = terms.get(channel)
    return str(found.label) if found is not None else channel
