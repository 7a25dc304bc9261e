"""CAP 1.2 writer: renders an issued notice as its immutable message.

Identifier = notice id, one info per language, times with a numeric offset (never `Z`; UTC is `-00:00`), coordinates
`lat,lon`, circles as circles, holes filled (CAP has none). An all-clear is an Update with responseType AllClear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from alerts.channels import markdown
from alerts.domain.events import Content, Json, NoticePlan, PointFacts
from alerts.domain.notice import NoticeState
from alerts.domain.organisation import OrganisationState
from alerts.intake.cap_reader import NAMESPACE
from alerts.kernel.languages import choose
from alerts.kernel.terms import BUILT_IN_TOPICS
from alerts.web.public import xml_writer

CONTENT_TYPE = "application/cap+xml"
_MSG_TYPES = {"Alert": "Alert", "Update": "Update", "Cancel": "Cancel", "AllClear": "Update"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Context of a message beside the notice, as of the notice's issue."""

    sender: str
    """`Name <address>`."""
    timezone: str
    default_language: str
    public_url: str
    place: Callable[[str], tuple[dict[str, str], Json] | None]
    """Look up a registered place: (name by language, GeoJSON geometry)."""
    organisation: OrganisationState | None = None
    """Organisation that issued it; None for the service itself."""
    points: Sequence[PointFacts] = ()
    """Service points of a service change, at their old positions."""


def message(notice: NoticeState, references: Sequence[NoticeState], about: Surroundings) -> bytes:
    """Render an issued notice as XML; `references` are the notices it refers to. Raises ValueError for a draft."""
    if notice.issued_at is None:
        raise ValueError("only an issued notice is a CAP message")
    name, address = parseaddr(about.sender)
    alert = ElementTree.Element("alert", xmlns=NAMESPACE)
    _add(alert, "identifier", str(notice.id))
    _add(alert, "sender", address)
    _add(alert, "sent", _time(notice.issued_at, about.timezone))
    _add(alert, "status", notice.plan.status)
    _add(alert, "msgType", _MSG_TYPES[notice.msg_type])
    _add(alert, "scope", "Public")
    if notice.msg_type == "Cancel":
        _add(alert, "note", notice.reason)
    earlier = [
        f"{address},{one.id},{_time(one.issued_at, about.timezone)}" for one in references if one.issued_at is not None
    ]
    _add(alert, "references", " ".join(earlier))
    for language, words in notice.plan.content.items():
        issuer = about.organisation
        named = issuer.named(language, about.default_language) if issuer is not None else name
        alert.append(_info(notice, language, words, about, named))
    ElementTree.indent(alert)
    return xml_writer.encode(alert)


def summary(notice: NoticeState, language: str, timezone: str, where: str) -> dict[str, str]:
    """Elements of an issued notice's message by name, for a feed: what it is in one language, without its words."""
    plan = notice.plan
    assert notice.issued_at is not None
    sent = _time(notice.issued_at, timezone)
    found = {
        "identifier": str(notice.id),
        "sent": sent,
        "status": plan.status,
        "msgType": _MSG_TYPES[notice.msg_type],
        "category": _category(plan),
        "event": _event(plan, language),
        "urgency": plan.urgency,
        "severity": plan.severity,
        "certainty": plan.certainty,
        "effective": sent,
        "expires": _time(notice.expires, timezone) if notice.expires else "",
        "areaDesc": where,
    }
    return {name: text for name, text in found.items() if text}


def _info(
    notice: NoticeState, language: str, words: Content, about: Surroundings, sender_name: str
) -> ElementTree.Element:
    plan = notice.plan
    assert notice.issued_at is not None
    info = ElementTree.Element("info")
    _add(info, "language", language)
    _add(info, "category", _category(plan))
    _add(info, "event", _event(plan, language))
    if notice.msg_type == "AllClear":
        _add(info, "responseType", "AllClear")
    _add(info, "urgency", plan.urgency)
    _add(info, "severity", plan.severity)
    _add(info, "certainty", plan.certainty)
    _add(info, "effective", _time(notice.issued_at, about.timezone))
    if notice.expires is not None:
        _add(info, "expires", _time(notice.expires, about.timezone))
    _add(info, "senderName", sender_name)
    _add(info, "headline", words.title)
    _add(info, "description", markdown.plain(words.body))
    _add(info, "instruction", markdown.plain(words.instruction))
    _add(info, "web", f"{about.public_url}/alerts/{notice.id}")
    area = _area(plan, language, about)
    if area is not None:
        info.append(area)
    return info


def _area(plan: NoticePlan, language: str, about: Surroundings) -> ElementTree.Element | None:
    """Build one area block with all parts; None if the notice is for everywhere."""
    shapes: list[tuple[str, str]] = []
    names: list[str] = []
    for part in plan.area or ():
        if "place" in part:
            found = about.place(str(part["place"]))
            if found is None:
                continue
            by_language, geometry = found
            name = choose(by_language, language, about.default_language)[1] if by_language else ""
            names.append(name or str(part["place"]))
            shapes += _polygons(geometry)
        elif "circle" in part:
            circle = part["circle"]
            radius = float(circle["radius_km"])
            shapes.append(("circle", f"{_pair(circle['lon'], circle['lat'])} {_decimal(radius, 3)}"))
            names.append(f"{circle['lat']:.4f}, {circle['lon']:.4f} ± {_decimal(radius, 3)} km")
        else:
            shapes += _polygons(part)
            names.append(_extent(part))
    for point in about.points:
        shapes.append(("circle", f"{_pair(point.lon, point.lat)} {_decimal(point.reach_km, 3)}"))
        names.append(f"{point.name}, {point.address}" if point.address else point.name)
    if not shapes:
        return None
    area = ElementTree.Element("area")
    _add(area, "areaDesc", "; ".join(dict.fromkeys(names)))
    for kind in ("polygon", "circle"):  # the standard's order
        for shape, text in shapes:
            if shape == kind:
                _add(area, shape, text)
    return area


def _polygons(geometry: Json) -> list[tuple[str, str]]:
    """Convert to outer rings only: CAP has no holes, and warning too many is safer than too few."""
    outers = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [("polygon", " ".join(_pair(lon, lat) for lon, lat, *_ in polygon[0])) for polygon in outers]


def _extent(geometry: Json) -> str:
    """Describe a drawn area independent of language: its south-west and north-east corners."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    positions: list[Any] = [position for polygon in polygons for position in polygon[0]]
    lons, lats = [p[0] for p in positions], [p[1] for p in positions]
    return f"{min(lats):.4f}, {min(lons):.4f} – {max(lats):.4f}, {max(lons):.4f}"


def _event(plan: NoticePlan, language: str) -> str:
    return (plan.cap.event.get(language) if plan.cap else None) or plan.content[language].title


def _category(plan: NoticePlan) -> str:
    if plan.category is not None:
        return plan.category
    return next(iter(BUILT_IN_TOPICS.get(plan.topic or "", ())), "Other")


def _time(at: datetime, timezone: str) -> str:
    written = at.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds")
    return f"{written[:-6]}-00:00" if written.endswith("+00:00") else written  # CAP 1.2, 3.3.2: UTC is `-00:00`


def _pair(lon: float, lat: float) -> str:
    return f"{_decimal(lat, 6)},{_decimal(lon, 6)}"


def _decimal(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".")  # + 0.0: no minus before a zero


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    """Append a child with text; none if the text is empty."""
    if text:
        ElementTree.SubElement(parent, name).text = text
