"""aiohttp middlewares around all handlers: access log and metrics, error responses, authorization."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Middleware

from alerts.kernel.errors import DomainError
from alerts.kernel.ids import new_id
from alerts.observability import request_id
from alerts.services import Services
from alerts.settings.map_tiles import origin
from alerts.web.http import auth, problem
from alerts.web.http.access_log import HEADER, SAFE, log_request
from alerts.web.http.connections import connection_of
from alerts.web.http.problem import RequestRefused
from alerts.web.http.routing import CALLER, MEMBER, Handler, Route
from alerts.web.http.security import add_security_headers, check_host, check_origin
from alerts.web.http.strangers import Strangers

ErrorPage = Callable[[Services, web.Request, int, str], Awaitable[web.StreamResponse]]
"""Renders an error for people: (services, request, status, message) → page."""

_PROGRAMS = ("/api/", "/hooks/", "/push/", "/inbox/push/")
"""Path prefixes of programs and scripts: their errors are problem documents, not pages."""
_UNMATCHED = "none"
"""Pattern of requests that match no route, so that strangers cannot create metric labels."""

_log = logging.getLogger(__name__)


class Middlewares:
    """Middlewares of the application, outermost first; `rows` maps each aiohttp route to its policy row."""

    def __init__(self, services: Services, error_page: ErrorPage | None) -> None:
        self._services, self._error_page = services, error_page
        self._callers = auth.Callers(services)
        self._strangers = Strangers(services.limits, services.settings.stranger_rate)
        self.rows: dict[web.AbstractRoute, Route] = {}

    def chain(self) -> tuple[Middleware, ...]:
        """Return the middlewares in the order in which a request passes them."""
        return self.observe, self.answer_errors, self.authorize

    @web.middleware
    async def observe(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Assign the request id, count and log the outcome, and add the common response headers."""
        begun, status = perf_counter(), 499  # 499: the peer disconnected before there was a response
        connection = connection_of(request)
        if connection is not None:
            connection.request_begun()
        id = None if request.method in SAFE else new_id()
        name = None if id is None else str(id)
        trace = request_id.begin(id)
        try:
            try:
                response = await handler(request)
            except web.HTTPException as redirect:  # errors were turned into responses by the inner middleware
                self._add_headers(redirect, name)
                status = redirect.status
                raise
            if request.content.exception() is not None:
                # The rest of a body that cannot be decoded cannot be skipped either: close after this response.
                request.content.feed_eof()
                response.force_close()
            self._add_headers(response, name)
            self._keep_from_search(request, response)
            status = response.status
            return response
        finally:
            if connection is not None:
                connection.request_ended()
            request_id.end(trace)
            seconds, pattern = perf_counter() - begun, self._pattern(request)
            self._services.requests.count(request.method, pattern, status, seconds)
            log_request(request, pattern, status, seconds, name)

    @web.middleware
    async def answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn exceptions into problem documents for programs, pages for people. Redirects pass."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return await self._failed(request, _refusal(error, request))
        except Exception as error:
            return await self._failed(request, error)

    @web.middleware
    async def authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Enforce the route's policy row; a route without a row is aiohttp's own 404 or 405."""
        settings = self._services.settings
        check_host(settings.public_url, settings.allowed_hosts, request)
        row = self.rows.get(request.match_info.route)
        if row is None:
            return await handler(request)
        access, changes = row.access, row.method != "GET"
        if access.kind == "scope":
            self._strangers.unless_known(request)
            request[CALLER] = await self._callers.of(request, access)
            self._strangers.remember(request)
            if not changes:
                await auth.caught_up(self._services)
        elif access.kind != "hook":
            if changes:
                self._strangers.take(request)
                check_origin(self._services.settings.public_url, request)
            if access.role is not None:
                request[MEMBER] = await auth.member(self._services, request, access.role, everywhere=access.everywhere)
        return await handler(request)

    def _add_headers(self, response: web.StreamResponse, name: str | None) -> None:
        """Add the security headers and the request id, which a bug report can quote; a stream has sent its own."""
        if response.prepared:
            return
        settings = self._services.settings
        add_security_headers(response, https=settings.public_url.startswith("https:"), tiles=origin(settings.tile_url))
        if name is not None:
            response.headers[HEADER] = name

    def _keep_from_search(self, request: web.Request, response: web.StreamResponse) -> None:
        """Keep search engines from listing pages behind a personal link, and the console."""
        row = self.rows.get(request.match_info.route)
        if row is not None and not response.prepared and row.access.kind in ("token", "role"):
            response.headers["X-Robots-Tag"] = "noindex, nofollow"

    def _pattern(self, request: web.Request) -> str:
        """Return the route's name in metrics and logs."""
        route = request.match_info.route
        return route.resource.canonical if route in self.rows and route.resource is not None else _UNMATCHED

    async def _failed(self, request: web.Request, error: Exception) -> web.StreamResponse:
        """Render an error: problem+json for programs, a page for people."""
        for_programs = _is_program(request) or self._error_page is None
        if isinstance(error, DomainError):
            if for_programs:
                return problem.of_domain(error)
            refused = RequestRefused(problem.status_of(error), error.message, headers=problem.headers_of(error))
        elif isinstance(error, RequestRefused):
            refused = error
        elif isinstance(error, ConnectionError):
            # The peer has disconnected: there is no one to answer and nothing to mend.
            gone = web.Response(status=499)
            gone.force_close()
            return gone
        elif isinstance(error, TimeoutError):
            raise error
        else:
            # The path may hold a token, the message personal data: neither is logged.
            what = f"{request.method} {self._pattern(request)} ({type(error).__name__})"
            _log.error("failed: %s", what, exc_info=error, extra={"request": str(request_id.current() or "")})
            refused = RequestRefused(500, "this is our fault and has been logged; try again, nothing was half done")
        if for_programs or self._error_page is None:
            return problem.of_refusal(refused)
        page = await self._error_page(self._services, request, refused.status, refused.message)
        page.headers.update(refused.headers)
        return page


def _is_program(request: web.Request) -> bool:
    return request.path.startswith(_PROGRAMS) or request.path in ("/api", "/hooks", "/inbox.json")


def _refusal(answer: web.HTTPException, request: web.Request) -> RequestRefused:
    """Translate aiohttp's own errors (no such route, wrong method, too large)."""
    if isinstance(answer, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(answer.allowed_methods))
        return RequestRefused(405, f"{request.path} knows {allowed}", headers={"Allow": allowed})
    if answer.status == 404:
        hint = "; GET /api/v1/openapi.json lists what there is" if _is_program(request) else ""
        return RequestRefused(404, f"there is nothing at {request.path}{hint}")
    if answer.status == 413:
        return RequestRefused(413, "the body is too large; send less at a time")
    return RequestRefused(answer.status, answer.reason)
