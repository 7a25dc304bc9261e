"""Layout of print batches as PDF: one page a person for letters, one table for calls.

Needs the system libraries of WeasyPrint (Pango); without them there are words instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts.channels import pdf
from alerts.channels.i18n import Translator, direction, translator
from alerts.channels.layouts import Layouts
from alerts.channels.letter import LetterPage
from alerts.kernel.errors import Unavailable

MISSING = (
    "PDFs cannot be made on this machine: the libraries of WeasyPrint are missing. Install Pango "
    "(Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0), then try again."
)


class PrintedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Page of a reader with their address."""

    to: str
    delivery: str
    page: LetterPage
    urgent: bool = False
    remark: str = ""
    """Why a text to this number failed, "" if none was sent."""


def letters(pages: Sequence[PrintedPage], layouts: Layouts, at: datetime, timezone: str, default: str) -> bytes:
    """Lay out letters: large type, the address where a window envelope shows it. Raises Unavailable. Blocks."""
    shown = [_letter(page, at, timezone, default) for page in pages]
    return _pdf(layouts, "print/letters.html", {"letters": shown, "sender": layouts.sender_name})


def calls(pages: Sequence[PrintedPage], layouts: Layouts, at: datetime, timezone: str, default: str) -> bytes:
    """Lay out a call list: number, language, words to read out, and boxes to tick. Raises Unavailable. Blocks."""
    t = translator(default, default)
    rows = [
        {
            "to": page.to,
            "urgent": page.urgent,
            "remark": page.remark,
            **_shared(page, translator(page.page.lang, default)),
        }
        for page in pages
    ]
    context = {"rows": rows, "frame": t, "sender": layouts.sender_name, "at": t.time(at, timezone)}
    return _pdf(layouts, "print/calls.html", context)


def _letter(page: PrintedPage, at: datetime, timezone: str, default: str) -> dict[str, Any]:
    t = translator(page.page.lang, default)
    address: dict[str, Any] = msgspec.json.decode(page.to)
    return {"name": address["name"], "lines": address["lines"], "day": t.day(at, timezone), **_shared(page, t)}


def _shared(page: PrintedPage, t: Translator) -> dict[str, Any]:
    return {
        "frame": t,
        "language": t.name,
        "parts": page.page.parts,
        "because": page.page.because,
        "relay": page.page.relay,
        "sender": page.page.sender,
        "delivery": page.delivery,
        "direction": direction(page.page.lang),
    }


def _pdf(layouts: Layouts, layout: str, context: dict[str, Any]) -> bytes:
    text = layouts.html.get_template(layout).render(context)
    try:
        return pdf.draw(text)
    except (ImportError, OSError) as error:
        raise Unavailable(MISSING) from error
