"""History of one subscriber in words: messages, their own changes and the team's; and why a notice did not come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from alerts.kernel.events import Event, Recorded
from alerts.kernel.terms import CHANNEL_TERMS
from alerts.web.console.presenter import Presenter
from subscribers.domain import events as s
from subscribers.domain.subscriber import SubscriberState

SHOWN = {"": "All", "messages": "Messages", "theirs": "Their changes", "ours": "Ours"}
"""Choices by which the history is narrowed."""
_MOST = 100
_STATES = {
    "queued": "waits", "sending": "leaves now", "held": "is held until", "deferred": "is tried again at",
    "sent": "was sent", "delivered": "was delivered", "failed-permanent": "failed for good",
    "failed-technical": "failed for technical reasons", "expired": "was not sent: too late",
    "suppressed": "was not sent: suppressed", "superseded": "was not sent: a newer one replaced it",
    "cancelled": "was not sent: stopped",
}  # fmt: skip
_WORDS: dict[type[Event], Callable[[Any], str]] = {
    s.SubscriberRegistered: lambda e: f"Was signed up ({e.how}), confirmed at once.",
    s.SubscriptionRequested: lambda e: f"Asked to be signed up ({e.how}).",
    s.ContactPointVerified: lambda e: "Confirmed a way to reach them.",
    s.SubscriptionConfirmed: lambda e: "Confirmed: messages come from here on.",
    s.SubscriptionLapsed: lambda e: "Never confirmed, so it lapsed.",
    s.PreferencesChanged: lambda e: "Changed what they get.",
    s.SubscriptionResumed: lambda e: "Ended the pause.",
    s.ContactPointAdded: lambda e: f"Added a way: {CHANNEL_TERMS[e.channel].label}.",
    s.DeviceAnnounced: lambda e: "Was told of a new device.",
    s.FreshLinkRequested: lambda e: f"Asked for a link to their own page, by {CHANNEL_TERMS[e.channel].label}.",
    s.ContactTestRequested: lambda e: "Asked for a test.",
    s.YearlyMailDue: lambda e: "Had nothing for a year: the yearly e-mail was due.",
    s.FollowRequested: lambda e: "Asked to follow one notice.",
    s.ActedOnBehalf: lambda e: f"Agreed: “{e.agreed}”." if e.agreed else "Agreed.",
    s.SubscriberLookedUp: lambda e: f"Was looked up: “{e.reason}”." if e.reason else "Was looked up.",
    s.ContactPointRemoved: lambda e: f"A way was removed: {e.reason}.",
    s.ContactPointSuppressed: lambda e: f"A way is sent nothing any more: {e.reason}.",
    s.SuppressionLifted: lambda e: f"A suppression was lifted: {e.reason}.",
    s.ConsentGiven: lambda e: "Agreed once more.",
    s.ConsentWithdrawn: lambda e: "Withdrew the consent.",
    s.SubscriptionEnded: lambda e: f"Ended: {e.reason}.",
}
_TEAM = ("person:", "key:", "operator:")


class HistoryEntry(NamedTuple):
    """Entry of a history: its time, kind (`messages`, `theirs`, `ours`), words, author, and the notice it is about."""

    at: datetime
    kind: str
    words: str
    by: str = ""
    notice: str = ""
    title: str = ""


def history(presenter: Presenter, state: SubscriberState, events: list[Recorded], show: str) -> list[dict[str, Any]]:
    """Return the latest entries of a person's history, the newest first. Blocks."""
    found = [*_messages(presenter, state), *(_entry(presenter, one) for one in events)]
    wanted = sorted((one for one in found if show not in SHOWN or show in ("", one.kind)), key=lambda one: one.at)
    return [{**one._asdict(), "at": presenter.time(one.at)} for one in reversed(wanted[-_MOST:])]


def why_not(presenter: Presenter, notice: UUID, subscriber: UUID) -> dict[str, Any] | None:
    """Return the rules of a notice one by one for a person, those that failed first. Blocks."""
    found = presenter.services.explainer.why_not(notice, subscriber)
    if found is None:
        return None
    checks = [{"holds": c.holds, "detail": f"{c.detail[:1].upper()}{c.detail[1:]}."} for c in found.checks]
    failed = next((c for c in found.checks if not c.holds), None)
    say = spoken(failed.rule, failed.detail) if failed is not None and not found.due else ""
    return {"due": found.due, "say": say, "checks": sorted(checks, key=lambda check: bool(check["holds"]))}


def spoken(rule: str, detail: str) -> str:
    """Sentence to say on the phone about the first rule that did not hold."""
    begin = {
        "subscription": "You were not signed up then",
        "place": "It was not about a place of yours",
        "pause": "You had paused your alerts then",
        "topic": "It was about something that you did not ask for",
        "severity": "You asked for more serious ones only",
        "contact points": "We had no working way to reach you",
        "audience": "It was for a certain group of people",
    }.get(rule, "It was not for you")
    return f"{begin}: {detail}. Shall we change that?"


def _messages(presenter: Presenter, state: SubscriberState) -> list[HistoryEntry]:
    """List the messages to a person with what became of each."""
    services = presenter.services
    found = []
    numbers = [contact.number for contact in state.contacts]
    for row in services.dispatch.deliveries(contacts=numbers, limit=_MOST).items if numbers else ():
        notice = services.views.notice_by_number(row.notice)
        at = row.last_at or (notice.issued_at if notice is not None else None)
        if at is None:
            continue
        became = _STATES.get(row.state, row.state)
        if row.due_at is not None and row.state in ("held", "deferred"):
            became = f"{became} {presenter.time(row.due_at)}"
        words = f"{CHANNEL_TERMS[row.channel].label} {became}{f': {row.reason}' if row.reason else ''}."
        if notice is None:
            found.append(HistoryEntry(at, "messages", f"About the subscription itself. {words}"))
        else:
            title = cast(str, presenter.card(notice)["title"])
            found.append(HistoryEntry(at, "messages", words, "", str(notice.id), title))
    return found


def _entry(presenter: Presenter, recorded: Recorded) -> HistoryEntry:
    """Format an event of the person's stream."""
    event = recorded.event
    if isinstance(event, s.SubscriptionPaused):
        words = f"Paused until {presenter.time(event.until)}."
    else:
        say = _WORDS.get(type(event))
        words = say(event) if say is not None else f"{event.topic()}."
    ours = recorded.by.startswith(_TEAM)
    return HistoryEntry(recorded.at, "ours" if ours else "theirs", words, presenter.who(recorded.by) if ours else "")
