"""Pages that change one thing each: what, danger to life, how, quiet hours, language."""

from __future__ import annotations

from typing import cast

from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import LANGUAGES, Translator, language_name
from alerts.kernel.terms import CHANNELS, NEWSLETTER_PREFIX, Frequency, Severity
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, read_form
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter
from alerts.web.public.sign_up.draft import Draft
from alerts.web.public.sign_up.how import FREQUENCIES, with_quiet_hours
from alerts.web.public.sign_up.what import FLOORS
from subscribers.domain.events import Preferences


class Edits:
    """Handlers of the pages of one change each; a page's name is the last part of its address."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def what(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Topics and the least severity."""
        chosen, errors = _chosen(own), FormErrors()
        topics, letters = await read(self._services, self._topics, t)
        if request.method == "POST":
            form = await read_form(request)
            ticked = form.all("topic")
            wanted = tuple(slug for slug, _ in topics if slug in ticked)
            news = tuple(slug for slug, _ in letters if slug in ticked)
            floor = form.one_of("severity", FLOORS, "")
            if wanted or news:
                everything = len(wanted) == len(topics) and not news
                return await self._center.change(
                    own,
                    "what",
                    topics=() if everything else (*wanted, *news),
                    severity_at_least=cast(Severity, floor) if floor else None,
                )
            errors.add("topic-0", t.text("sign_up", "what_none"))
        picked = chosen.topics or tuple(slug for slug, _ in topics)
        examples = t.sections["topic_examples"]
        context = {
            "topics": [(slug, name, examples.get(slug, ""), slug in picked) for slug, name in topics],
            "newsletters": [(slug, name, "", slug in picked) for slug, name in letters],
            "floors": [
                (f, t.text("sign_up", f"floor_{f or 'all'}"), f == (chosen.severity_at_least or "")) for f in FLOORS
            ],
        }
        return self._center.page("what", request, t, own, context, errors)

    async def danger(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Danger to life."""
        if request.method == "POST":
            form = await read_form(request)
            return await self._center.change(own, "danger", danger_to_life=form.ticked("danger"))
        forecast = await read(self._services, self._center.forecasts.of, _chosen(own))
        context = {"danger": _chosen(own).danger_to_life, "danger_hint": forecast.danger_words(t)}
        return self._center.page("danger", request, t, own, context)

    async def how(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Ways and frequency."""
        chosen, errors = _chosen(own), FormErrors()
        here = {contact.channel for contact in own.state.current}
        if request.method == "POST":
            form = await read_form(request)
            ticked = form.all("way")
            # A channel without an address of theirs stays wanted: it counts as soon as one is added.
            ways = tuple(c for c in CHANNELS if c in ticked or (c not in here and c in chosen.channels))
            if any(way in here for way in ways):
                frequency = cast(Frequency, form.one_of("frequency", FREQUENCIES, chosen.frequency))
                return await self._center.change(
                    own, "how", channels=ways, frequency=frequency, discreet=form.ticked("discreet")
                )
            errors.add("way-0", t.text("sign_up", "ways_none"))
        forecast = await read(self._services, self._center.forecasts.of, replace(chosen, frequency="immediate"))
        context = {
            "ways": [(c, t.text("preferences", f"way_{c}"), c in chosen.channels) for c in CHANNELS if c in here],
            "discreet": chosen.discreet,
            "frequencies": [
                (f, t.text("sign_up", f"frequency_{f}", forecast=forecast.words(t)), f == chosen.frequency)
                for f in FREQUENCIES
            ],
        }
        return self._center.page("how", request, t, own, context, errors)

    async def quiet(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Quiet hours."""
        chosen, errors = _chosen(own), FormErrors()
        hours = chosen.quiet_hours
        draft = Draft(started=0, nonce="", quiet=hours is not None)
        if hours is not None:
            draft = replace(draft, quiet_from=hours.start, quiet_to=hours.end, wake_for=hours.wake_for)
        if request.method == "POST":
            draft = with_quiet_hours(t, draft, await read_form(request), errors)
            if not errors:
                return await self._center.change(own, "quiet", quiet_hours=draft.quiet_hours())
        return self._center.page("quiet", request, t, own, {"draft": draft}, errors)

    async def language(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Language of the messages."""
        chosen = _chosen(own)
        if request.method == "POST":
            form = await read_form(request)
            picked = form.one_of("language", LANGUAGES, chosen.language)
            return await self._center.change(own, "language", language=picked)
        names = [(tag, language_name(tag), tag == chosen.language) for tag in LANGUAGES]
        return self._center.page("language", request, t, own, {"names": names})

    def _topics(self, t: Translator) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        views = self._services.views
        topics = [
            (topic.slug, t.topic(topic.slug))
            for topic in views.topics()
            if not topic.slug.startswith(NEWSLETTER_PREFIX)
        ]
        return topics, [(f"{NEWSLETTER_PREFIX}{n.slug}", n.name) for n in views.newsletters()]


def _chosen(own: OwnAccess) -> Preferences:
    assert own.state.preferences is not None, "a confirmed person has preferences"
    return own.state.preferences
