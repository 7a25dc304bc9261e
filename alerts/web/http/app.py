"""Assembly of the web application: all routes, each behind its row of the policy table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from alerts.services import Services
from alerts.web.api.server_sent_events import Streams
from alerts.web.http.app_keys import POLICY, STREAMS
from alerts.web.http.middleware import ErrorPage, Middlewares
from alerts.web.http.requests import API_LIMIT
from alerts.web.http.routing import Route
from alerts.web.http.security import drop_server_header

Module = Callable[[Services], Sequence[Route]]
"""A resource module's `routes`."""

_HANDLER = {"auto_decompress": False, "keepalive_timeout": 75.0, "lingering_time": 3.0}
"""Arguments of aiohttp's protocol. Bodies are unpacked by `requests.body_of`, within limits; the rest of a refused one
is read for a moment only."""


def build(
    services: Services, modules: Sequence[Module] | None = None, error_page: ErrorPage | None = None
) -> web.Application:
    """Build the application. `modules` and `error_page` are for tests of one resource; the default is all of them."""
    if modules is None:
        from alerts.web.router import MODULES, page_of_error

        modules, error_page = MODULES, error_page or page_of_error
    middlewares = Middlewares(services, error_page)
    app = web.Application(client_max_size=API_LIMIT, middlewares=middlewares.chain(), handler_args=_HANDLER)
    app[POLICY] = tuple(route for module in modules for route in module(services))
    for route in app[POLICY]:
        resource = app.router.add_resource(route.path)
        for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
            middlewares.rows[resource.add_route(method, route.handler)] = route
    app[STREAMS] = Streams(services)
    app.on_response_prepare.append(drop_server_header)
    app.on_shutdown.append(app[STREAMS].close)
    return app
