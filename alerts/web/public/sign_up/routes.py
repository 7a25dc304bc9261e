"""Routes of the sign-up."""

from __future__ import annotations

from alerts.services import Services
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.sign_up.check import CheckStep
from alerts.web.public.sign_up.flow import SignUpFlow
from alerts.web.public.sign_up.how import HowStep
from alerts.web.public.sign_up.sent import SentPage
from alerts.web.public.sign_up.what import WhatStep
from alerts.web.public.sign_up.where import WhereStep


def routes(services: Services) -> list[Route]:
    """Policy rows of the sign-up."""
    flow = SignUpFlow(services)
    where, what, how, check, sent = WhereStep(flow), WhatStep(flow), HowStep(flow), CheckStep(flow), SentPage(flow)
    return [
        Route("GET", "/subscribe", where.show, PUBLIC),
        Route("POST", "/subscribe", where.take, PUBLIC),
        Route("GET", "/subscribe/what", what.show, PUBLIC),
        Route("POST", "/subscribe/what", what.take, PUBLIC),
        Route("GET", "/subscribe/how", how.show, PUBLIC),
        Route("POST", "/subscribe/how", how.take, PUBLIC),
        Route("GET", "/subscribe/check", check.show, PUBLIC),
        Route("POST", "/subscribe/check", check.take, PUBLIC),
        Route("GET", "/subscribe/sent", sent.show, PUBLIC),
        Route("POST", "/subscribe/sent", sent.take, PUBLIC),
    ]
