"""View of a notice thread: the current content, the history and the issuer. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup

from alerts.channels import markdown
from alerts.channels.i18n import Translator, direction
from alerts.channels.opening_hours import hours_in_words
from alerts.channels.severity_style import style, tag
from alerts.channels.subject import marks
from alerts.domain.events import Content
from alerts.domain.notice import NoticeState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.kernel.check_codes import check_code
from alerts.kernel.secret_keys import SecretKeys
from alerts.projections.queries import ReadModelQueries
from alerts.web.public import structured_data
from alerts.web.public.fragments import FragmentCache
from alerts.web.public.map_svg import Pin, Zone, draw
from alerts.web.public.nearest_points import near_row
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.reader_locale import ReaderLocale as ReaderLocale
from alerts.web.public.templating import Site
from subscribers.audience.nearest import OpenPoint, alternatives
from subscribers.audience.open_points import open_point

ENDS = ("Cancel", "AllClear")


class NoticeViews:
    """Builds the template context of notices."""

    def __init__(self, views: ReadModelQueries, place_shapes: PlaceShapes, site: Site, keys: SecretKeys) -> None:
        self._keys = keys
        self._views, self._place_shapes, self._site = views, place_shapes, site
        self._cards = FragmentCache(10_000)

    def link(self, notice: UUID) -> str:
        """Return the path of a notice's page."""
        return f"{self._site.base}/alerts/{notice}"

    def organisation(self, notice: NoticeState, reader: ReaderLocale) -> tuple[str, int]:
        """Return the name of the organisation that issued a notice, and its version; ("", 0) for the service itself."""
        found = self._views.issuer(notice.plan)
        if found is None:
            return "", 0
        return found.named(reader.translator.tag, reader.default_language), found.version

    def card(self, notice: NoticeState, reader: ReaderLocale) -> dict[str, Any]:
        """Format a notice as a list entry; made once per version and language."""
        t = reader.translator
        begun = self._begun(notice)
        issuer = self.organisation(notice, reader)[0]
        key = (notice.id, notice.version, t.tag, reader.default_language, reader.timezone, begun, issuer)
        return self._cards.get((*key, self._place_shapes.version()), lambda: self._card(notice, reader, begun, issuer))

    def _card(self, notice: NoticeState, reader: ReaderLocale, begun: datetime | None, issuer: str) -> dict[str, Any]:
        language, words = reader.words(notice)
        plan, t = notice.plan, reader.translator
        return {
            "link": self.link(notice.thread),
            "tone": style(plan.kind, notice.msg_type, plan.severity).name,
            "tag": marked_tag(notice, t),
            "title": words.title,
            "lead": markdown.first_line(words.instruction or words.body, 280),
            "lang": language,
            "dir": direction(language),
            "where": self._place_shapes.where_for(notice, t),
            "issuer": t.text("message", "issued_by", name=issuer) if issuer else "",
            "since": reader.time_phrase("since", begun),
            "published": reader.time_phrase("published", begun),
            "updated": reader.time_phrase("updated", notice.issued_at) if notice.msg_type == "Update" else "",
            "valid": reader.time_phrase("valid", notice.expires),
        }

    def zone(self, notice: NoticeState, reader: ReaderLocale) -> Zone:
        """Return a notice's area for the map."""
        return Zone(
            style(notice.plan.kind, notice.msg_type, notice.plan.severity).name,
            self._place_shapes.of_notice(notice),
            reader.words(notice)[1].title,
        )

    def page(self, thread: Sequence[NoticeState], reader: ReaderLocale) -> dict[str, Any]:
        """Build the page of a thread from its issued notices, oldest first."""
        head = thread[-1]
        subject = next((n for n in reversed(thread) if n.msg_type not in ENDS), head)
        change = self._views.service_change(subject.plan.service_change) if subject.plan.service_change else None
        points = self._points(change)
        return {
            "n": {**self._notice(thread, subject, head, reader), "starts": _starts(change, head, reader)},
            "steps": [self._step(n, thread, reader) for n in reversed(thread)],
            "points": self._concerned(change, points, reader) if change else [],
            "map": self._map(subject, change, points, reader),
            "json_ld": self._json_ld(thread, subject, reader),
        }

    def _notice(
        self, thread: Sequence[NoticeState], subject: NoticeState, head: NoticeState, reader: ReaderLocale
    ) -> dict[str, Any]:
        _, words = reader.words(subject)
        t, plan = reader.translator, subject.plan
        drill, over = plan.status != "Actual", head is not subject
        changes = plan.kind == "service-change"
        return {
            **self.card(subject, reader),
            **({"tone": "clear", "tag": marked_tag(head, t)} if over else {}),
            "og": _summary(reader.words(head if over else subject)[1], self._place_shapes.where_for(subject, t), t),
            "plain_title": reader.words(head if over else subject)[1].title,
            "canonical": f"{self._site.url}/alerts/{head.thread}",
            "back_link": f"{self._site.base}/changes" if changes else f"{self._site.base}/",
            "back": t.text("page", "changes" if changes else "back_now"),
            "drill": t.text("banner", plan.status) if drill else "",
            "drill_mark": t.text("mark", plan.status) if drill else "",
            "plain_mark": _title_mark(head, t),
            # Outdated content appears only struck out in the history, so that it cannot be mistaken for current advice.
            "body": "" if over else Markup(markdown.html(words.body)),  # nosec B704: sanitised by nh3
            "instruction": "" if over else Markup(markdown.html(words.instruction)),  # nosec B704: sanitised by nh3
            "published": reader.time_phrase("published", thread[0].issued_at),
            "struck": head.msg_type == "Cancel",
            "ended": _ended(head, reader),
            "ended_tone": "clear" if head.msg_type in ENDS else "minor",
            "valid": reader.time_phrase("valid", subject.expires) if not over and head.ended_at is None else "",
            "last_word": self._last_word(head, reader) if over else None,
            "issued_by": self._issued_by(head, reader),
            "check_code": check_code(self._keys, head.number),
            "record": t.text("page", "record", position=t.number(head.issued_position or 0)),
        }

    def _json_ld(self, thread: Sequence[NoticeState], subject: NoticeState, reader: ReaderLocale) -> Markup:
        """Describe what holds now for search engines and aggregators; a drill is nothing that they may repeat."""
        head = thread[-1]
        if head.plan.status != "Actual" or head.issued_at is None:
            return Markup("")
        language, words = reader.words(head)
        area = self._place_shapes.of_notice(subject)
        document = structured_data.announcement(
            name=words.title,
            text="\n".join(markdown.plain(part) for part in (words.instruction, words.body) if part),
            url=f"{self._site.url}/alerts/{head.thread}",
            language=language,
            posted=head.issued_at,
            expires=head.ended_at or head.expires,
            publisher=self.organisation(head, reader)[0] or self._site.name,
            where=self._place_shapes.where_for(subject, reader.translator),
            geometry=None if area.empty else area.to_geojson(),
        )
        return structured_data.block(document)

    def _last_word(self, head: NoticeState, reader: ReaderLocale) -> dict[str, Any]:
        language, words = reader.words(head)
        body = "\n\n".join(part for part in (words.instruction, words.body) if part)
        mark = tag(head.plan.kind, head.msg_type, head.plan.severity, reader.translator)
        return {
            "tag": f"{mark}, {reader.time(head.issued_at)}",
            "title": words.title,
            "body": Markup(markdown.html(body)),  # nosec B704: sanitised by nh3
            "lang": language,
            "dir": direction(language),
        }

    def _step(self, notice: NoticeState, thread: Sequence[NoticeState], reader: ReaderLocale) -> dict[str, Any]:
        language, words = reader.words(notice)
        t = reader.translator
        first = notice is thread[0]
        return {
            "at": reader.time(notice.issued_at),
            "kind": t.text("page", "first") if first else t.text("mark", notice.msg_type),
            "title": words.title,
            "lead": markdown.first_line(words.instruction, 200),
            "struck": notice is not thread[-1],
            "lang": language,
            "dir": direction(language),
        }

    def _issued_by(self, notice: NoticeState, reader: ReaderLocale) -> str:
        """Describe issuer and approval by organisation and role, never by name: an approver is `a person on duty`."""
        t = reader.translator
        dispatch = self._views.dispatch(notice.id)
        people = dispatch.planned.people if dispatch and dispatch.planned else 0
        approver = notice.approved_by or ""
        policy = approver.removeprefix("policy:")
        return t.text(
            "page",
            "issued_by",
            issuer=self.organisation(notice, reader)[0] or self._issuer(notice),
            approval=t.text("page", "approved_policy", policy=policy)
            if approver.startswith("policy:")
            else t.text("page", "approved_person"),
            people=t.text("page", "people_one")
            if people == 1
            else t.text("page", "people_many", count=t.number(people)),
        )

    def _issuer(self, notice: NoticeState) -> str:
        source = notice.source or notice.drafted_by
        kind, _, name = source.partition(":")
        return name if kind == "source" else self._site.name

    def _begun(self, notice: NoticeState) -> datetime | None:
        if notice.thread == notice.id:
            return notice.issued_at
        first = self._views.notice(notice.thread)
        return first.issued_at if first and first.issued_at else notice.issued_at

    def _points(self, change: ChangeState | None) -> list[PointState]:
        found = (self._views.service_point(point) for point in change.facts.service_points) if change else ()
        return sorted((point for point in found if point is not None), key=lambda p: p.facts.name)

    def _concerned(
        self, change: ChangeState, points: Sequence[PointState], reader: ReaderLocale
    ) -> list[dict[str, Any]]:
        remaining: list[OpenPoint] = []
        if change.facts.kind in ("closure", "move"):
            concerned = {point.id for point in points}
            left = self._views.open_points(None, change.facts.effective)
            remaining = [open_point(other.id, other.facts) for other in left if other.id not in concerned]
        return [_point(point, change, remaining, reader) for point in points]

    def _map(
        self, subject: NoticeState, change: ChangeState | None, points: Sequence[PointState], reader: ReaderLocale
    ) -> dict[str, Any] | None:
        pins = [Pin("closing", p.facts.lat, p.facts.lon, p.facts.name) for p in points]
        if change is not None and change.facts.kind in ("closure", "move"):
            pins += _open_pins(self._views, change, points)
        zones = [] if subject.plan.area is None else [replace(self.zone(subject, reader), label="")]
        if not pins and not zones:
            return None
        title = reader.words(subject)[1].title
        svg = draw(self._place_shapes.outlines(), zones, pins, reader.translator.text("page", "map_of", what=title))
        where = self._place_shapes.where(subject.plan.area, reader.translator) or reader.translator.comma.join(
            p.facts.name for p in points
        )
        return {
            "svg": svg,
            "words": reader.translator.text("page", "in_words", area=where) if where else "",
            "zones": "" if self._site.is_copy else f"{self.link(subject.thread)}.json",
        }


def _starts(change: ChangeState | None, head: NoticeState, reader: ReaderLocale) -> str:
    """Format when a change takes or took effect; "" if it was withdrawn or there is none."""
    if change is None or head.msg_type in ENDS:
        return ""
    phrase = reader.time_phrase("from_day" if change.facts.effective > reader.now else "since", change.facts.effective)
    return phrase[:1].upper() + phrase[1:]


def _point(
    point: PointState, change: ChangeState, remaining: Sequence[OpenPoint], reader: ReaderLocale
) -> dict[str, Any]:
    t, facts = reader.translator, point.facts
    after = change.facts.after.get(str(point.id))
    then = [hours_in_words(after.opening_hours, t), after.address or ""] if after else []
    near = alternatives(remaining, facts.kind, (facts.lat, facts.lon), change.facts.effective, reader.timezone)
    return {
        "name": facts.name,
        "address": facts.address,
        "comma": t.comma,
        "after": t.comma.join(part for part in then if part),
        "instead": [near_row(other, reader) for other in near],
    }


def _open_pins(views: ReadModelQueries, change: ChangeState, points: Sequence[PointState]) -> list[Pin]:
    """Return the open points nearest to the closing ones, without duplicates."""
    found: dict[UUID, Pin] = {}
    closing = {point.id for point in points}
    for point in points:
        facts = point.facts
        for other, _ in views.nearest_open(facts.kind, facts.lat, facts.lon, change.facts.effective, 2):
            if other.id not in closing:
                found[other.id] = Pin("open", other.facts.lat, other.facts.lon, other.facts.name)
    return list(found.values())


def _summary(words: Content, where: str, t: Translator) -> str:
    """Summarise a notice for a preview: where, and what to do."""
    lead = markdown.first_line(words.instruction or words.body, 200)
    return ". ".join(part.rstrip(".") for part in (where, lead) if part)


def marked_tag(notice: NoticeState, t: Translator) -> str:
    """Style in words with every mark first: `UPDATE, Severe, act now`, `DRILL, ALL CLEAR`."""
    plan, msg_type = notice.plan, notice.msg_type
    own = tag(plan.kind, msg_type, plan.severity, t)
    first = marks(plan.status, "Alert" if msg_type in ENDS else msg_type, t)
    return t.comma.join((*first, own))


def _title_mark(head: NoticeState, t: Translator) -> str:
    first = marks(head.plan.status, head.msg_type, t)
    return f"{t.comma.join(first)}: " if first else ""


def _ended(head: NoticeState, reader: ReaderLocale) -> str:
    t = reader.translator
    if head.msg_type == "Cancel":
        return t.text("page", "was_cancelled")
    if head.msg_type == "AllClear":
        return t.text("page", "is_over")
    if head.phase == "expired" or (head.expires is not None and head.expires <= reader.now):
        return t.text("page", "has_expired")
    return ""
