"""`/report`: a resident reports what they see; `/report/{receipt}`: what became of it.

What is already known nearby is shown before it is sent. It is published by nobody but a person.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from aiohttp import web

from alerts.channels.i18n import Translator
from alerts.commands.ports import Idempotency
from alerts.commands.reports import ResidentReport
from alerts.domain.report import ReportState, read_receipt
from alerts.domain.streams import REPORT
from alerts.gazetteer import PlaceCandidate
from alerts.intake import photos
from alerts.kernel.errors import Invalid
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.http.routing import PUBLIC, TOKEN, Route
from alerts.web.public.known_nearby import known_nearby
from alerts.web.public.multipart_form import UploadForm, read_upload
from alerts.web.public.page_frame import PageFrame
from alerts.web.public.report_form import ReportForm

EXAMPLE = "R-4471-KD7PX"
_EMERGENCY_NUMBER = "999"
_LOOK_UPS = 5.0
"""Receipt numbers that one address may try in a second."""
_APPLIED_S = 2.0


def routes(services: Services) -> list[Route]:
    """Policy rows of reports."""
    pages = ReportPages(services)
    return [
        Route("GET", "/report", pages.form, PUBLIC),
        Route("POST", "/report", pages.send, PUBLIC),
        Route("GET", "/report/{receipt}", pages.status, TOKEN),
    ]


class ReportPages:
    """Handlers of the report form and of its receipts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = PageFrame(services)
        self._pages = self._frame.pages

    async def form(self, request: web.Request) -> web.Response:
        """Show the empty form, or lead to the report of `?number=`."""
        t = self._pages.translator(request)
        errors = {}
        if (number := request.query.get("number")) is not None:
            if receipt := read_receipt(number[:40]):
                raise web.HTTPSeeOther(f"{self._pages.site.base}/report/{receipt}?lang={t.tag}")
            errors["number"] = t.text("report", "e_number", example=EXAMPLE)
        form = ReportForm(key=str(new_id()), errors=errors)
        return await self._shown(form, t, 422 if errors else 200, number=(number or "")[:40])

    async def send(self, request: web.Request) -> web.Response:
        """Take a report, or show the form again with what is wrong, unclear or known already."""
        t = self._pages.translator(request)
        upload = await read_upload(request, "photo", photos.LARGEST)
        form = ReportForm.of(upload.fields)
        found = await read(self._services, self._services.place_lookup.find, form.spot or form.where, t.tag)
        form.check_spot(found)
        place = form.chosen(found)
        if form.find:
            form.check_where(t)
            return await self._shown(form, t, 422 if form.errors else 200, found=found, looked=True)
        reach = await read(self._services, form.check, t, self._services.settings.timezone)
        photo = await self._photo(upload, form, t)
        if form.errors:
            return await self._shown(form, t, 422, found=found, again=bool(upload.file) or upload.too_large)
        if photo is None and form.seen != form.mark and await self._to_be_shown(form, t, found, place):
            return await self._shown(form, t, 200, found=found, looked=True, before=True)
        return await self._received(form, t, place, reach, photo)

    async def status(self, request: web.Request) -> web.Response:
        """Show what became of a report, to whoever has its number. What was written in it is not shown."""
        self._services.limits.take(f"receipts:{request.remote or ''}", _LOOK_UPS)
        t = self._pages.translator(request)
        receipt = read_receipt(request.match_info["receipt"][:40])
        state = await read(self._services, self._services.views.report_by_receipt, receipt) if receipt else None
        if state is None:
            form = ReportForm(key=str(new_id()), errors={"number": t.text("report", "e_number", example=EXAMPLE)})
            return await self._shown(form, t, 404, number=request.match_info["receipt"][:40])
        context = await read(self._services, self._status, state, t)
        return self._pages.page("pages/report_status.html", t, context)

    # --- what happens with it

    async def _photo(self, upload: UploadForm, form: ReportForm, t: Translator) -> bytes | None:
        if upload.too_large:
            form.errors["photo"] = t.text("report", "e_photo_size")
        elif upload.file:
            try:
                return await asyncio.to_thread(photos.reencode, upload.file)
            except Invalid:
                form.errors["photo"] = t.text("report", "e_photo_kind")
        return None

    async def _to_be_shown(
        self, form: ReportForm, t: Translator, found: list[PlaceCandidate], place: PlaceCandidate | None
    ) -> bool:
        """True if something has to be looked at before this is sent: which place is meant, or what is known there."""
        if len(form.named(found)) > 1 and not form.choice:
            return True
        reader = self._frame.reader(t.tag, self._services.clock())
        return bool(await read(self._services, known_nearby, self._frame, reader, place))

    async def _received(
        self,
        form: ReportForm,
        t: Translator,
        place: PlaceCandidate | None,
        reach: tuple[Channel, str] | None,
        photo: bytes | None,
    ) -> web.Response:
        services = self._services
        report = ResidentReport(
            words=form.what,
            where=" ".join((form.where, f"({place.words})" if place else "")).strip(),
            language=t.tag,
            lat=place.lat if place else None,
            lon=place.lon if place else None,
            place=place.place if place else None,
            reach=reach,
            photo=photo,
        )
        idem = Idempotency(caller="form", path="/report", key=form.digest.hex(), digest=form.digest)
        saved = await services.commands.receive_report(report, idem=idem)
        state = await read(services, services.log.state, REPORT, saved.id)
        await read(services, services.views.wait_for, saved.position, _APPLIED_S)
        if state is None:
            raise web.HTTPNotFound
        raise web.HTTPSeeOther(f"{self._pages.site.base}/report/{state.receipt}?lang={t.tag}")

    # --- what is shown

    async def _shown(
        self,
        form: ReportForm,
        t: Translator,
        status: int,
        *,
        found: list[PlaceCandidate] = [],  # noqa: B006  never changed
        looked: bool = False,
        before: bool = False,
        again: bool = False,
        number: str = "",
    ) -> web.Response:
        reader = self._frame.reader(t.tag, self._services.clock())
        place = form.chosen(found)
        known = await read(self._services, known_nearby, self._frame, reader, place)
        wait = await read(self._services, self._services.views.usual_wait, reader.now)
        danger = t.text("report", "danger").partition("{number}")
        context: dict[str, Any] = {
            "here": "report",
            "form": form,
            "errors": form.errors,
            "danger": (danger[0], _EMERGENCY_NUMBER, danger[2]),
            "found": place.words if place else "",
            "candidates": [one.words for one in found] if found and (place is None or len(found) > 1) else [],
            "unknown": looked and not found and not form.errors,
            "known": known,
            "seen": form.mark if looked or form.seen == form.mark else "",
            "before": before,
            "again": again,
            "number": number,
            "example": EXAMPLE,
            "wait": _wait(t, wait),
            "languages": self._pages.languages("/report", t),
        }
        return self._pages.page("pages/report.html", t, context, status)

    def _status(self, state: ReportState, t: Translator) -> dict[str, Any]:
        settings, views = self._services.settings, self._services.views
        incident = views.incident(state.incident) if state.incident else None
        notice = views.notice(incident.notice) if incident is not None and incident.notice else None
        path = f"{self._pages.site.base}/report/{state.receipt}"
        return {
            "here": "report",
            "receipt": state.receipt,
            "title": t.text("report", "received_title" if state.phase == "waiting" else "status_title"),
            "received": t.text("report", "received_at", time=t.time(state.received_at, settings.timezone)),
            "state": t.text("report", f"state_{state.phase}"),
            "tone": "clear" if state.phase in ("answered", "accepted") else "minor",
            "answer": state.answer or "",
            "notice_link": self._frame.notices.link(notice.thread) if notice is not None and notice.issued else "",
            "wait": _wait(t, views.usual_wait(self._services.clock())) if state.phase == "waiting" else "",
            "contact": state.contact is not None and state.phase == "waiting",
            "languages": self._pages.languages(path, t),
        }


def _wait(t: Translator, wait: timedelta | None) -> str:
    """Say how long it took lately until a person read a report; "" if nobody knows."""
    if wait is None:
        return ""
    minutes = max(1, round(wait.total_seconds() / 60))
    if minutes < 90:
        return t.text("report", "wait_minutes", count=t.number(minutes))
    return t.text("report", "wait_hours", count=t.number(round(minutes / 60)))
