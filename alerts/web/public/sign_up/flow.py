"""Frame of the sign-up's pages: drafts in and out, languages, errors, forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from alerts.channels.i18n import LANGUAGES, Translator, language_name
from alerts.kernel.terms import NEWSLETTER_PREFIX
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.public.forecast import Forecasts
from alerts.web.public.forms import FormErrors, FormFields, error_context, read_form
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.sign_up.draft import Draft, Drafts
from alerts.web.public.templating import Pages

STEPS = ("where", "what", "how", "check")
_KEPT = {"Cache-Control": "private, no-cache"}
"""Browsers give a page back as it was left when somebody goes back; with `no-store` they would empty its fields."""


class SignUpFlow:
    """Shared by the four steps. `path` is their common root, with the public address's own path."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pages = Pages(services)
        self.drafts = Drafts(services.settings.secret_key)
        self.forecasts = Forecasts(services, PlaceShapes(services.views, services.settings.default_language))

    async def opened(self, request: web.Request) -> tuple[Translator, Draft, FormFields]:
        """Return the translator, the draft and the fields: of the form, or of the address."""
        t = self.pages.translator(request)
        form = await read_form(request) if request.method == "POST" else FormFields(request.query)
        now = self.services.clock()
        draft = self.drafts.open(form.sealed("d"), now) or self.drafts.new(now, t.tag)
        return t, draft, form

    def go(self, step: str, t: Translator, draft: Draft, *, back: str = "", mark: str = "") -> web.Response:
        """Redirect to a step (303), so that a refresh sends nothing. `back`: the step that follows it."""
        query = {"lang": t.tag, "d": self.drafts.seal(draft), **({"back": back} if back else {})}
        location = f"{self.url(step)}?{urlencode(query)}" + (f"#{mark}" if mark else "")
        return web.Response(status=303, headers={"Location": location})

    def url(self, step: str) -> str:
        """Return the address of a step."""
        return f"{self.pages.site.base}/subscribe" + ("" if step == "where" else f"/{step}")

    def link(self, step: str, t: Translator, draft: Draft, *, back: str = "") -> str:
        """Return a link to a step with the draft as it is."""
        query = {"lang": t.tag, "d": self.drafts.seal(draft), **({"back": back} if back else {})}
        return f"{self.url(step)}?{urlencode(query)}"

    def page(
        self,
        step: str,
        t: Translator,
        draft: Draft,
        context: Mapping[str, Any],
        errors: FormErrors | None = None,
        back: str = "",
    ) -> web.Response:
        """Render a step, 422 if it has errors."""
        found = errors or FormErrors()
        number = STEPS.index(step)
        sealed = self.drafts.seal(draft)
        previous = "check" if back == "check" else STEPS[number - 1] if number else ""
        shared = {
            "here": "subscribe",
            "step": t.text("sign_up", "step", step=t.number(number + 1), steps=t.number(len(STEPS))),
            "action": f"{self.url(step)}?lang={t.tag}",
            "sealed": sealed,
            "back": back,
            "previous": self.link(previous, t, draft) if previous else f"{self.pages.site.base}/",
            "languages": self._languages(step, t, sealed),
            **error_context(t, found),
        }
        layout = f"pages/sign_up/{step}.html"
        return self.pages.page(layout, t, {**shared, **context}, 422 if found else 200, _KEPT)

    def topics(self, t: Translator) -> list[tuple[str, str]]:
        """Return slug and name of the topics to choose from, newsletters left out. Blocks."""
        return [
            (topic.slug, _topic_name(t, topic.slug, topic.name))
            for topic in self.services.views.topics()
            if not topic.slug.startswith(NEWSLETTER_PREFIX)
        ]

    def newsletters(self) -> list[tuple[str, str]]:
        """Return topic and name of the running newsletters. Blocks."""
        return [(f"{NEWSLETTER_PREFIX}{n.slug}", n.name) for n in self.services.views.newsletters()]

    async def known_topics(self, t: Translator) -> tuple[str, ...]:
        """Return the slugs of the topics to choose from."""
        return tuple(slug for slug, _ in await read(self.services, self.topics, t))

    def _languages(self, step: str, t: Translator, sealed: str) -> list[tuple[str, str, str]]:
        def link(tag: str) -> str:
            return f"{self.url(step)}?{urlencode({'lang': tag, 'd': sealed})}"

        return [(tag, language_name(tag), link(tag)) for tag in LANGUAGES if tag != t.tag]


def _topic_name(t: Translator, slug: str, names: Mapping[str, str]) -> str:
    if slug in t.sections["topics"]:
        return t.topic(slug)
    return names.get(t.tag) or next(iter(names.values()), "") or t.topic(slug)
