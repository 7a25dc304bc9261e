"""`POST /hooks/{source}`: incoming webhooks of connected sources. The sender is authenticated first.

Refusals of a known source are recorded; unsigned requests are only counted, so that a stranger cannot fill the log.
"""

from __future__ import annotations

import hmac
from uuid import UUID

from aiohttp import web

from alerts.commands.results import TriggerSaved
from alerts.domain.reference_data import SourceState
from alerts.domain.streams import SOURCE, TRIGGER, source_id, trigger_id
from alerts.intake import webhook_parser
from alerts.kernel.errors import DomainError, NotFound, Unavailable
from alerts.net import standard_webhooks
from alerts.net.standard_webhooks import Unverified
from alerts.services import Services
from alerts.web.api.common import ROOT
from alerts.web.http import problem
from alerts.web.http.auth import bearer
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import HOOK_LIMIT, JSON_TYPES, body_of, check_type, digest, off_loop, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import HOOK, Route

XML_TYPES = frozenset(
    ("application/xml", "text/xml", "application/cap+xml", "application/common-alerting-protocol+xml")
)
RECORDED_EVERY_S = 60
"""Minimum seconds between recorded oversized unsigned bodies of one source; the others are only counted."""


class TriggerAccepted(JsonResponse, frozen=True, kw_only=True):
    """Durably stored webhook; its outcome is at `status_url`."""

    id: UUID
    status_url: str


def routes(services: Services) -> list[Route]:
    """Policy row of webhooks."""
    return [Route("POST", "/hooks/{source}", _Hooks(services).take, HOOK)]


class _Hooks:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._recorded_at: dict[str, float] = {}

    async def take(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["source"]
        source = await read(self._services, self._services.log.state, SOURCE, source_id(name))
        if source is None or not source.connected:
            raise NotFound(f"there is no source {name!r}; `alerts source add` connects one")
        try:
            identifier, body = await self._verified(request, source)
        except Unverified as error:
            self._services.unverified[source.name] += 1
            raise RequestRefused(401, str(error), headers={"WWW-Authenticate": "Bearer"}) from error
        # Only verified requests count: a stranger must not use up a source's rate limit.
        self._services.limits.take(f"source:{source.name}", self._services.settings.api_rate)
        if identifier and source.kind != "cap":
            # Before the body is parsed: the same id is the same webhook, regardless of its body.
            known = trigger_id(source.name, identifier)
            if await read(self._services, self._services.log.state, TRIGGER, known) is not None:
                return self._accepted(known)
        try:
            saved = await self._take(request, source, identifier, body)
        except Unavailable:
            raise  # not processed: the sender retries
        except (RequestRefused, DomainError) as error:
            await self._record(source, error, digest(body))
            raise
        return self._accepted(saved.id)

    async def _verified(self, request: web.Request, source: SourceState) -> tuple[str, bytes]:
        """Return (`webhook-id`, "" with a bearer; body). Raises Unverified, RequestRefused 413, Malformed."""
        now = self._services.clock()
        secrets = source.secrets(now)
        given = bearer(request) if source.kind != "standard-webhook" else ""
        by_bearer = bool(given) and any(
            hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()) for secret in secrets
        )
        if given and not by_bearer:
            raise Unverified("this is not the source's secret")
        if not (secrets and (by_bearer or "webhook-signature" in request.headers)):
            raise Unverified("sign the webhook, or send the source's secret as bearer where its kind allows it")
        try:
            body = await body_of(request, HOOK_LIMIT)
        except RequestRefused as refused:
            if by_bearer or self._may_record(source.name):
                await self._record(source, refused, "")
            raise
        if by_bearer:
            return "", body
        return standard_webhooks.verify_any(secrets, request.headers, body, now), body

    async def _take(self, request: web.Request, source: SourceState, identifier: str, body: bytes) -> TriggerSaved:
        commands = self._services.commands
        if source.kind == "standard-webhook":
            check_type(request, JSON_TYPES)
            parsed = await off_loop(body, webhook_parser.standard_webhook, identifier, body)
            return await commands.take_trigger(source, parsed)
        if source.kind == "cap":
            check_type(request, XML_TYPES, any_charset=True)  # XML says its encoding itself
            parsed = await off_loop(body, webhook_parser.cap_message, body, request.headers["Content-Type"])
            return await commands.take_trigger(source, parsed)
        if not request.content_type.endswith("+json"):  # such as application/cloudevents+json
            check_type(request, JSON_TYPES)
        parsed = await read(self._services, webhook_parser.mapped, source.mapping or {}, identifier, body)
        return await commands.take_mapped(source, parsed)

    def _accepted(self, trigger: UUID) -> web.StreamResponse:
        url = f"{self._services.settings.public_url}{ROOT}/triggers/{trigger}"
        return json_response(TriggerAccepted(id=trigger, status_url=url), 202, {"Location": url})

    def _may_record(self, source: str) -> bool:
        """Return True if an unsigned refusal may be recorded: at most one per minute and source. Counts it."""
        self._services.unverified[source] += 1
        now = self._services.clock().timestamp()
        if now - self._recorded_at.get(source, 0.0) < RECORDED_EVERY_S:
            return False
        self._recorded_at[source] = now
        return True

    async def _record(self, source: SourceState, error: RequestRefused | DomainError, body_digest: str) -> None:
        status = error.status if isinstance(error, RequestRefused) else problem.status_of(error)
        await self._services.commands.reject_trigger(source.name, status, error.message, body_digest)
