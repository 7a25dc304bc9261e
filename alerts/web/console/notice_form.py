"""Form of a notice: fields to the API's body and back. Pure apart from the place look-up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.channels.i18n import LANGUAGES
from alerts.domain.events import NoticePlan, TemplateUse
from alerts.domain.message_template import PublishedTemplate
from alerts.gazetteer.candidate import PlaceCandidate, folded
from alerts.intake import strict_json
from alerts.kernel.errors import DomainError
from alerts.kernel.texts import without_forbidden
from alerts.web.console import blank_fields
from alerts.web.console.local_time import one_instant, parse_clock, parse_day, which_of
from alerts.web.public.forms import FormErrors, FormFields

KINDS = ("alert", "announcement")
STATUSES = ("Actual", "Exercise", "Test")
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
WORDS = ("title", "instruction", "body", "sms")
LASTS = timedelta(hours=24)
"""Time after which an alert ends by itself unless its author says otherwise."""
DEFAULT_M, MOST_M = 500.0, 100_000.0
_GRADES = ("kind", "severity", "urgency", "certainty")
_OF_KIND = (*_GRADES, "topic")
_LONGEST = 25_000
_GEOJSON = 400_000
"""Characters of a pasted outline: some 12,000 corners, as many as a form of this size carries."""
MOST_POSTCODES = 200
AUTO = "auto"
"""Act of the page's script: save, and answer with the parts of the page that depend on it."""
COUNT = "count"
"""Act of the page's script while an area is drawn: count, and save nothing."""
_PART = 4_000
"""Characters of a part of an area that its box carries; of a longer one it carries a hash."""

Find = Callable[[str], Sequence[PlaceCandidate]]
"""Finds places by what was typed."""


@dataclass(slots=True)
class NoticeForm:
    """Typed values of a notice, as they go back into the fields."""

    kind: str = "alert"
    status: str = "Actual"
    severity: str = "Severe"
    urgency: str = "Immediate"
    certainty: str = "Observed"
    topic: str = ""
    area: list[dict[str, Any]] = field(default_factory=list)
    near: str = ""
    radius: str = "500"
    geojson: str = ""
    postcodes: str = ""
    """Postcodes or places that were pasted, one a line."""
    channels: tuple[str, ...] = ()
    ends_day: str = ""
    ends_time: str = ""
    ends_which: str = ""
    """`first` or `second`, if the clocks go back over the end."""
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    blanks: dict[str, str] = field(default_factory=dict)
    """Values typed for the words' blanks, by blank; not yet in the words."""
    organisation: str | None = None
    """Organisation in whose name it goes out, "" for the service itself; None if the form did not ask."""
    template: str = ""
    """Template that it was begun from, as `slug@number`."""
    choices: list[tuple[str, str]] = field(default_factory=list)
    """Places that were meant by `near`, if several were: (value, words)."""
    simplified_from: list[dict[str, Any]] | None = None
    """Area before this press has simplified it: what is shown again if the simpler one is refused."""
    corners_before: int = 0
    """Corners and circles of `simplified_from`."""


def blank(now: datetime, zone: str, language: str, channels: Sequence[str]) -> NoticeForm:
    """Return a new alert's form: every channel, and an end in a day."""
    ends = (now + LASTS).astimezone(ZoneInfo(zone))
    return NoticeForm(
        channels=tuple(channels),
        ends_day=f"{ends:%Y-%m-%d}",
        ends_time=f"{ends:%H:%M}",
        ends_which=which_of(now + LASTS, zone),
        words={language: dict.fromkeys(WORDS, "")},
    )


def of_template(template: PublishedTemplate, slug: str, form: NoticeForm) -> NoticeForm:
    """Return a blank form filled from a template; its blanks are still in the words."""
    text = template.text
    return replace(
        form,
        kind=text.kind,
        severity=text.severity,
        urgency=text.urgency,
        certainty=text.certainty,
        topic=text.topic or "",
        channels=tuple(text.channels),
        words={tag: {name: getattr(said, name) for name in WORDS} for tag, said in text.content.items()},
        template=f"{slug}@{template.number}",
    )


def keep_typed(typed: NoticeForm, filled: NoticeForm, begun: PublishedTemplate | None) -> NoticeForm:
    """Put back into a form that a template has filled what a person had typed. `begun`: the template before it."""
    for tag, words in typed.words.items():
        before = begun.text.content.get(tag) if begun is not None else None
        said = filled.words.setdefault(tag, dict.fromkeys(WORDS, ""))
        said |= {name: text for name, text in words.items() if text and text != getattr(before, name, "")}
    return filled


def template_of(form: NoticeForm) -> TemplateUse | None:
    """Return the template that a form was begun from; None for none."""
    slug, _, number = form.template.rpartition("@")
    return TemplateUse(slug=slug, number=int(number)) if slug and re.fullmatch("[0-9]{1,5}", number) else None


def of_plan(plan: NoticePlan, zone: str, language: str) -> NoticeForm:
    """Return the form that shows a plan."""
    ends = plan.expires.astimezone(ZoneInfo(zone)) if plan.expires is not None else None
    words = {
        tag: {"title": said.title, "instruction": said.instruction, "body": said.body, "sms": said.sms}
        for tag, said in plan.content.items()
    }
    return NoticeForm(
        kind=plan.kind,
        status=plan.status,
        severity=plan.severity,
        urgency=plan.urgency,
        certainty=plan.certainty,
        topic=plan.topic or "",
        area=[dict(part) for part in plan.area or ()],
        channels=tuple(plan.channels),
        ends_day=f"{ends:%Y-%m-%d}" if ends else "",
        ends_time=f"{ends:%H:%M}" if ends else "",
        ends_which=which_of(plan.expires, zone) if plan.expires is not None else "",
        words=words or {language: dict.fromkeys(WORDS, "")},
        organisation=plan.organisation or "",
    )


def parse(
    fields: FormFields, before: Sequence[Mapping[str, Any]], find: Find, zone: str, language: str, now: datetime
) -> tuple[NoticeForm, FormErrors]:
    """Parse a submitted form. `before`: parts of the area so far, for the boxes that carry only a hash. Blocks."""
    errors = FormErrors()
    form = NoticeForm(
        kind=fields.one_of("kind", KINDS, "alert"),
        status=fields.one_of("status", STATUSES, "Actual"),
        severity=fields.one_of("severity", SEVERITIES, "Unknown"),
        urgency=fields.one_of("urgency", URGENCIES, "Unknown"),
        certainty=fields.one_of("certainty", CERTAINTIES, "Unknown"),
        topic=fields.line("topic"),
        near=fields.line("near"),
        radius=fields.line("radius") or "500",
        geojson=fields.text("geojson", _GEOJSON + 1).strip(),
        postcodes=fields.text("postcodes", _LONGEST).strip(),
        channels=fields.all("channel"),
        ends_day=fields.line("ends-day"),
        ends_time=fields.line("ends-time"),
        ends_which=fields.line("ends-which"),
        template=fields.line("template"),
        organisation=fields.line("organisation") if fields.ticked("organisation") else None,
    )
    form.area = _ticked(fields.all("keep"), before, errors)
    _add_drawn(form, fields.line("area"), errors)
    add_area(form, fields.line("pick"), find, errors)
    tags = [tag for tag in fields.all("language") if tag in LANGUAGES] or [language]
    form.words = {
        tag: {name: without_forbidden(fields.text(f"{name}-{tag}", _LONGEST)).strip() for name in WORDS} for tag in tags
    }
    if fields.line("do") not in (AUTO, COUNT):  # the script comes while a value is half typed
        form.blanks = blank_fields.parse(fields, form.words, errors)
    add_language(form, fields.line("add-language"))
    if not form.channels:
        errors.add("channel", "Tick at least one way to tell people.")
    ends(form, zone, now.astimezone(ZoneInfo(zone)).date(), errors)
    return form, errors


def add_language(form: NoticeForm, tag: str) -> None:
    """Offer fields for a language; an unknown one is passed over."""
    if tag in LANGUAGES:
        form.words.setdefault(tag, dict.fromkeys(WORDS, ""))


def fill_blanks(form: NoticeForm) -> None:
    """Put what was typed for the blanks into the words."""
    form.words = blank_fields.filled(form.words, form.blanks)


def ends(form: NoticeForm, zone: str, today: date, errors: FormErrors) -> datetime | None:
    """Return the end that was typed, put into its fields as read; None for none, or a wrong one with an error."""
    if not form.ends_day and not form.ends_time:
        return None
    day, clock = parse_day(form.ends_day, today), parse_clock(form.ends_time)
    if day is None or clock is None:
        errors.add("ends-day", "Give the end as a day and a time of 24 hours, such as 2026-11-23 and 20:00.")
        return None
    form.ends_day, form.ends_time = day.isoformat(), f"{clock:%H:%M}"
    found = one_instant(day, clock, form.ends_which, zone)
    if isinstance(found, str):
        errors.add("ends-day", found)
        return None
    if which_of(found, zone) == "":
        form.ends_which = ""
    return found


def body_of(form: NoticeForm, zone: str) -> dict[str, Any]:
    """Return the form as a merge patch of the API's notice body: null takes a field away."""
    alert = form.kind == "alert"
    end = ends(form, zone, date.min, FormErrors())
    said = {tag: words for tag, words in form.words.items() if any(words.values())}
    return {
        "kind": form.kind,
        "status": form.status,
        "severity": form.severity if alert else None,
        "urgency": form.urgency if alert else None,
        "certainty": form.certainty if alert else None,
        "priority": None,
        "topic": form.topic or None,
        "area": form.area or None,
        "channels": list(form.channels) or None,
        "content": said or None,
        "expires": end.isoformat() if end is not None else None,
        "organisation": form.organisation or None,
    }


def patch_of(form: NoticeForm, plan: NoticePlan, zone: str) -> dict[str, Any]:
    """Return the form as a merge patch of a plan. What the form cannot show, and what it left alone, stays as it is."""
    patch, before = body_of(form, zone), of_plan(plan, zone, "")
    if plan.kind not in KINDS:
        for name in _OF_KIND:
            del patch[name]
    if all(getattr(form, name) == getattr(before, name) for name in ("status", *_GRADES)):
        del patch["priority"]
    if form.organisation in (None, before.organisation):
        del patch["organisation"]
    if _end(form) == _end(before):
        del patch["expires"]  # it has seconds
    said = {tag: words if any(words.values()) else None for tag, words in form.words.items()}
    if any(said.values()) or set(plan.content) - set(said):
        patch["content"] = said
    return patch


def _end(form: NoticeForm) -> tuple[str, str, str]:
    return form.ends_day, form.ends_time, form.ends_which


def keep_kind(form: NoticeForm, theirs: NoticeForm) -> None:
    """Leave an issue of a newsletter or a service change what it is: the form has no fields for that."""
    if theirs.kind not in KINDS:
        for name in _OF_KIND:
            setattr(form, name, getattr(theirs, name))


def part_words(part: Mapping[str, Any]) -> str:
    """Describe a part of an area."""
    if "place" in part:
        return str(part["place"]).replace("-", " ").capitalize()
    match part.get("circle"):
        case {"lat": int() | float() as lat, "lon": int() | float() as lon, "radius_km": int() | float() as radius_km}:
            return f"A circle of {radius_km * 1000:,.0f} m around {lat:.5f}, {lon:.5f}"
    return f"A drawn outline ({part.get('type', 'GeoJSON')})"


def part_value(part: Mapping[str, Any], *, saved: bool = True) -> str:
    """Value of a part's box: the part itself, so that a page that is older than the draft still says what it shows.

    A long one is a hash, if the draft that is `saved` has it.
    """
    text = json.dumps(part, sort_keys=True, separators=(",", ":"))
    return text if len(text) <= _PART or not saved else sha256(text.encode()).hexdigest()


def _ticked(values: Sequence[str], before: Sequence[Mapping[str, Any]], errors: FormErrors) -> list[dict[str, Any]]:
    """Return the parts whose boxes are ticked."""
    known = {part_value(part): dict(part) for part in before}
    found = []
    for value in values:
        part = known.get(value) or _object(value)
        if part is None:
            errors.add("near", "A part of the area is not known any more: look at the area, and add it again.")
        else:
            found.append(part)
    return found


def _object(text: str) -> dict[str, Any] | None:
    """Parse a JSON object; None for anything else."""
    try:
        found = strict_json.parse(text.encode("utf-8", "replace"))
    except DomainError:
        return None
    return found if isinstance(found, dict) else None


def grow(form: NoticeForm, metres: float) -> None:
    """Make every circle of the area wider."""
    form.area = [
        {"circle": {**part["circle"], "radius_km": round(part["circle"]["radius_km"] + metres / 1000, 6)}}
        if "circle" in part
        else part
        for part in form.area
    ]


def _add_drawn(form: NoticeForm, ring: str, errors: FormErrors) -> None:
    """Add the corners that were drawn on the map, `[[lon, lat], …]`, as a polygon."""
    if not ring:
        return
    try:
        corners = msgspec.json.decode(ring, type=list[tuple[float, float]])
    except msgspec.MsgspecError:
        corners = []
    if len(corners) < 3:
        errors.add("near", "Draw at least three corners, or type a place.")
        return
    outline = [list(corner) for corner in corners]
    form.area.append({"type": "Polygon", "coordinates": [[*outline, outline[0]]]})


def add_area(form: NoticeForm, pick: str, find: Find, errors: FormErrors) -> None:
    """Add what was typed or picked to the area."""
    if len(form.geojson) > _GEOJSON:
        errors.add("geojson", f"It is longer than {_GEOJSON:,} characters: simplify the outline where it was made.")
    elif form.geojson:
        drawn = _object(form.geojson)
        if drawn is not None and drawn.get("type") == "Feature":
            drawn = drawn.get("geometry")
        if not isinstance(drawn, dict):
            errors.add("geojson", 'This is no GeoJSON: paste a Polygon or MultiPolygon as {"type": …}.')
        else:
            form.area.append(drawn)
            form.geojson = ""
    if not (form.near or form.postcodes):
        return
    metres = _metres(form.radius)
    if metres is None:
        errors.add("radius", "Give the radius in metres, from 10 to 100000.")
        return
    _add_postcodes(form, metres, find, errors)
    if not form.near:
        return
    found = list(find(form.near))
    if pick:
        found = [one for one in found if _value(one) == pick] or found
    if not found:
        errors.add("near", "We do not know that place. Try a postcode, a registered place, or a point as 51.49,-0.09.")
    elif len(found) > 1:
        form.choices = [(_value(one), one.words) for one in found]
        errors.add("near", f"Choose which {form.near}.")
    elif _value(found[0]) != pick and _is_far_town(found[0], form.near, find):
        form.choices = [(_value(found[0]), found[0].words)]
        errors.add("near", f"{found[0].words} lies outside every registered place. Choose it if you mean it.")
    else:
        form.area.append(_part(found[0], metres))
        form.near = ""


def _is_far_town(found: PlaceCandidate, typed: str, find: Find) -> bool:
    """True for a town outside every registered place whose country was not typed: its name may mean something here."""
    if found.kind != "town" or folded(typed) == folded(found.words):
        return False
    return not any(one.within for one in find(f"{found.lat},{found.lon}"))


def _add_postcodes(form: NoticeForm, metres: float, find: Find, errors: FormErrors) -> None:
    """Add the pasted places, one a line; none of them if one is not found, or means several."""
    lines = (text.strip() for text in form.postcodes.replace(";", "\n").split("\n"))
    typed = list(dict.fromkeys(text for text in lines if text))
    if len(typed) > MOST_POSTCODES:
        errors.add("postcodes", f"Paste at most {MOST_POSTCODES} at once; draw the area, or name a place, instead.")
        return
    found = {text: list(find(text)) for text in typed}
    if odd := [text for text in typed if len(found[text]) != 1]:
        errors.add("postcodes", f"Not found, or not only one: {', '.join(odd[:5])}. Mend or remove it.")
        return
    form.area += [_part(found[text][0], metres) for text in typed]
    form.postcodes = ""


def _part(found: PlaceCandidate, metres: float) -> dict[str, Any]:
    if found.place is not None:
        return {"place": found.place}
    return {"circle": {"lat": found.lat, "lon": found.lon, "radius_km": metres / 1000}}


def _value(found: PlaceCandidate) -> str:
    return f"place:{found.place}" if found.place is not None else f"{found.lat},{found.lon}"


def _metres(text: str) -> float | None:
    try:
        metres = float(text.replace(",", "").replace(" ", ""))
    except ValueError:
        return None
    return metres if 10 <= metres <= MOST_M else None
