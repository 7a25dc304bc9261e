"""Messages to one person: replies to HELP and to a report, about an added device, to the team about faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from alerts.channels.email import EmailRenderer
from alerts.channels.i18n import translator
from alerts.channels.layouts import Layouts
from alerts.channels.merge_fields import without_marks
from alerts.channels.message import Message
from alerts.channels.push import PushRenderer
from alerts.channels.severity_style import STYLES
from alerts.channels.sms import SmsRenderer
from alerts.kernel.terms import Channel


class WebhookOff(msgspec.Struct, frozen=True, kw_only=True):
    """Outgoing webhook that was disabled after days of failure."""

    id: UUID
    url: str
    reason: str
    position: int
    """Log position after which nothing was posted."""

    @property
    def shown(self) -> str:
        """Target URL without user and query, which may hold a token."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        where = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{where}{f':{parts.port}' if parts.port else ''}{parts.path}"


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of a person to a resident's report."""

    receipt: str
    words: str
    url: str
    """Page of the receipt number."""


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """Line of a message to an administrator: an alarm that lasts, or one that is over."""

    words: str
    since: datetime
    over: bool


class TeamTask(NamedTuple):
    """Notice that waits for a member: `asked` for approval, `returned` or `commented`. `detail`: people, or words."""

    what: Literal["asked", "returned", "commented"]
    title: str
    who: str
    detail: str
    path: str


_TASK_STYLES = {"asked": STYLES["severe"], "returned": STYLES["moderate"], "commented": STYLES["minor"]}


class YearlySummary(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of what a person follows, in their language, with the links to change or stop it."""

    places: str
    topics: str
    preferences_url: str
    stop_url: str


class Answers:
    """Renderer of replies. Stateless except for the templates; thread-safe."""

    def __init__(self, *, sender: str, clock: Callable[[], datetime], default_language: str = "en") -> None:
        """`sender` is `Name <address>`; `clock` dates what is rendered."""
        self._default = default_language
        layouts = Layouts(sender=sender, clock=clock)
        self._email, self._sms, self._push = EmailRenderer(layouts), SmsRenderer(layouts), PushRenderer(layouts)

    def help(self, language: str, to: str, delivery: str, url: str) -> Message:
        """Reply to HELP: sender, how to stop, where to read more."""
        return self._sms.help(to, delivery, url, translator(language, self._default))

    def joined(self, language: str, to: str, delivery: str, where: str, url: str) -> Message:
        """Reply to JOIN and START: what comes from now on, and how to stop it."""
        return self._sms.joined(to, delivery, where, url, translator(language, self._default))

    def stopped(self, language: str, to: str, delivery: str) -> Message:
        """Reply to STOP: that it is done, and the way back."""
        return self._sms.stopped(to, delivery, translator(language, self._default))

    def device_added(self, channel: Channel, language: str, to: str, delivery: str, url: str) -> Message:
        """Tell that a browser was added to the person's alerts, and what to do if it was not them."""
        t = translator(language, self._default)
        if channel == "sms":
            return self._sms.device_added(to, delivery, url, t)
        if channel == "push":
            return self._push.device_added(to, delivery, url, t)
        return self._email.device_added(to, delivery, url, t)

    def fresh_link(self, channel: Channel, language: str, to: str, delivery: str, url: str) -> Message:
        """Send the link by which a person sees and changes everything, for an hour."""
        t = translator(language, self._default)
        if channel == "sms":
            return self._sms.fresh_link(to, delivery, url, t)
        if channel == "push":
            return self._push.fresh_link(to, delivery, url, t)
        return self._email.fresh_link(to, delivery, url, t)

    def test(self, channel: Channel, language: str, to: str, delivery: str, url: str) -> Message:
        """Test that a person asked for: marked TEST, and saying that nothing has happened."""
        t = translator(language, self._default)
        if channel == "sms":
            return self._sms.test(to, delivery, t)
        if channel == "push":
            return self._push.test(to, delivery, url, t)
        return self._email.test(to, delivery, url, t)

    def yearly(self, language: str, to: str, delivery: str, summary: YearlySummary) -> Message:
        """Tell a person who had no message for a year that we are still here."""
        t = translator(language, self._default)
        follows = t.text("yearly", "follows", places=summary.places, topics=summary.topics)
        return self._email.yearly(to, delivery, follows, summary.preferences_url, summary.stop_url, t)

    def confirmation_code(self, language: str, to: str, delivery: str, code: str, url: str) -> Message:
        """Request to confirm a telephone number, by a code or a link."""
        return self._sms.confirmation_code(to, delivery, code, url, translator(language, self._default))

    def confirm_follow(self, language: str, to: str, delivery: str, url: str) -> Message:
        """Request to confirm that this address follows one thread."""
        return self._email.confirm_follow(to, delivery, url, translator(language, self._default))

    def report_answer(self, channel: Channel, language: str, to: str, delivery: str, answer: ReportAnswer) -> Message:
        """Answer a report."""
        t = translator(language, self._default)
        if channel == "sms":
            return self._sms.report_answer(to, delivery, answer.receipt, answer.words, answer.url, t)
        return self._email.report_answer(to, delivery, answer.receipt, answer.words, answer.url, t)

    def webhook_off(self, language: str, to: str, delivery: str, webhooks: Sequence[WebhookOff]) -> Message:
        """List disabled webhooks, with the reasons and the way to resume them."""
        items = [
            {"id": w.id, "url": without_marks(w.shown), "reason": without_marks(w.reason), "position": w.position}
            for w in webhooks
        ]
        return self._email.webhook_off(to, delivery, items, translator(language, self._default))

    def sign_in(self, to: str, delivery: str, url: str) -> Message:
        """Send a team member the link that they asked for, in the default language."""
        return self._email.sign_in(to, delivery, url, translator(self._default, self._default))

    def invitation(self, to: str, delivery: str, url: str) -> Message:
        """Send somebody who was invited to the team their first link, in the default language."""
        return self._email.invitation(to, delivery, url, translator(self._default, self._default))

    def team_task(self, channel: Channel, to: str, delivery: str, task: TeamTask, base: str) -> Message:
        """Tell a member what waits for them, by e-mail or in a browser, in the default language."""
        t = translator(self._default, self._default)
        title, who, detail = (without_marks(one) for one in (task.title, task.who, task.detail))
        words = {
            "title": t.text("team_task", f"{task.what}_subject", title=title),
            "lead": t.text("team_task", f"{task.what}_lead", who=who, detail=detail),
            "button": t.text("team_task", f"{task.what}_button"),
        }
        if channel == "push":
            return self._push.team(to, delivery, words["title"], words["lead"], f"{base}{task.path}", t)
        style = _TASK_STYLES[task.what]
        return self._email.team_task(to, delivery, words, style, f"{base}{task.path}", t)

    def device_of_team(self, to: str, delivery: str, url: str) -> Message:
        """First notification on a member's browser, in the default language: it works."""
        t = translator(self._default, self._default)
        return self._push.team(to, delivery, t.text("team_device", "title"), t.text("team_device", "lead"), url, t)

    def alarms(
        self, channel: Channel, to: str, delivery: str, lines: Sequence[AlarmLine], url: str, *, waits: bool
    ) -> Message:
        """Tell a member what keeps messages from leaving and what is over, in the default language.

        `waits`: the lines are about what waits for a person. `url`: the console.
        """
        t = translator(self._default, self._default)
        over = all(line.over for line in lines)
        title = t.text("alarms", "subject_over" if over else "subject_waits" if waits else "subject")
        if channel == "push":
            said = [
                t.text("alarms", "line_over", words=line.words) if line.over and not over else line.words
                for line in lines
            ]
            return self._push.team(to, delivery, title, " ".join(map(without_marks, said)), url, t)
        items = [
            {"words": without_marks(line.words), "since": f"{line.since:%Y-%m-%d %H:%M:%S} UTC", "over": line.over}
            for line in lines
        ]
        return self._email.alarms(to, delivery, items, title, url, t)
