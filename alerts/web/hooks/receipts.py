"""`POST /hooks/{provider}/receipts`: delivery receipts of providers, and inbound texts of residents.

The sender is authenticated first; unsigned requests are counted, never logged one by one.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from alerts.domain.delivery_receipt import JoinRequest
from alerts.intake import bounces, receipts, twilio_receipts
from alerts.intake.receipts import Receipt, Report, TextIn
from alerts.kernel.errors import DomainError, Invalid, NotFound, Unavailable
from alerts.kernel.ids import parse_delivery_id
from alerts.net import standard_webhooks
from alerts.net.standard_webhooks import Unverified
from alerts.observability.log_setup import redact
from alerts.services import Services
from alerts.web.http import problem
from alerts.web.http.auth import bearer
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import API_LIMIT, HOOK_LIMIT, JSON_TYPES, body_of, check_type, digest, off_loop, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import HOOK, Route
from alerts.web.public.sign_up.draft import DraftPlace

FORM_TYPES = frozenset(("application/x-www-form-urlencoded",))
MAIL_TYPES = frozenset(("message/rfc822",))
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""Empty TwiML: Twilio would send any other text back to the phone (https://www.twilio.com/docs/messaging/twiml)."""


class Received(JsonResponse, frozen=True, kw_only=True):
    """Response to a receipt. `taken`: true if it was new."""

    taken: bool


def routes(services: Services) -> list[Route]:
    """Policy row of receipts."""
    return [Route("POST", "/hooks/{provider}/receipts", _Receipts(services).take, HOOK)]


class _Receipts:
    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        self._tokens = [target.token for target in settings.sms if target.kind == "twilio"]
        self._secrets = _signing(t.secret for t in settings.sms if t.kind == "http-json")
        self._servers = [target.secret for target in settings.smtp if target.secret]
        self._handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "twilio": self._twilio,
            "http-json": self._http_json,
            "smtp": self._smtp,
        }

    async def take(self, request: web.Request) -> web.StreamResponse:
        provider = request.match_info["provider"]
        handler = self._handlers.get(provider)
        if handler is None:
            raise NotFound(f"there is no provider {provider!r}; known are {', '.join(self._handlers)}")
        try:
            return await handler(request)
        except Unverified as error:
            self._services.unverified[_name(provider)] += 1
            raise RequestRefused(401, str(error)) from error

    # --- one handler per provider

    async def _twilio(self, request: web.Request) -> web.StreamResponse:
        if not self._tokens:
            raise Unverified("ALERTS_SMS_URL names no twilio account, so nothing can be from one")
        if "X-Twilio-Signature" not in request.headers:
            raise Unverified("X-Twilio-Signature is needed")
        check_type(request, FORM_TYPES)
        body = await body_of(request, HOOK_LIMIT)
        fields = twilio_receipts.fields_of(body)
        # The URL configured at Twilio, since the request's own Host header is not trusted.
        url = self._services.settings.public_url + request.rel_url.raw_path_qs
        twilio_receipts.verify(self._tokens, url, fields, request.headers["X-Twilio-Signature"])
        await self._judged("twilio", body, lambda: twilio_receipts.parse(fields, request.query))
        return web.Response(text=_TWIML, content_type="text/xml")

    async def _http_json(self, request: web.Request) -> web.StreamResponse:
        if not self._secrets:
            raise Unverified("no http+json provider of ALERTS_SMS_URL has a secret, so nothing can be signed by one")
        body = await body_of(request, HOOK_LIMIT)
        identifier = self._signed(self._secrets, request, body)

        def parse() -> Report:
            check_type(request, JSON_TYPES)
            return receipts.parse(body, identifier)

        return json_response(Received(taken=await self._judged("http-json", body, parse)))

    async def _smtp(self, request: web.Request) -> web.StreamResponse:
        """Accept a bounce or a complaint, posted as the original mail."""
        if not self._servers:
            raise Unverified("no server of ALERTS_SMTP_URL has a secret, so no report can be from one")
        given = bearer(request).encode("utf-8", "replace")
        by_bearer = any(hmac.compare_digest(given, secret.encode()) for secret in self._servers)
        if given and not by_bearer:
            raise Unverified("this is no server's secret")
        body = await body_of(request, API_LIMIT)
        if not by_bearer:
            self._signed(_signing(self._servers), request, body)
        return json_response(Received(taken=await self._recorded("smtp", body, lambda: self._bounce(request, body))))

    async def _bounce(self, request: web.Request, body: bytes) -> bool:
        check_type(request, MAIL_TYPES)
        secret = self._services.settings.secret_key
        found = await read(self._services, bounces.read, body, lambda id: parse_delivery_id(secret, id))
        if found is None:
            return False
        notice, contact = found.delivery or (None, None)
        saved = await self._services.commands.take_bounce(
            "smtp",
            found.kind,
            failed=found.failed,
            contact=contact,
            address=found.address,
            notice=notice,
            reason=found.reason,
            external_id=found.external_id,
        )
        return saved.created

    def _signed(self, secrets: list[str], request: web.Request, body: bytes) -> str:
        """Return the `webhook-id` if one of the secrets verifies the signature. Raises Unverified."""
        failure = Unverified("it is not signed")
        for secret in secrets:
            try:
                return standard_webhooks.verify(secret, request.headers, body, self._services.clock())
            except Unverified as error:
                failure = error
        raise failure

    # --- shared by all providers

    async def _judged(self, provider: str, body: bytes, parse: Callable[[], Report | None]) -> bool:
        """Parse and apply a provider's report on a text. Return True if it was new."""

        async def take() -> bool:
            report = await off_loop(body, parse)
            return report is not None and await self._take(provider, report)

        return await self._recorded(provider, body, take)

    async def _recorded(self, provider: str, body: bytes, take: Callable[[], Awaitable[bool]]) -> bool:
        """Apply a verified report. Return True if it was new. A refusal is recorded."""
        try:
            taken = await take()
        except Unavailable:
            raise  # not processed: the sender retries
        except (RequestRefused, DomainError) as error:
            status = error.status if isinstance(error, RequestRefused) else problem.status_of(error)
            words = redact(error.message)  # they may quote a field, and are logged unencrypted
            await self._services.commands.reject_trigger(_name(provider), status, words, digest(body))
            raise
        if not taken:
            self._services.unmatched[_name(provider)] += 1
        return taken

    async def _take(self, provider: str, report: Report) -> bool:
        commands = self._services.commands
        if isinstance(report, TextIn):
            if report.join is not None:
                return await self._join(provider, report, report.join)
            saved = await commands.take_inbound(provider, report.number, report.word, report.at, report.external_id)
            return saved.created
        notice, contact = self._delivery(report)
        saved = await commands.take_receipt(
            provider,
            notice,
            contact,
            report.status,
            report.reason,
            report.at,
            report.external_id,
            retire=report.retire,
        )
        return saved.created

    async def _join(self, provider: str, text: TextIn, asked: JoinRequest) -> bool:
        """Sign a number up for a place; a place that is not known is answered by HELP, if the number is known."""
        services = self._services
        language = asked.language or services.settings.default_language
        found = await read(services, services.place_lookup.find, asked.place, language)
        if len(found) != 1:
            saved = await services.commands.take_inbound(provider, text.number, "help", text.at, text.external_id)
            return saved.created
        place = DraftPlace.of(found[0]).place()
        saved = await services.commands.join_by_text(
            provider, text.number, place, language, f"JOIN {found[0].label}", text.at, text.external_id
        )
        return saved.created

    def _delivery(self, report: Receipt) -> tuple[int, int]:
        numbers = parse_delivery_id(self._services.settings.secret_key, report.reference)
        if numbers is None:
            raise Invalid.field("reference", "this is no delivery of ours: give back the reference as it came")
        return numbers


def _signing(secrets: Iterable[str]) -> list[str]:
    """Return the secrets that are valid signing keys; the others serve as bearer secrets only."""
    return [secret for secret in secrets if secret and _is_key(secret)]


def _is_key(secret: str) -> bool:
    try:
        return bool(standard_webhooks.key_of(secret))
    except ValueError:
        return False


def _name(provider: str) -> str:
    """Return the name under which a provider's refusals are counted and recorded."""
    return f"{provider}/receipts"
