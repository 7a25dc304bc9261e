"""Issuing organisations as residents read of them: names, and lines of consent."""

from __future__ import annotations

import hashlib

from alerts.channels.i18n import Translator
from alerts.kernel.languages import choose
from alerts.services import Services


def names(services: Services, t: Translator) -> list[str]:
    """Name the organisations in the reader's language. Blocks."""
    default = services.settings.default_language
    return [one.named(t.tag, default) for one in services.views.organisations()]


def consent_lines(services: Services, t: Translator) -> list[str]:
    """Return each organisation's consent line in the reader's language. Blocks."""
    default = services.settings.default_language
    return [
        choose(one.consent, t.tag, default)[1]
        if one.consent
        else t.text("sign_up", "may_write", name=one.named(t.tag, default))
        for one in services.views.organisations()
    ]


def wording(consent: str, lines: list[str]) -> str:
    """Return all that a resident agrees to by ticking the box, as it is recorded."""
    return "\n".join((consent, *lines))


def mark(lines: list[str]) -> str:
    """Return the mark of the lines that a form showed, so that other ones are not agreed to unseen; "" for none."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""
