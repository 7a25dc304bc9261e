"""Trial of a policy on what its source sent last month, and of a mapping on a pasted sample. Stores nothing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from alerts.contract.trigger_request import Members, NoRequest, ParsedTrigger, Unparsed
from alerts.domain.events import AreaJson, Policy
from alerts.domain.reference_data import SourceState
from alerts.domain.source_policy import policy_answer
from alerts.intake import webhook_parser
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.terms import NoticeKind, PolicyAnswer, Severity
from alerts.web.api.common import read
from alerts.web.console.frame import Frame

MONTH = timedelta(days=30)
_MOST = 500
"""Webhooks of the month that are looked at."""
_SHOWN = 5
"""Members of a list that are shown."""


class SourceTrial:
    """Tries policies and mappings."""

    def __init__(self, frame: Frame) -> None:
        self._services, self._frame = frame.services, frame

    async def of(self, source: SourceState, policy: Any, mapping: dict[str, Any] | None, sample: str) -> dict[str, Any]:
        """Return what a policy would have done in the last month, and what a sample means. Raises Invalid."""
        checked = await self._services.commands.checked_policy(policy)
        month = await read(self._services, self._month, source.name, checked)
        tried = msgspec.structs.replace(source, policy=checked, mapping=mapping)
        return {"month": month, "sample": await self._sample(tried, sample) if sample else None}

    def _month(self, name: str, policy: Policy) -> dict[str, int]:
        """Count the answers of a policy over the webhooks of the last month. Blocks."""
        since, views = self._services.clock() - MONTH, self._services.views
        counts: Counter[str] = Counter(issue=0, draft=0, record=0)
        for trigger in views.triggers_of(name, limit=_MOST).items:
            if trigger.at < since:
                break
            if trigger.notices:
                for notice in map(views.notice, trigger.notices):
                    if notice is not None:
                        plan = notice.plan
                        counts[self._answer(policy, plan.kind, plan.severity, plan.area)] += 1
            elif trigger.incident is not None:
                counts[self._of_incident(policy, trigger.incident)] += 1
        return dict(counts)

    def _of_incident(self, policy: Policy, incident: UUID) -> PolicyAnswer:
        state = self._services.views.incident(incident)
        if state is None:
            return "record"
        return self._answer(policy, "alert", state.facts.severity, state.facts.area)

    def _answer(self, policy: Policy, kind: NoticeKind, severity: Severity, area: AreaJson | None) -> PolicyAnswer:
        shapes = self._frame.place_shapes

        def inside(areas: AreaJson) -> bool:
            reached = shapes.area(area)
            return not reached.empty and shapes.area(areas).contains(reached)

        return policy_answer(policy, kind=kind, severity=severity, inside=inside)

    async def _sample(self, source: SourceState, sample: str) -> dict[str, Any]:
        """Read a sample as the source's webhooks are read: the fields that it fills, and what is wrong or left out."""
        try:
            parsed = await read(self._services, _parsed, source, sample.encode())
        except DomainError as error:
            return {"wrong": _words(error), "found": [], "left_out": [], "more": 0}
        found: list[dict[str, Any]] = []
        wrong: list[str] = []
        members = parsed.request.triggers if isinstance(parsed.request, Members) else (parsed,)
        for member in members[:_SHOWN]:
            found.append(_fields(member))
            if isinstance(member.request, Unparsed):
                wrong.append(member.request.reason)
                continue
            try:
                await self._services.commands.check_trigger(source, member)
            except DomainError as error:
                wrong += _words(error)
        left_out = await read(self._services, _left_out, source, sample) if source.kind == "json" else []
        return {
            "wrong": wrong,
            "found": [one for one in found if one["fields"] or not wrong],
            "left_out": left_out,
            "more": max(len(members) - _SHOWN, 0),
        }


def _parsed(source: SourceState, body: bytes) -> ParsedTrigger:
    """Parse a sample by the source's kind. Raises DomainError."""
    if source.kind == "cap":
        return webhook_parser.cap_message(body, "application/xml")
    if source.kind == "json":
        return webhook_parser.mapped(source.mapping or {}, "", body)
    return webhook_parser.standard_webhook("sample", body)


def _left_out(source: SourceState, sample: str) -> list[str]:
    """Say which paths of the mapping find nothing in the sample; of a list in its first member."""
    from alerts.intake import json_mapping, strict_json
    from alerts.intake.json_path import EvaluationBudget, Unmapped

    mapping, body = json_mapping.mapping_of(source.mapping or {}), strict_json.parse(sample.encode())
    try:
        if mapping.each is not None:
            body = next(iter(mapping.members(body, EvaluationBudget())), None)
    except Unmapped:
        return []
    return mapping.not_found(body)


def _fields(member: ParsedTrigger) -> dict[str, Any]:
    """Return what a webhook means, field by field, as text."""
    request = member.request
    if isinstance(request, NoRequest):
        return {"kind": "ignored, as the mapping says", "fields": []}
    if not isinstance(request, msgspec.Struct):
        return {"kind": member.kind, "fields": []}
    default = {field.encode_name: field.default for field in msgspec.structs.fields(type(request))}
    values = msgspec.to_builtins(request)
    return {
        "kind": member.kind,
        "fields": [
            (name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
            for name, value in values.items()
            if value is not None and value != default.get(name)
        ],
    }


def _words(error: DomainError) -> list[str]:
    """Return the errors of a webhook, each with its field."""
    found = error.errors if isinstance(error, Invalid) else ()
    return [f"{one.field}: {one.message}" if one.field else one.message for one in found] or [error.message]
