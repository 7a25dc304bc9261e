"""What every request goes through on its way to a handler and back: who may ask, failures in words, headers, a count.

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
"""Doors that the next version opens: whoever knocks is told so, rather than that they mistyped."""

_PROGRAMS = ("/api/", "/hooks/", "/push/", "/inbox/push/")
"""What scripts and programs call: their errors are problem documents, not pages."""
_STRAYS = "none"
"""The route of all that match none, so that strangers cannot make labels."""

_log = logging.getLogger(__name__)


class RequestPipeline:
    """Makes the handlers that the router calls."""

    def __init__(self, parts: Services, error_page: ErrorPage | None) -> None:
        self._parts, self._error_page = parts, error_page
        self._callers = auth.Callers(parts)

    def before(self, route: Route, pattern: str) -> Handler:
        """The door of a route; `pattern` is what metrics and logs call it."""
        return self._door(self._guarded(route), pattern)

    def before_nothing(self, resources: Callable[[], Iterable[web.AbstractResource]]) -> Handler:
        """The door at which all stand who match no route: is it the address that is wrong, or the method?"""

        async def nothing(request: web.Request) -> web.StreamResponse:
            allowed: set[str] = set()
            for resource in resources():
                allowed |= (await resource.resolve(request))[1]
            allowed.discard("*")  # this door's own
            if allowed:
                raise web.HTTPMethodNotAllowed(request.method, allowed)
            raise web.HTTPNotFound

        return self._door(nothing, _STRAYS)

    def _door(self, guarded: Handler, pattern: str) -> Handler:
        count, dressed = self._parts.requests.count, self._dressed

        async def door(request: web.Request) -> web.StreamResponse:
            begun, status = perf_counter(), 499  # 499: the peer went away before there was an answer
            id = None if request.method in SAFE else new_id()
            name = None if id is None else str(id)
            trace = request_id.begin(id)
            try:
                try:
                    answer = await guarded(request)
                except web.HTTPException as error:
                    if error.status < 400:
                        dressed(error, name)
                        status = error.status
                        raise
                    answer = await self._failed(request, _refusal(error, request), pattern)
                except Exception as error:
                    answer = await self._failed(request, error, pattern)
                if request.content.exception() is not None:
                    # What is left of a body that cannot be unpacked cannot be skipped either: end with this answer.
                    request.content.feed_eof()
                    answer.force_close()
                dressed(answer, name)
                status = answer.status
                return answer
            finally:
                request_id.end(trace)
                seconds = perf_counter() - begun
                count(request.method, pattern, status, seconds)
                log_request(request, pattern, status, seconds, name)

        return door

    @staticmethod
    def _dressed(answer: web.StreamResponse, name: str | None) -> None:
        """With the headers that every answer has; the id of the request, so that whoever complains can name it."""
        if not isinstance(answer, BytesResponse):
            if answer.prepared:
                return
            add_security_headers(answer)
        if name is not None:
            answer.headers[HEADER] = name

    def _guarded(self, route: Route) -> Handler:
        """A handler that runs only for those whom its row allows."""
        parts, callers, access, handler = self._parts, self._callers, route.access, route.handler
        changes = route.method != "GET"

        if access.kind == "scope":

            async def for_keys(request: web.Request) -> web.StreamResponse:
                request[CALLER] = await callers.of(request, access.scopes)
                if not changes:
                    await auth.caught_up(parts)
                return await handler(request)

            return for_keys

        role = access.role
        if access.kind == "hook" or (role is None and not changes):
            return handler

        async def for_people(request: web.Request) -> web.StreamResponse:
            if changes:
                check_origin(parts.settings.public_url, request)
            if role is not None:
                request[MEMBER] = await auth.member(parts, request, role)
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
        page = await self._error_page(self._parts, request, refused.status, refused.message)
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
