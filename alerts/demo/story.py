"""Story: the notices of the demonstration with their words and facts. Independent of the product.

Everything relative to time takes `start`, so that the outcome is the same at any hour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from xml.sax.saxutils import escape

Json = dict[str, Any]

SMOKE_FIRST: list[list[float]] = [
    [-0.1060, 51.4960],
    [-0.1015, 51.4760],
    [-0.0800, 51.4745],
    [-0.0690, 51.4870],
    [-0.0790, 51.4985],
    [-0.1060, 51.4960],
]
"""Area of the smoke at first, Walworth: ring of (lon, lat)."""
SMOKE_LATER: list[list[float]] = [
    [-0.1060, 51.4960],
    [-0.1015, 51.4760],
    [-0.0800, 51.4745],
    [-0.0600, 51.4820],
    [-0.0560, 51.4990],
    [-0.0870, 51.5030],
    [-0.1060, 51.4960],
]
"""Area after the wind has changed: Bermondsey too."""
WATER = {"lat": 51.5416, "lon": -0.0042, "radius_km": 2.2}
GAS = {"lat": 51.5560, "lon": -0.2800, "radius_km": 1.6}
BOOKS = {"lat": 51.5610, "lon": -0.0740, "radius_km": 2.0}


@dataclass(frozen=True, slots=True)
class StoryText:
    """Content of one notice in one language."""

    title: str
    body: str
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """A notice of the story as its sender intends it."""

    key: str
    kind: Literal["alert", "service-change", "announcement"]
    words: dict[str, StoryText]
    topic: str
    area: Json | None = None
    """AREA: GeoJSON Polygon, {"circle": …} or {"place": slug}."""
    rule: Json | None = None
    msg_type: Literal["Alert", "Update", "Cancel", "AllClear"] = "Alert"
    urgency: str = "Unknown"
    severity: str = "Unknown"
    certainty: str = "Unknown"
    category: str = "Other"
    follows: tuple[str, ...] = ()
    """Keys of the earlier notices of its thread, oldest first."""
    has_change: bool = False
    """True if it announces the closing desks."""


def tellings() -> list[Telling]:
    """Build the nine notices of the story, in order of issue."""
    smoke, wider, over = _smoke_thread()
    gas, cancelled = _gas_thread()
    water = Telling(
        "water",
        "alert",
        BURST,
        topic="utilities",
        area={"circle": WATER},
        urgency="Expected",
        severity="Moderate",
        certainty="Likely",
        category="Infra",
    )
    return [
        Telling("closure", "service-change", CLOSURE, topic="service-changes", has_change=True),
        smoke,
        water,
        wider,
        over,
        gas,
        cancelled,
        Telling("books", "announcement", FESTIVAL, topic="community", rule=FESTIVAL_RULE),
        Telling("market", "announcement", MARKET, topic="community", area={"place": "southwark"}),
    ]


def _smoke_thread() -> tuple[Telling, Telling, Telling]:
    """Alert, update with a wider area, and all-clear."""
    smoke = Telling(
        "smoke",
        "alert",
        SMOKE,
        topic="safety",
        area=polygon(SMOKE_FIRST),
        urgency="Immediate",
        severity="Severe",
        certainty="Observed",
        category="Fire",
    )
    wider = replace(
        smoke,
        key="smoke-update",
        words=SMOKE_UPDATE,
        area=polygon(SMOKE_LATER),
        msg_type="Update",
        follows=("smoke",),
    )
    over = replace(
        wider,
        key="smoke-over",
        words=SMOKE_OVER,
        msg_type="AllClear",
        urgency="Past",
        severity="Minor",
        follows=("smoke", "smoke-update"),
    )
    return smoke, wider, over


def _gas_thread() -> tuple[Telling, Telling]:
    """Alert and its cancellation."""
    gas = Telling(
        "gas",
        "alert",
        GAS_CLOUD,
        topic="safety",
        area={"circle": GAS},
        urgency="Immediate",
        severity="Severe",
        certainty="Likely",
        category="CBRNE",
    )
    return gas, replace(gas, key="gas-cancel", words=GAS_FALSE, msg_type="Cancel", urgency="Past", follows=("gas",))


def polygon(ring: list[list[float]]) -> Json:
    """Build a GeoJSON Polygon of one ring."""
    return {"type": "Polygon", "coordinates": [ring]}


CLOSURE = {
    "en": StoryText(
        "Half of London's front desks close",
        "These desks close for good. Everything that you did there you can do at any other desk.",
    )
}
SMOKE = {
    "en-GB": StoryText(
        "Warehouse fire in Walworth: poisonous smoke",
        "A warehouse is burning near East Street. The smoke is harmful.",
        "Go indoors now. Shut windows and doors. Do not drive through the smoke.",
    ),
    "pl": StoryText(
        "Pożar magazynu w Walworth: trujący dym",
        "Pali się magazyn w pobliżu East Street. Dym jest szkodliwy.",
        "Wejdź teraz do budynku. Zamknij okna i drzwi. Nie jedź przez dym.",
    ),
}
SMOKE_UPDATE = {
    "en-GB": StoryText(
        "Walworth fire: the smoke has reached Bermondsey",
        "The wind has turned. The smoke now lies over Bermondsey too.",
        "Stay indoors in Walworth and Bermondsey until we tell you that it is over.",
    ),
    "pl": StoryText(
        "Pożar w Walworth: dym dotarł do Bermondsey",
        "Wiatr się zmienił. Dym jest teraz także nad Bermondsey.",
        "Zostań w budynku w Walworth i Bermondsey, dopóki nie odwołamy alarmu.",
    ),
}
SMOKE_OVER = {
    "en-GB": StoryText(
        "Walworth fire: it is over",
        "The fire is out and the air is clean.",
        "You can open windows and go out again.",
    ),
    "pl": StoryText(
        "Pożar w Walworth: koniec zagrożenia", "Pożar ugaszono, powietrze jest czyste.", "Możesz otworzyć okna."
    ),
}
BURST = {
    "en-GB": StoryText(
        "Burst water main in Stratford: no water until tonight",
        "A main has burst under the High Street. Engineers are on site.",
        "Bottled water is handed out at Stratford Park from 15:00.",
    ),
    "ur": StoryText(
        "سٹریٹفورڈ میں پانی کی مرکزی لائن پھٹ گئی",
        "ہائی سٹریٹ کے نیچے پائپ پھٹ گیا ہے۔ انجینئر موقع پر موجود ہیں۔",
        "پانی کی بوتلیں سٹریٹفورڈ پارک میں 15:00 سے ملیں گی۔",
    ),
}
GAS_CLOUD = {
    "en-GB": StoryText(
        "Gas cloud reported in Wembley",
        "A sensor reports chlorine near the stadium.",
        "Go indoors and up the stairs. Shut the windows.",
    ),
    "cy": StoryText(
        "Cwmwl nwy yn Wembley",
        "Mae synhwyrydd yn adrodd am glorin ger y stadiwm.",
        "Ewch dan do ac i fyny'r grisiau. Caewch y ffenestri.",
    ),
}
GAS_FALSE = {
    "en-GB": StoryText(
        "Wembley: there was no gas cloud", "The sensor was faulty. There was no gas.", "No need to do anything."
    ),
    "cy": StoryText("Wembley: nid oedd cwmwl nwy", "Roedd y synhwyrydd yn ddiffygiol.", "Nid oes angen gwneud dim."),
}
FESTIVAL = {
    "en": StoryText("Book week in Camden, Islington and Stoke Newington", "Readings each evening, free of charge."),
    "cy": StoryText("Wythnos lyfrau yn Camden, Islington a Stoke Newington", "Darlleniadau bob nos, am ddim."),
}
FESTIVAL_RULE: Json = {
    "all": [
        {"any": [{"place": "camden"}, {"place": "islington"}, {"touches": {"circle": BOOKS}}]},
        {"not": {"frequency": "weekly"}},
    ]
}
MARKET = {"en": StoryText("East Street market opens on Sunday", "From 09:00 to 15:00, with a repair corner.")}


def closes_on(start: datetime) -> datetime:
    """Time from which the desks are closed."""
    return start + timedelta(days=14)


# --- CAP 1.2 -----------------------------------------------------------------------------------------------------

CAP_SENDER = "duty@fire.london.example"


@dataclass(frozen=True, slots=True)
class CapSent:
    """A CAP message as sent, for references of later ones."""

    identifier: str
    sent: str
    xml: str

    @property
    def reference(self) -> str:
        """`sender,identifier,sent`."""
        return f"{CAP_SENDER},{self.identifier},{self.sent}"


def cap(telling: Telling, run: str, sent: datetime, references: list[CapSent], event: dict[str, str]) -> CapSent:
    """Write the telling as CAP 1.2 XML. `run` makes identifiers unique; `event` is CAP's event word by language.

    An all-clear is an Update with responseType AllClear. Times have a numeric offset, never Z; pairs are lat,lon.
    """
    identifier, when = f"{run}-{telling.key}", _time(sent)
    msg_type = "Update" if telling.msg_type == "AllClear" else telling.msg_type
    response = {"AllClear": "AllClear", "Cancel": "None"}.get(telling.msg_type, "Shelter")
    refs = " ".join(r.reference for r in references)
    infos = "".join(_info(telling, language, words, event, response, sent) for language, words in telling.words.items())
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">\n'
        f"  <identifier>{identifier}</identifier>\n  <sender>{CAP_SENDER}</sender>\n  <sent>{when}</sent>\n"
        f"  <status>Actual</status>\n  <msgType>{msg_type}</msgType>\n  <scope>Public</scope>\n"
        + (f"  <references>{refs}</references>\n" if refs else "")
        + infos
        + "</alert>\n"
    )
    return CapSent(identifier, when, xml)


def _info(
    telling: Telling, language: str, words: StoryText, event: dict[str, str], response: str, sent: datetime
) -> str:
    lines = [
        ("language", language),
        ("category", telling.category),
        ("event", event[language]),
        ("responseType", response),
        ("urgency", telling.urgency),
        ("severity", telling.severity),
        ("certainty", telling.certainty),
        ("expires", _time(sent + timedelta(hours=6))),
        ("senderName", "London Fire Brigade (demonstration)"),
        ("headline", words.title),
        ("description", words.body),
        ("instruction", words.instruction),
    ]
    body = "".join(f"    <{tag}>{escape(text)}</{tag}>\n" for tag, text in lines)
    return (
        f"  <info>\n{body}    <area>\n      <areaDesc>London</areaDesc>\n{_area(telling.area)}    </area>\n  </info>\n"
    )


def _area(area: Json | None) -> str:
    if area is None:
        return ""
    if "circle" in area:
        circle = area["circle"]
        return f"      <circle>{circle['lat']},{circle['lon']} {circle['radius_km']}</circle>\n"
    pairs = " ".join(f"{lat},{lon}" for lon, lat in area["coordinates"][0])
    return f"      <polygon>{pairs}</polygon>\n"


def _time(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat()
