"""Request pipeline: authorization, error responses, security headers, access log and counts around every handler.

One coroutine for all of it: each further one, as a chain of middlewares would have, is paid for by every request.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter

from aiohttp import web

from alerts.kernel.errors import DomainError
from alerts.kernel.ids import new_id
from alerts.observability import request_id
from alerts.services import Services
from alerts.web.http import auth, problem
from alerts.web.http.access_log import HEADER, SAFE, log_request
from alerts.web.http.problem import NOT_YET, RequestRefused
from alerts.web.http.raw_response import BytesResponse
from alerts.web.http.routing import CALLER, MEMBER, Handler, Route
from alerts.web.http.security import add_security_headers, check_origin

ErrorPage = Callable[[Services, web.Request, int, str], Awaitable[web.StreamResponse]]
"""How an error reads to a person: status and words → page."""

_NOT_YET = re.compile(
    r"^/(subscribe|preferences|report|board|bulletin\.txt|check"
    r"|feeds|places|status)(?=/|$)|^/alerts/[^/]+\.(ics|pdf)$"
)
"""Paths reserved for the next version: the 404 says so."""

_PROGRAMS = ("/api/", "/hooks/", "/push/", "/inbox/push/")
"""What scripts and programs call: their errors are problem documents, not pages."""
_STRAYS = "none"
"""The route of all that match none, so that strangers cannot make labels."""

_log = logging.getLogger(__name__)


class RequestPipeline:
    """Wraps handlers for the router."""

    def __init__(self, services: Services, error_page: ErrorPage | None) -> None:
        self._services, self._error_page = services, error_page
        self._callers = auth.Callers(services)

    def wrap(self, route: Route, pattern: str) -> Handler:
        """Wrap a route's handler; `pattern` is its name in metrics and logs."""
        return self._wrapped(self._guarded(route), pattern)

    def fallback(self, resources: Callable[[], Iterable[web.AbstractResource]]) -> Handler:
        """Fallback for unmatched routes: 404 or 405."""

        async def nothing(request: web.Request) -> web.StreamResponse:
            allowed: set[str] = set()
            for resource in resources():
                allowed |= (await resource.resolve(request))[1]
            allowed.discard("*")  # the fallback's own
            if allowed:
                raise web.HTTPMethodNotAllowed(request.method, allowed)
            raise web.HTTPNotFound

        return self._wrapped(nothing, _STRAYS)

    def _wrapped(self, guarded: Handler, pattern: str) -> Handler:
        count, add_headers = self._services.requests.count, self._add_headers

        async def handle(request: web.Request) -> web.StreamResponse:
            begun, status = perf_counter(), 499  # 499: the peer went away before there was an answer
            id = None if request.method in SAFE else new_id()
            name = None if id is None else str(id)
            trace = request_id.begin(id)
            try:
                try:
                    response = await guarded(request)
                except web.HTTPException as error:
                    if error.status < 400:
                        add_headers(error, name)
                        status = error.status
                        raise
                    response = await self._failed(request, _refusal(error, request), pattern)
                except Exception as error:
                    response = await self._failed(request, error, pattern)
                if request.content.exception() is not None:
                    # What is left of a body that cannot be unpacked cannot be skipped either: end with this answer.
                    request.content.feed_eof()
                    response.force_close()
                add_headers(response, name)
                status = response.status
                return response
            finally:
                request_id.end(trace)
                seconds = perf_counter() - begun
                count(request.method, pattern, status, seconds)
                log_request(request, pattern, status, seconds, name)

        return handle

    @staticmethod
    def _add_headers(response: web.StreamResponse, name: str | None) -> None:
        """Add the security headers and the request id, which a complaint can quote."""
        if not isinstance(response, BytesResponse):
            if response.prepared:
                return
            add_security_headers(response)
        if name is not None:
            response.headers[HEADER] = name

    def _guarded(self, route: Route) -> Handler:
        """A handler that runs only for those whom its row allows."""
        services, callers, access, handler = self._services, self._callers, route.access, route.handler
        changes = route.method != "GET"

        if access.kind == "scope":

            async def for_keys(request: web.Request) -> web.StreamResponse:
                request[CALLER] = await callers.of(request, access.scopes)
                if not changes:
                    await auth.caught_up(services)
                return await handler(request)

            return for_keys

        role = access.role
        if access.kind == "hook" or (role is None and not changes):
            return handler

        async def for_people(request: web.Request) -> web.StreamResponse:
            if changes:
                check_origin(services.settings.public_url, request)
            if role is not None:
                request[MEMBER] = await auth.member(services, request, role)
            return await handler(request)

        return for_people

    async def _failed(self, request: web.Request, error: Exception, pattern: str) -> web.StreamResponse:
        """A failure in words: problem+json for programs, a page for people."""
        for_programs = _is_program(request) or self._error_page is None
        if isinstance(error, DomainError):
            if for_programs:
                return problem.of_domain(error)
            refused = RequestRefused(problem.status_of(error), error.message, headers=problem.headers_of(error))
        elif isinstance(error, RequestRefused):
            refused = error
        elif isinstance(error, ConnectionError | TimeoutError):
            raise error  # the peer is gone: nobody reads an answer
        else:
            # The path may hold a token, the message a person's data: neither is logged.
            what = f"{request.method} {pattern} ({type(error).__name__})"
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
    """aiohttp's own refusals (no such route, wrong method, too large) in our words."""
    if isinstance(answer, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(answer.allowed_methods))
        return RequestRefused(405, f"{request.path} knows {allowed}", headers={"Allow": allowed})
    if answer.status == 404:
        missing = _NOT_YET.search(request.path)
        if missing:
            return RequestRefused(404, f"{missing.group()} {NOT_YET}")
        hint = "; GET /api/v1/openapi.json lists what there is" if _is_program(request) else ""
        return RequestRefused(404, f"there is nothing at {request.path}{hint}")
    if answer.status == 413:
        return RequestRefused(413, "the body is too large; send less at a time")
    return RequestRefused(answer.status, answer.reason)
