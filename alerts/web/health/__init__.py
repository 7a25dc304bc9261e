"""Health endpoints: `/healthz` (liveness), `/readyz` (readiness to serve and send), `/metrics`.

They need no key and contain nothing about people. `/metrics` and the details of `/readyz` are shown to this machine and
its private network, unless ALERTS_METRICS_PUBLIC says otherwise; what a proxy passes on is from outside.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from alerts.services import Services
from alerts.web.health.metrics import CONTENT_TYPE, Metrics
from alerts.web.health.readiness import Readiness, StartPosition
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import read
from alerts.web.http.responses import json_response
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.http.security import from_private_network

READ_S = 2.0


def routes(services: Services) -> list[Route]:
    """Policy rows of health."""
    readiness, metrics = Readiness(services.writer, services.clock), Metrics(services)
    projector = services.projector
    start_position = StartPosition(
        services.runner.position, lambda: None if projector.caught_up else projector.applied_position()
    )

    async def healthz(request: web.Request) -> web.StreamResponse:
        return json_response({"alive": True, "version": services.version})

    async def readyz(request: web.Request) -> web.StreamResponse:
        state = await _state(services, readiness, start_position)
        shown = state if _may_see(services, request) else {"ready": state["ready"]}
        return json_response(shown, 200 if state["ready"] else 503)

    async def scraped(request: web.Request) -> web.StreamResponse:
        if not _may_see(services, request):
            raise RequestRefused(403, "the metrics are for this machine and its private network: ALERTS_METRICS_PUBLIC")
        return web.Response(body=await read(services, metrics.page), headers={"Content-Type": CONTENT_TYPE})

    return [
        Route("GET", "/healthz", healthz, PUBLIC),
        Route("GET", "/readyz", readyz, PUBLIC),
        Route("GET", "/metrics", scraped, PUBLIC),
    ]


def _may_see(services: Services, request: web.Request) -> bool:
    """True if the metrics and the details of readiness are for this request."""
    return services.settings.metrics_public or from_private_network(request)


async def _state(services: Services, readiness: Readiness, start_position: StartPosition) -> dict[str, Any]:
    """Check readiness: the log is readable and writable, its content at the start is applied, and every role lives.

    An instance without a worker or a scheduler cannot send, so no process of it is ready. A channel without a provider
    is listed but does not make the instance unready: the other channels still work.
    """
    providers = await _providers(services)
    state: dict[str, Any] = {
        "ready": False,
        "database": "answers",
        "log": "takes writes",
        "catching_up": "",
        "trouble": services.projector.stalled_because,
        "without_provider": sorted(channel for channel, one in providers.items() if not one.get("provider")),
        "providers": providers,
        "canaries": await _canaries(services),
        "alarms": [{"name": alarm.name, "words": alarm.words} for alarm in services.alarms()],
    }
    try:
        end = await asyncio.wait_for(read(services, services.log.position), READ_S)
    except Exception:
        return {**state, "database": "does not answer", "log": "unknown"}
    refused = await readiness.trouble()
    if refused:
        return {**state, "log": f"cannot be written: {refused}"}
    waits = start_position.waits_for(end)
    silent = [alarm.name for alarm in services.alarms() if alarm.name.startswith("role:")]
    return {**state, "catching_up": waits, "ready": not state["trouble"] and not waits and not silent}


async def _canaries(services: Services) -> dict[str, Any]:
    """Return each channel's canary state; {} if the database does not answer. It does not affect readiness."""
    try:
        return dict(await asyncio.wait_for(read(services, services.canaries), READ_S))
    except Exception:
        return {}


async def _providers(services: Services) -> dict[str, Any]:
    """Return each channel's provider state; {} if the database, which counts their budgets, does not answer."""
    try:
        return await asyncio.wait_for(read(services, services.providers), READ_S)
    except Exception:
        return {}
