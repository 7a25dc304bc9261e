"""Sign-up on somebody's behalf: on the telephone or at a desk, with what they agreed to and how, on record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from alerts.channels.i18n import LANGUAGES, language_name, translator
from alerts.channels.sms import home_prefixes
from alerts.commands.look_ups import REASON
from alerts.commands.reports import international
from alerts.contract.bodies import ConsentBody, PostalBody, QuietHoursBody, SubscriberBody
from alerts.kernel.errors import Conflict, DomainError, Invalid
from alerts.kernel.terms import NEWSLETTER_PREFIX
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import actor_of_member, idempotency_of, member_of, once_field
from alerts.web.console.place_choice import RADII, PlaceChoice, chosen_place
from alerts.web.console.subscribers import PATH, count_look_up
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.issuers import consent_lines, mark, wording
from alerts.web.public.sign_up.contact_fields import checked_email, checked_phone, meant_instead

NEW = f"{PATH}/new"
_POSTAL_LINES = 6


@dataclass
class SignUpForm:
    """Typed fields of the form."""

    place: PlaceChoice = field(default_factory=PlaceChoice)
    everywhere: bool = False
    email: str = ""
    phone: str = ""
    call: str = ""
    name: str = ""
    lines: str = ""
    topics: tuple[str, ...] = ()
    danger: bool = True
    quiet: bool = False
    language: str = "en"
    agreed: str = ""
    said_yes: bool = False


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen."""
    screen, access = SignUpFor(services), role("author", everywhere=True)
    return [Route("GET", NEW, screen.show, access), Route("POST", NEW, screen.take, access)]


class SignUpFor:
    """Handlers of the screen."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)

    async def show(self, request: web.Request) -> web.Response:
        """Show the form, with every topic ticked and the instance's language."""
        topics = await read(self._services, self._topics, "en")
        chosen = tuple(slug for slug, _ in topics)
        form = SignUpForm(topics=chosen, language=self._services.settings.default_language)
        return await self._screen(request, form, FormErrors())

    async def take(self, request: web.Request) -> web.Response:
        """Sign the person up, confirmed at once by what they said; then their page."""
        fields, errors = await read_form(request), FormErrors()
        form = await self._form(fields, errors)
        if fields.line("words") != _mark(await read(self._services, self._scripts)):
            form.said_yes = False
            errors.add("said-yes", "What they agree to has changed since you opened this page: read it to them again.")
        if errors:
            return await self._screen(request, form, errors, status=422)
        actor, services = actor_of_member(request), self._services
        topics = await read(services, self._topics, "en")
        wanted = () if len(form.topics) == len(topics) else form.topics
        try:
            saved = await services.commands.register_subscriber(
                actor, await read(services, self._body, form, wanted), idem=idempotency_of(request, fields)
            )
        except Conflict:
            await self._record_attempt(request, form)
            errors.add(
                "email" if form.email else "phone", "One of these ways gets alerts already: find the person by it."
            )
            return await self._screen(request, form, errors, status=409)
        except DomainError as error:
            _add(errors, error)
            return await self._screen(request, form, errors, status=422)
        address = form.email or form.phone or form.call
        if not address:  # a letter's reader is found by no address
            return await self._frame.to(f"{PATH}?done=signed-up")
        await services.commands.look_up(actor, address, "Signed them up")
        return await self._frame.to(f"{PATH}/{saved.id}?done=signed-up")

    async def _record_attempt(self, request: web.Request, form: SignUpForm) -> None:
        """Record on the person's stream that their address was tried: it told that they are subscribed."""
        count_look_up(self._services, member_of(request))
        for address in filter(None, (form.email, form.phone, form.call)):
            with suppress(DomainError):  # that way is new, another one is theirs
                await self._services.commands.look_up(actor_of_member(request), address, "Tried to sign them up")

    async def _form(self, fields: FormFields, errors: FormErrors) -> SignUpForm:
        """Read the form; what is wrong or missing goes to `errors`."""
        form = SignUpForm(
            place=await chosen_place(self._services, fields, errors),
            everywhere=fields.ticked("everywhere"),
            email=fields.line("email"),
            phone=fields.line("phone"),
            call=fields.line("call"),
            name=fields.line("name"),
            lines=fields.text("lines", 500).strip(),
            topics=tuple(fields.all("topic")),
            danger=fields.ticked("danger"),
            quiet=fields.ticked("quiet"),
            language=fields.one_of("language", LANGUAGES, "en"),
            agreed=fields.line("agreed"),
            said_yes=fields.ticked("said-yes"),
        )
        if not form.place.typed and not form.everywhere:
            errors.add("place", "Give a place, or tick that they want alerts from everywhere.")
        self._check_ways(form, fields, errors)
        if not form.topics:
            errors.add("topic-0", "Tick at least one.")
        if not form.agreed:
            errors.add("agreed", "Say how they agreed, such as: by telephone, 30 November, 14:05.")
        elif len(form.agreed) > REASON:
            errors.add("agreed", f"Shorten it to {REASON} characters.")
        if not form.said_yes:
            errors.add("said-yes", "Read them the sentence, and tick this when they have said yes.")
        return form

    def _check_ways(self, form: SignUpForm, fields: FormFields, errors: FormErrors) -> None:
        t, settings = translator("en", "en"), self._services.settings
        if not (form.email or form.phone or form.call or form.lines):
            errors.add("email", "Give at least one way to reach them.")
        if form.email:
            address, words = checked_email(form.email, t)
            if words:
                errors.add("email", words)
            elif (meant := meant_instead(address)) and fields.line("kept-email") != address:
                errors.add("email", f"Did you mean {meant}? If it is right as it is, press again.")
            form.email = address or form.email
        if form.phone:
            prefixes = settings.sms_prefixes or home_prefixes(settings.timezone)
            region = next((p for p in prefixes if not p.startswith("+")), "")
            number, words = checked_phone(form.phone, region, prefixes, t)
            if words:
                errors.add("phone", words)
            form.phone = number or form.phone
        form.call = international(form.call, settings.timezone)
        if form.lines and not form.name:
            errors.add("name", "Give the name that the letter is for.")

    def _body(self, form: SignUpForm, topics: tuple[str, ...]) -> SubscriberBody:
        postal = PostalBody(name=form.name, lines=tuple(filter(None, (one.strip() for one in form.lines.splitlines()))))
        return SubscriberBody(
            email=form.email or None,
            phone=form.phone or None,
            call=form.call or None,
            postal=postal if form.lines else None,
            places=() if form.everywhere or form.place.found is None else (form.place.found,),
            topics=topics,
            language=form.language,
            danger_to_life=form.danger,
            quiet_hours=QuietHoursBody(start="22:00", end="07:00") if form.quiet else None,
            confirmed=True,
            consent=ConsentBody(wording=self._wording(form.language), given_at=self._services.clock(), how=form.agreed),
        )

    def _wording(self, language: str) -> str:
        """Return all that is read out, as it is recorded: the consent, and the lines of the organisations. Blocks."""
        t = translator(language, self._services.settings.default_language)
        return wording(t.text("sign_up", "consent"), consent_lines(self._services, t))

    def _scripts(self) -> list[tuple[str, str, str]]:
        return [(tag, language_name(tag), self._wording(tag)) for tag in LANGUAGES]

    def _topics(self, language: str) -> list[tuple[str, str]]:
        t = translator(language, "en")
        found = [one for one in self._services.views.topics() if not one.slug.startswith(NEWSLETTER_PREFIX)]
        return [(one.slug, one.name.get(language) or t.topic(one.slug)) for one in found]

    async def _screen(
        self, request: web.Request, form: SignUpForm, errors: FormErrors, status: int = 200
    ) -> web.Response:
        topics = await read(self._services, self._topics, "en")
        scripts = await read(self._services, self._scripts)
        context: dict[str, Any] = {
            "here": "subscribers",
            "path": f"{self._frame.site.base}{PATH}",
            "form": form,
            "topics": [(f"topic-{at}", slug, name, slug in form.topics) for at, (slug, name) in enumerate(topics)],
            "radii": [(one, f"{one} km") for one in RADII],
            "tongues": [(tag, language_name(tag)) for tag in LANGUAGES],
            "scripts": scripts,
            "words": _mark(scripts),
            "kept_email": form.email if "Did you mean" in errors.words.get("email", "") else "",
            "errors": errors.words,
            "error_heading": "There is a problem",
            **once_field(),
        }
        return self._frame.screen(request, "console/subscriber_new.html", context, status)


def _mark(scripts: list[tuple[str, str, str]]) -> str:
    """Return the mark of what is read out, in every language, so that nothing is recorded that was not read."""
    return mark([words for _, _, words in scripts])


def _add(errors: FormErrors, error: DomainError) -> None:
    """Show a command's errors at the fields of the form."""
    found = error.errors if isinstance(error, Invalid) else ()
    fields = {"email": "email", "phone": "phone", "call": "call", "postal": "lines", "places": "place"}
    for one in found:
        errors.add(fields.get(one.field.partition(".")[0], "agreed"), one.message)
    if not found:
        errors.add("agreed", error.message)
