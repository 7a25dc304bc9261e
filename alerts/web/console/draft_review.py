"""Review of a draft, beside its form: whom it reaches and narrowly misses, how it reads, what it still lacks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from alerts.authoring.consistency import ENDS
from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import DraftWords, LiveNotice, NoticeDraft
from alerts.authoring.guide import blocking, diagnostics
from alerts.authoring.outline import TooFine
from alerts.channels.sms_segments import count
from alerts.domain import notice_lifecycle as life
from alerts.domain.events import AreaJson, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.kernel.errors import DomainError
from alerts.web.api.common import read
from alerts.web.console.draft_outline import outline_problem
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.notice_form import part_words
from alerts.web.console.previews import previews
from alerts.web.public.fragments import FragmentCache
from subscribers.audience.query import AudienceCount

NEAR_MISS_M = 50
"""Metres outside the edge within which people are counted as narrowly missed."""
FIVE = ("who", "what", "where", "do", "when")
_LABELS = {
    "who": "Who says it",
    "what": "What",
    "where": "Where",
    "do": "What to do",
    "when": "When",
    "title": "Title",
    "title-start": "Title",
    "texts": "Text message",
    "letters": "Text message",
    "advice": "What to do",
    "sentence": "Long sentence",
    "reading-age": "Reading age",
    "capitals": "Capitals",
    "links": "Link",
    "blank": "Blank",
    "practice": "Practice words",
    "time": "Time",
    "place": "Place",
    "end": "End",
    "numbers": "Numbers",
    "opposite": "Opposite advice",
    "live": "Live here",
    "fine": "Outline",
}
_RECENT = timedelta(minutes=1)
"""Time for which a count stands beside a draft that is being written."""
_COUNTS = 200
"""Drafts whose last count is kept."""
_PLACES = 3_000
"""Registered places whose names are looked for in the words."""
_TOWN_M = 2_000
"""Metres around a town's centre that are taken for the town: the list gives no outlines."""


class DraftReview:
    """Reviews drafts. Read-only; the last counts are kept for a minute."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services
        self._outlines = FragmentCache(_COUNTS)
        self._counts: OrderedDict[UUID, tuple[NoticePlan, datetime, AudienceCount]] = OrderedDict()

    async def of(self, state: NoticeState, *, recent: bool = False) -> dict[str, Any]:
        """Return what the screens show beside a draft, from one count. `recent`: one of the last minute will do."""
        counted: AudienceCount | None = None
        try:
            counted = await self._count(state, recent)
            reach = self._reach(counted)
        except DomainError as error:
            reach = {"why": error.message}
        context = await read(self._services, self._context, state)
        if counted is not None:
            reach["texts"] = self._texts(counted, context["previews"])
        return {
            **context,
            "full": f"{self._frame.site.base}/console/notices/{state.id}",
            "letter": f"{self._frame.site.base}/console/notices/{state.id}/letter.pdf",
            "reach": reach,
            "seen": counted.people if counted is not None else None,
            "near_miss": self._near_miss(state, counted),
            "unsaid": self._unsaid(state, reach),
        }

    async def people(self, state: NoticeState) -> str:
        """Return how many people a draft reaches, as counted within the last minute; "?" if it cannot be counted."""
        try:
            return self._frame.translator.number((await self._count(state, recent=True)).people)
        except DomainError:
            return "?"

    def outline_problem(self, parts: Sequence[dict[str, Any]]) -> TooFine | None:
        """Return why an area is too fine; None if it is not. Looked at once for each area. Blocks."""
        key = sha256(msgspec.json.encode(parts, order="deterministic")).digest()
        return self._outlines.get(key, lambda: outline_problem(parts))

    async def _count(self, state: NoticeState, recent: bool) -> AudienceCount:
        """Count an audience and its near miss at once; new words alone need no new count. Raises DomainError."""
        asked, now = _without_words(state.plan), self._services.clock()
        before = self._counts.get(state.id)
        if recent and before is not None and before[0] == asked and now - before[1] < _RECENT:
            return before[2]
        counted = await self._services.commands.count_plan(state.plan, near_m=NEAR_MISS_M if state.plan.area else 0.0)
        self._counts[state.id] = (asked, now, counted)
        if len(self._counts) > _COUNTS:
            self._counts.popitem(last=False)
        return counted

    def _reach(self, counted: AudienceCount) -> dict[str, Any]:
        """Format whom a draft would reach."""
        number = self._frame.translator.number
        return {
            "people": number(counted.people),
            "unreachable": number(counted.unreachable),
            "channels": [(CHANNELS.get(c, c), number(n)) for c, n in counted.by_channel.items()],
            "languages": [(self._frame.translator.language(tag), number(n)) for tag, n in counted.by_language.items()],
            "tags": dict(counted.by_language),
        }

    async def blocking(self, state: NoticeState, there: frozenset[str]) -> tuple[list[Diagnostic], list[Diagnostic]]:
        """Return all diagnostics, and those that stop the draft although its author says what is there."""
        found = await read(self._services, self.diagnostics, state)
        return found, blocking(found, there)

    def diagnostics(self, state: NoticeState) -> list[Diagnostic]:
        """Check the words of a draft. Blocks."""
        return diagnostics(self._draft(state, self._previews(state)), self._frame.site.name)

    def _context(self, state: NoticeState) -> dict[str, Any]:
        shown = self._previews(state)
        found = diagnostics(self._draft(state, shown), self._frame.site.name)
        return {
            "area_words": self._area_words(state),
            "where_words": self._area_words(state) or _parts_words(state.plan.area),
            "let_stand": [_let_stand(key, self._frame) for key in state.let_stand],
            "previews": shown,
            "missing": [gap.message for gap in life.gaps(state.plan, self._services.clock())],
            "parts": self.by_language([one for one in found if one.check in FIVE]),
            "remarks": self.by_language(
                [one for one in found if one.level in ("warns", "stops") and one.check not in FIVE]
            ),
            "lacks": _lacks(found),
            "asks": self.by_language([one for one in found if one.level == "asks"]),
            "stops": sum(one.level in ("asks", "stops") for one in found),
            "warns": sum(one.level == "warns" for one in found),
        }

    def _previews(self, state: NoticeState) -> list[dict[str, Any]]:
        return previews(self._services, state, self._area_words(state), self._services.clock())

    def _area_words(self, state: NoticeState) -> str:
        return self._frame.place_shapes.where(state.plan.area, self._frame.translator)

    def _draft(self, state: NoticeState, shown: Sequence[dict[str, Any]]) -> NoticeDraft:
        plan, settings = state.plan, self._services.settings
        inside, outside = self._places(state)
        return NoticeDraft(
            kind=plan.kind,
            drill=plan.status != "Actual",
            danger=life.danger_to_life(plan, state.msg_type),
            now=self._services.clock(),
            ends=plan.expires,
            timezone=settings.timezone,
            content={tag: _words(said) for tag, said in plan.content.items()},
            texts={p["lang"]: count(p["sms"]["text"]) for p in shown if p["sms"] and p["sms"]["text"]},
            hosts=frozenset({urlsplit(settings.public_url).hostname or ""}),
            inside=inside,
            outside=outside,
            live=tuple(self._live(state)),
            too_fine=fine.words if (fine := self.outline_problem(plan.area or ())) is not None else None,
        )

    def _places(self, state: NoticeState) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of registered places that the area touches, with the towns in or near it, and of the other places."""
        if not state.plan.area:
            return (), ()
        shapes = self._frame.place_shapes
        towns = set(self._services.place_lookup.towns_near(shapes.of_notice(state), _TOWN_M))
        places = self._services.views.places()
        if len(places) > _PLACES:
            return tuple(sorted(towns)), ()
        within = {place.slug for place in places if shapes.overlap(state, place.slug)}
        inside = {name for place in places if place.slug in within for name in place.name.values()}
        outside = {name for place in places if place.slug not in within for name in place.name.values()}
        # A town that has the name of a place outside is the wrong one as likely as the right one.
        return tuple(sorted(inside | (towns - outside))), tuple(sorted(outside - inside))

    def _live(self, state: NoticeState) -> list[LiveNotice]:
        """List real live alerts of other threads that overlap the area."""
        shapes = self._frame.place_shapes
        area = shapes.of_notice(state)
        if area.empty:
            return []
        found = []
        for other in self._services.views.live(self._services.clock()):
            if (
                other.thread == state.thread
                or other.msg_type in life.ENDINGS
                or other.plan.kind != "alert"
                or other.plan.status != state.plan.status
            ):
                continue
            theirs = shapes.of_notice(other)
            if not theirs.empty and area.overlaps(theirs):
                words = {tag: _words(said) for tag, said in other.plan.content.items()}
                title = next((said.title for said in words.values()), "")
                found.append(LiveNotice(title, words, other.expires))
        return found

    def _texts(self, counted: AudienceCount, shown: Sequence[dict[str, Any]]) -> str:
        """Say how many texts a notice takes, and what they cost; "" if it takes none.

        Languages differ in their parts: then it is the most.
        """
        to = counted.by_channel.get("sms", 0)
        parts = {p["sms"]["segments"] for p in shown if p["sms"] and p["sms"]["segments"]}
        if not to or not parts:
            return ""
        most, number, price = max(parts), self._frame.translator.number, self._services.settings.sms_price
        up_to = "" if len(parts) == 1 else "up to "
        numbers, of_parts = "number" if to == 1 else "numbers", "part" if most == 1 else "parts"
        said = f"{number(to)} {numbers} × {up_to}{most} {of_parts}: {up_to}{number(to * most)} texts"
        return f"{said}, {up_to}{price.of(to * most)}" if price is not None else said

    def _near_miss(self, state: NoticeState, counted: AudienceCount | None) -> dict[str, Any] | None:
        """Format people within `NEAR_MISS_M` outside the edge; None if there are none, or no area."""
        more = counted.near if counted is not None else None
        if not state.plan.area or not more or more < 0:
            return None
        circles = all("circle" in part for part in state.plan.area)
        return {"people": self._frame.translator.number(more), "metres": NEAR_MISS_M, "circles": circles}

    async def reaches(self, state: NoticeState, place: str) -> str:
        """Answer in words whether the area reaches a place that somebody typed."""
        found = await read(self._services, self._services.place_lookup.find, place, "en")
        if not found:
            return f"We do not know “{place}”. Try a postcode, a registered place, or a point as 51.49,-0.09."
        if not state.plan.area:
            return "There is no area yet."
        one = found[0]
        area = await read(self._services, self._frame.place_shapes.area, state.plan.area)
        if one.lat is None or one.lon is None:
            overlap = self._frame.place_shapes.overlap
            inside = one.place is not None and await read(self._services, overlap, state, one.place)
            return f"{one.words}: {'part of it is' if inside else 'none of it is'} inside."
        away = await read(self._services, area.distance_m, one.lat, one.lon)
        if away <= 0:
            return f"{one.words}: inside."
        return f"{one.words}: outside, {self._frame.translator.distance(away)} from the edge."

    def by_language(self, found: Sequence[Diagnostic]) -> list[dict[str, Any]]:
        """Group diagnostics by language, in the order of the draft."""
        groups: dict[str, list[dict[str, str]]] = {}
        for one in found:
            anchor = f"{one.field}-{one.language}" if one.field and one.language and one.field != ENDS else one.field
            groups.setdefault(one.language, []).append(
                {
                    "label": _LABELS.get(one.check, one.check),
                    "level": one.level,
                    "words": one.words,
                    "field": anchor,
                    "key": one.key,
                }
            )
        name = self._frame.translator.language
        return [{"tag": tag, "name": name(tag) if tag else "", "items": items} for tag, items in groups.items()]

    def _unsaid(self, state: NoticeState, reach: dict[str, Any]) -> list[dict[str, str]]:
        """List languages of readers in which the draft says nothing."""
        t = self._frame.translator
        return [
            {"tag": tag, "name": t.language(tag), "people": t.number(people)}
            for tag, people in reach.get("tags", {}).items()
            if people and state.plan.content and tag not in state.plan.content
        ]


def _let_stand(key: str, frame: Frame) -> str:
    """Name a warning that its author let stand: `where-pl` as `Where (Polish)`."""
    if key in _LABELS:
        return _LABELS[key]
    check, _, tag = key.rpartition("-")
    return f"{_LABELS.get(check, check)} ({frame.translator.language(tag)})"


def _lacks(found: Sequence[Diagnostic]) -> dict[str, str]:
    """Name by language what stops its words, or has to be ticked: `What, When`."""
    labels: dict[str, dict[str, None]] = {}
    for one in found:
        if one.level in ("asks", "stops") and one.language:
            labels.setdefault(one.language, {})[_LABELS.get(one.check, one.check)] = None
    return {tag: ", ".join(named) for tag, named in labels.items()}


def _parts_words(area: AreaJson | None) -> str:
    """Describe an area outside every registered place by its parts; whom a notice without one reaches."""
    if not area:
        return "everywhere that its rule says"
    said = [part_words(part) for part in area]
    return f"{said[0][0].lower()}{said[0][1:]}{f' and {len(said) - 1} more' if len(said) > 1 else ''}"


def _without_words(plan: NoticePlan) -> NoticePlan:
    """Return what of a plan decides its audience."""
    return msgspec.structs.replace(plan, content={}, send_at=None, expires=None, cap=None, template=None)


def _words(said: Any) -> DraftWords:
    return DraftWords(said.title, said.instruction, said.body, said.sms)
