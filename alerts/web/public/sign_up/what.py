"""Step 2, what: topics with an example each, newsletters, and from which severity."""

from __future__ import annotations

from typing import cast

from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.kernel.terms import Severity
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, FormFields
from alerts.web.public.sign_up.draft import Draft
from alerts.web.public.sign_up.flow import SignUpFlow

FLOORS = ("", "Moderate", "Severe")
"""Severities from which on messages come; "" for all."""


class WhatStep:
    """Handlers of the second step."""

    def __init__(self, flow: SignUpFlow) -> None:
        self._flow = flow

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the step; without a place it begins at the first."""
        t, draft, form = await self._flow.opened(request)
        if not draft.all_places and not draft.everywhere:
            return self._flow.go("where", t, draft)
        return await self._page(t, draft, form, FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take the topics and the least severity."""
        t, draft, form = await self._flow.opened(request)
        known = await self._flow.known_topics(t)
        letters = {slug for slug, _ in await read(self._flow.services, self._flow.newsletters)}
        ticked = form.all("topic")
        floor = form.one_of("severity", FLOORS, "")
        draft = replace(
            draft,
            unticked=tuple(topic for topic in known if topic not in ticked),
            newsletters=tuple(topic for topic in ticked if topic in letters),
            severity=cast(Severity, floor) if floor else None,
        )
        errors = FormErrors()
        if len(draft.unticked) == len(known) and not draft.newsletters:
            errors.add("topic-0", t.text("sign_up", "what_none"))
            return await self._page(t, draft, form, errors)
        return self._flow.go("check" if form.line("back") == "check" else "how", t, draft)

    async def _page(self, t: Translator, draft: Draft, form: FormFields, errors: FormErrors) -> web.Response:
        topics = await read(self._flow.services, self._flow.topics, t)
        letters = await read(self._flow.services, self._flow.newsletters)
        examples = t.sections["topic_examples"]
        context = {
            "topics": [(slug, name, examples.get(slug, ""), slug not in draft.unticked) for slug, name in topics],
            "newsletters": [(slug, name, "", slug in draft.newsletters) for slug, name in letters],
            "floors": [(f, t.text("sign_up", f"floor_{f or 'all'}"), f == (draft.severity or "")) for f in FLOORS],
        }
        back = "check" if form.line("back") == "check" else ""
        return self._flow.page("what", t, draft, context, errors, back)
