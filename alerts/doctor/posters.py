"""Check of what draws posters (PDF)."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.channels.pdf import is_available
from alerts.doctor.finding import Finding
from alerts.settings import Settings

_MEND = "install Pango (Debian: libpango-1.0-0 libpangoft2-1.0-0); until then /alerts/ID.pdf answers 503"


def posters(settings: Settings) -> Iterator[Finding]:
    """Check that WeasyPrint finds its system libraries."""
    if is_available():
        yield Finding("ok", "posters", "can be drawn")
    else:
        yield Finding("warning", "posters", "the system libraries that draw PDF are missing", _MEND)
