"""Messages that answer one person: to HELP by text, and to a member of the team whose webhook was switched off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import parseaddr
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from alerts.channels import markdown, sms
from alerts.channels.email import Envelope, Parts, PreparedEmail, Values
from alerts.channels.i18n import translator
from alerts.channels.merge_fields import without_marks
from alerts.channels.message import Message
from alerts.channels.renderer import environment
from alerts.channels.severity_style import STYLES


class WebhookOff(msgspec.Struct, frozen=True, kw_only=True):
    """An outgoing webhook that was switched off after days of failure."""

    id: UUID
    url: str
    reason: str
    position: int
    """The log position behind which nothing was posted."""

    @property
    def shown(self) -> str:
        """Where it was posted to, without what the address may carry beside: a user, a token in the query."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        where = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{where}{f':{parts.port}' if parts.port else ''}{parts.path}"


class Answers:
    """Writes them. Holds the layouts and nothing else; safe to share between threads.

    `sender` is `Name <address>`; `clock` dates what is written.
    """

    def __init__(self, *, sender: str, clock: Callable[[], datetime], default_language: str = "en") -> None:
        self._sender, self._clock, self._default = sender, clock, default_language
        self._name = parseaddr(sender)[0] or parseaddr(sender)[1]
        self._layouts, self._plain = environment(), environment(autoescape=False)

    def help(self, language: str, to: str, delivery: str, url: str) -> Message:
        """Who we are, how to stop, and where to read more: the text that answers HELP."""
        words = translator(language, self._default).text("help", "sms", url=url)
        return sms.prepare(head=f"{self._name}: {words}", words="", tail="", stop="").message(delivery=delivery, to=to)

    def webhook_off(self, language: str, to: str, delivery: str, webhooks: Sequence[WebhookOff]) -> Message:
        """Which webhooks nothing is posted to any more, why, and how to go on."""
        speech = translator(language, self._default)
        title = speech.text("webhook_off", "subject")
        items = [
            {"id": w.id, "url": without_marks(w.shown), "reason": without_marks(w.reason), "position": w.position}
            for w in webhooks
        ]
        context = {"title": title, "preview": "", "tone": STYLES["moderate"], "items": items, "frame": speech}
        envelope = Envelope(title, self._sender, speech.tag, self._clock(), bulk=False)

        def render(_: str) -> Parts:
            return Parts(
                text=self._plain.get_template("email/webhook_off.txt").render({**context, "wrap": markdown.wrap}),
                html=self._layouts.get_template("email/webhook_off.html").render(context),
            )

        return PreparedEmail(envelope, render).message(
            delivery=delivery, to=to, stop_url="", variant="", values=Values({}, {})
        )
