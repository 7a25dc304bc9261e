"""The report form: what was typed, what it means, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.channels.i18n import Translator
from alerts.commands.reports import WHERE_MOST, WORDS_LEAST, WORDS_MOST, reach_of
from alerts.gazetteer import PlaceCandidate
from alerts.gazetteer.candidate import folded
from alerts.kernel.errors import Invalid
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from alerts.kernel.texts import without_forbidden, without_hidden

_KEY = 64
_EXACT = ("postcode", "district", "position")


@dataclass(slots=True)
class ReportForm:
    """Fields of the form as typed, without characters that nobody sees."""

    where: str = ""
    what: str = ""
    contact: str = ""
    spot: str = ""
    """Position chosen on the map, `lat, lon`; "" if none was."""
    choice: str = ""
    """The candidate that was chosen, by its words; "-" for none of them."""
    seen: str = ""
    """Fingerprint of the place for which candidates and known notices were shown."""
    key: str = ""
    """One-time key: a second press of the button is the same report."""
    find: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> ReportForm:
        """Read the fields of a form."""
        key = fields.get("key", "")
        return cls(
            where=_line(fields.get("where", "")),
            what=without_hidden(without_forbidden(fields.get("what", "").replace("\r\n", "\n"))).strip(),
            contact=_line(fields.get("contact", "")),
            spot=_line(fields.get("spot", ""))[:_KEY],
            choice=_line(fields.get("choice", "")),
            seen=fields.get("seen", "")[:_KEY],
            key=key if 0 < len(key) <= _KEY and key.isascii() and key.isprintable() else str(new_id()),
            find="find" in fields,
        )

    @property
    def mark(self) -> str:
        """Fingerprint of the place typed or chosen on the map."""
        return hashlib.sha256(f"{self.where.casefold()}{self.spot}".encode()).hexdigest()[:16]

    @property
    def digest(self) -> bytes:
        """Fingerprint of the whole report."""
        return hashlib.sha256("\x1f".join((self.key, self.where, self.spot, self.what, self.contact)).encode()).digest()

    def chosen(self, candidates: list[PlaceCandidate]) -> PlaceCandidate | None:
        """Return the candidate that is meant: the chosen one, or the only one of exactly this name."""
        named = self.named(candidates)
        if len(named) == 1 and self.choice != "-":
            return named[0]
        return next((one for one in candidates if one.words == self.choice), None)

    def named(self, candidates: list[PlaceCandidate]) -> list[PlaceCandidate]:
        """Return the candidates that are called what was typed; names that only begin so are guesses."""
        asked = folded(self.where)
        return [one for one in candidates if one.kind in _EXACT or folded(one.label) == asked]

    def check_spot(self, candidates: list[PlaceCandidate]) -> None:
        """Forget a spot that is no position, as the map's script never sends it: it would be a report from nowhere."""
        if all(one.kind != "position" for one in candidates):
            self.spot = ""

    def check_where(self, t: Translator) -> None:
        """Check the place."""
        if not self.where and not self.spot:
            self.errors["where"] = t.text("report", "e_where")
        elif len(self.where) > WHERE_MOST:
            self.errors["where"] = t.text("report", "e_long", count=t.number(len(self.where)), most=WHERE_MOST)

    def check(self, t: Translator, timezone: str) -> tuple[Channel, str] | None:
        """Check all fields; return channel and address for the answer, if there is one. Blocks."""
        self.check_where(t)
        if len(self.what) < WORDS_LEAST:
            self.errors["what"] = t.text("report", "e_what")
        elif len(self.what) > WORDS_MOST:
            count, most = t.number(len(self.what)), t.number(WORDS_MOST)
            self.errors["what"] = t.text("report", "e_long", count=count, most=most)
        try:
            return reach_of(self.contact, timezone)
        except Invalid:
            self.errors["contact"] = t.text("report", "e_contact")
            return None


def _line(text: str) -> str:
    return " ".join(without_hidden(without_forbidden(text[:2_000])).split())
