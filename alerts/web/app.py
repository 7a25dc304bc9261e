"""The web as one application: every module's routes, each behind its row of the policy table; errors in one form."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from alerts import tracing
from alerts.domain.words.errors import DomainError
from alerts.web import auth, problem
from alerts.web.events_stream import Streams
from alerts.web.parts import Parts
from alerts.web.problem import NOT_YET, Refused
from alerts.web.requests import API_LIMIT
from alerts.web.routes import CALLER, MEMBER, Handler, Route
from alerts.web.security import check_origin, secure_headers
from alerts.web.watching import name_request, route_of, watching

Module = Callable[[Parts], Sequence[Route]]
"""A resource module's `routes`."""
ErrorPage = Callable[[Parts, web.Request, int, str], Awaitable[web.StreamResponse]]
"""How an error reads to a person: status and words → page."""

POLICY: Final = web.AppKey("POLICY", tuple[Route, ...])
"""The policy table of an application: every route with who may call it."""

STREAMS: Final = web.AppKey("STREAMS", Streams)
"""Those who listen to the feed as it grows."""

_NOT_YET: Final = re.compile(
    r"^/(subscribe|preferences|report|board|bulletin\.txt|check"
    r"|feeds|places|status)(?=/|$)|^/alerts/[^/]+\.(ics|pdf)$"
)
"""Doors that the next version opens: whoever knocks is told so, rather than that they mistyped."""

_PROGRAMS: Final = ("/api/", "/hooks/", "/push/", "/inbox/push/")
"""What scripts and programs call: their errors are problem documents, not pages."""

_log = logging.getLogger(__name__)


def build(
    parts: Parts, modules: Sequence[Module] | None = None, error_page: ErrorPage | None = None
) -> web.Application:
    """The application. `modules` and `error_page` are for tests of one resource; all of them are the default."""
    if modules is None:
        from alerts.web.modules import MODULES, page_of_error

        modules, error_page = MODULES, error_page or page_of_error
    table = tuple(route for module in modules for route in module(parts))
    middlewares = [watching(parts.requests), _errors(parts, error_page)]
    app = web.Application(middlewares=middlewares, client_max_size=API_LIMIT)
    app[POLICY] = table
    callers = auth.Callers(parts)
    for route in table:
        handler = _guarded(parts, callers, route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)
    app[STREAMS] = Streams(parts)
    app.on_shutdown.append(app[STREAMS].close)
    app.on_response_prepare.append(secure_headers)
    app.on_response_prepare.append(name_request)
    return app


def _guarded(parts: Parts, callers: auth.Callers, route: Route) -> Handler:
    """A handler that runs only for those whom its row allows."""
    access, handler = route.access, route.handler
    changes = route.method != "GET"

    if access.kind == "scope":

        async def for_keys(request: web.Request) -> web.StreamResponse:
            request[CALLER] = await callers.of(request, access.scopes)
            if not changes:
                await auth.caught_up(parts)
            return await handler(request)

        return for_keys

    if access.kind == "hook":
        return handler

    role = access.role

    async def for_people(request: web.Request) -> web.StreamResponse:
        if changes:
            check_origin(parts.settings.public_url, request)
        if role is not None:
            request[MEMBER] = await auth.member(parts, request, role)
        return await handler(request)

    return for_people


def _errors(parts: Parts, error_page: ErrorPage | None) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Every failure in words: problem+json for programs, a page for people."""

    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await answered(request, handler)
        if request.content.exception() is not None:
            # What is left of a body that cannot be unpacked cannot be skipped either: end with this answer.
            request.content.feed_eof()
            answer.force_close()
        return answer

    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            failure = refused
        except DomainError as error:
            if _is_program(request) or error_page is None:
                return problem.of_domain(error)
            failure = Refused(problem.status_of(error), error.message)
        except web.HTTPException as answer:
            if answer.status < 400:
                raise
            failure = _refusal(answer, request)
        except (ConnectionError, TimeoutError):
            raise  # the peer is gone: nobody reads an answer
        except Exception as error:
            # The path may hold a token, the message a person's data: neither is logged.
            what = f"{request.method} {route_of(request)} ({type(error).__name__})"
            _log.exception("failed: %s", what, extra={"request": str(tracing.current() or "")})
            failure = Refused(500, "this is our fault and has been logged; try again, nothing was half done")
        if _is_program(request) or error_page is None:
            return problem.of_refusal(failure)
        page = await error_page(parts, request, failure.status, failure.message)
        page.headers.update(failure.headers)
        return page

    return errors


def _is_program(request: web.Request) -> bool:
    return request.path.startswith(_PROGRAMS) or request.path in ("/api", "/hooks", "/inbox.json")


def _refusal(answer: web.HTTPException, request: web.Request) -> Refused:
    """aiohttp's own refusals (no such route, wrong method, too large) in our words."""
    if isinstance(answer, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(answer.allowed_methods))
        return Refused(405, f"{request.path} knows {allowed}", headers={"Allow": allowed})
    if answer.status == 404:
        missing = _NOT_YET.search(request.path)
        if missing:
            return Refused(404, f"{missing.group()} {NOT_YET}")
        hint = "; GET /api/v1/openapi.json lists what there is" if _is_program(request) else ""
        return Refused(404, f"there is nothing at {request.path}{hint}")
    if answer.status == 413:
        return Refused(413, "the body is too large; send less at a time")
    return Refused(answer.status, answer.reason)
