"""Judge: compares what arrived with the oracle's expectation, delivery by delivery and message by message."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from alerts.demo.named import BUSY, GONE, LEAVER
from alerts.demo.oracle import HELD, REFUSED, SENT, Contact, Expected, Oracle
from alerts.demo.residents import Resident
from alerts.demo.story import Telling

Json = dict[str, Any]
ARRIVED = ("sent", "delivered")
REPLACED = ("superseded", "cancelled")
"""Possible states of a held message once its thread has continued."""
_STROKES = str.maketrans("łŁ", "lL")


@dataclass(slots=True)
class Arrived:
    """Actual results of one notice, from the API and the inbox."""

    progress: Json
    """Answer of GET /notices/{id}/dispatch."""
    deliveries: dict[Contact, Json] = field(default_factory=dict)
    """Items of GET /deliveries by contact point, with `attempts`."""
    messages: dict[Contact, list[Json]] = field(default_factory=dict)
    """Items of the inbox by contact point."""


@dataclass(slots=True)
class Verdict:
    """Result of one notice, with every difference in words."""

    telling: Telling
    expected: Expected
    arrived: Arrived
    lost: list[str] = field(default_factory=list)
    """Expected but missing."""
    ghost: list[str] = field(default_factory=list)
    """Present but not expected."""
    wrong: list[str] = field(default_factory=list)
    """Expected and present, but incorrect."""
    copies: int = 0
    """Number of messages beyond the first to a contact point."""

    @property
    def differences(self) -> list[str]:
        """All differences, prefixed by the notice's key."""
        kinds = (("lost", self.lost), ("ghost", self.ghost), ("wrong", self.wrong))
        return [f"{self.telling.key}: {kind}: {what}" for kind, found in kinds for what in found]


def judge(
    telling: Telling, expected: Expected, arrived: Arrived, people: dict[str, Resident], *, kills: int, followed: bool
) -> Verdict:
    """Compare one notice. `followed`: a later notice of its thread was issued; `kills`: number of server kills."""
    verdict = Verdict(telling, expected, arrived)
    for contact, state in expected.must.items():
        _due(verdict, contact, state, people, kills=kills, followed=followed)
    for contact, state in expected.may.items():
        if contact in arrived.deliveries:
            _due(verdict, contact, state, people, kills=kills, followed=followed)
    allowed = expected.must.keys() | expected.may.keys()
    verdict.ghost += [f"{_named(c)}: a delivery" for c in arrived.deliveries.keys() - allowed]
    verdict.ghost += [f"{_named(c)}: a message" for c in arrived.messages.keys() - allowed]
    if not telling.follows:
        _count(verdict, "people", expected.people, expected.maybe_people)
        _count(verdict, "unreachable", expected.unreachable, expected.maybe_people)
    return verdict


def _due(
    verdict: Verdict, contact: Contact, state: str, people: dict[str, Resident], *, kills: int, followed: bool
) -> None:
    delivery = verdict.arrived.deliveries.get(contact)
    messages = verdict.arrived.messages.get(contact, [])
    verdict.copies += max(0, len(messages) - 1)
    if delivery is None:
        verdict.lost.append(f"{_named(contact)}: no delivery")
        return
    allowed = ARRIVED if state == SENT else REPLACED if state == HELD and followed else (state,)
    if delivery["state"] not in allowed:
        verdict.wrong.append(f"{_named(contact)}: {delivery['state']} ({delivery['reason']}), expected {state}")
    if state != SENT and messages:
        verdict.ghost.append(f"{_named(contact)}: a message though {state}")
    if state != SENT:
        return
    if not messages:
        verdict.lost.append(f"{_named(contact)}: no message in the inbox")
    if len(messages) > 1 + kills:
        verdict.wrong.append(f"{_named(contact)}: {len(messages)} copies after {kills} kills")
    if {m["delivery"] for m in messages} - {delivery["id"]}:
        verdict.wrong.append(f"{_named(contact)}: copies under several identities")
    for message in messages[:1]:
        _read(verdict, contact, message, delivery["id"], people[contact[0]])


def _without_marks(text: str) -> str:
    """A text in the base letters that a text message may be written in."""
    apart = unicodedata.normalize("NFD", text.translate(_STROKES))
    return "".join(char for char in apart if not unicodedata.combining(char))


def _read(verdict: Verdict, contact: Contact, message: Json, delivery: str, person: Resident) -> None:
    """Check the message: its identity, and its words in the reader's language."""
    title = title_for(verdict.telling, person.body["language"])
    text = " ".join(message["text"].split())
    if contact[1] == "push":
        payload = json.loads(message["text"] or "{}")
        text = payload.get("title", "")
        if payload.get("id") != delivery:
            verdict.wrong.append(f"{_named(contact)}: its payload's id is not its delivery's id")
    elif contact[1] == "email":
        raw = message["raw"]
        if f"<{delivery}@" not in raw.split("\r\n\r\n" if "\r\n\r\n" in raw else "\n\n", 1)[0]:
            verdict.wrong.append(f"{_named(contact)}: its Message-ID is not its delivery's id")
    else:
        title = title[:40]  # a text message may cut a long title
        if title not in text:
            title = _without_marks(title)  # and may leave out a letter's marks, as texts in Polish do
    if title not in text:
        verdict.wrong.append(
            f"{_named(contact)}: the words are not those for {person.body['language']}: {text[:120]!r}"
        )


def title_for(telling: Telling, language: str) -> str:
    """Title in the reader's language by RULES 20: exact tag, primary subtag, default language, first given."""
    words = telling.words
    for wanted in (language, "en"):
        for tag in words:
            if tag == wanted or tag.split("-")[0] == wanted.split("-")[0]:
                return words[tag].title
    return next(iter(words.values())).title


def judge_alternatives(verdict: Verdict, oracle: Oracle, people: dict[str, Resident]) -> int:
    """Check RULES 12: each e-mail names the reader's three nearest remaining desks, in order, with the distance.

    Returns the number of messages compared; differences are added to the verdict.
    """
    compared = 0
    for contact, messages in verdict.arrived.messages.items():
        person = people[contact[0]]
        near = oracle.alternatives(person) if contact[1] == "email" else None
        if not near:
            continue
        text = " ".join(messages[0]["text"].split())
        found = [text.find(f"{name}{comma}") for name, _ in near for comma in (", ", "، ") if f"{name}{comma}" in text]
        if len(found) < len(near) or found != sorted(found):
            verdict.wrong.append(
                f"{_named(contact)}: expected the desks {', '.join(n for n, _ in near)}, in that order"
            )
        elif person.body["language"] == "en":
            _distances(verdict, contact, near, text)
        compared += 1
    return compared


def _distances(verdict: Verdict, contact: Contact, near: Iterable[tuple[str, float]], text: str) -> None:
    for name, metres in near:
        said = re.search(re.escape(name) + r", ([\d.]+) km", text)
        far = metres / 1000
        tolerance = 0.501 if far >= 9.9 else 0.051 if far > 0.1 else 0.101
        if said is None or abs(float(said[1]) - far) > tolerance:
            verdict.wrong.append(f"{_named(contact)}: {name} is {far:.2f} km away, the message says {said and said[1]}")


def judge_named(verdicts: dict[str, Verdict], people: Iterable[Resident]) -> list[str]:
    """Compare the named residents' predefined expectations with their results."""
    differences = []
    for person in people:
        for key, wanted in person.expects.items():
            got = outcome(verdicts[key], person)
            if got != wanted:
                differences.append(f"{person.name}, {key}: {got}, expected {wanted}")
    return differences


def outcome(verdict: Verdict, person: Resident) -> str:
    """States of a person's deliveries of a notice; `unreachable` or `-` if there is none."""
    states = {d["state"] for c, d in verdict.arrived.deliveries.items() if c[0] == person.key}
    plain = {"sent" if s in ARRIVED else s for s in states}
    if plain & set(REPLACED):
        plain = plain - set(REPLACED) | {"superseded"}
    return "/".join(sorted(plain)) or ("unreachable" if person.key in verdict.expected.unreachable else "-")


def judge_mailboxes(verdict: Verdict) -> list[str]:
    """Check step 6: one mailbox failed permanently with its reason; one was reached at the second attempt."""
    differences = []
    gone = verdict.arrived.deliveries.get((GONE, "email"), {})
    if gone.get("state") != REFUSED or "5.1.1" not in gone.get("reason", ""):
        differences.append(f"the mailbox that refuses for good: {gone.get('state')} ({gone.get('reason')})")
    busy = verdict.arrived.deliveries.get((BUSY, "email"), {})
    if busy.get("state") not in ARRIVED or len(busy.get("attempts", ())) != 2:
        differences.append(f"the busy mailbox: {busy.get('state')} after {len(busy.get('attempts', ()))} tries, not 2")
    return differences


def judge_leaver(why_not: Json) -> list[str]:
    """Check step 5: why-not says that the person has left."""
    failed = [c for c in why_not["checks"] if not c["holds"]]
    said = " ".join(f"{c['rule']} {c['detail']}" for c in failed).lower()
    if why_not["due"] or not re.search(r"ended|left|unsubscribed|one-click|removed", said):
        return [f"why-not of {LEAVER} does not say that he left: {said or 'no check failed'}"]
    return []


def tally(verdict: Verdict) -> Counter[tuple[str, str]]:
    """Count deliveries by (channel, state)."""
    return Counter((c[1], d["state"]) for c, d in verdict.arrived.deliveries.items())


def _count(verdict: Verdict, name: str, expected: set[str], either: set[str]) -> None:
    said = verdict.arrived.progress[name]
    if not len(expected) <= said <= len(expected) + len(either):
        verdict.wrong.append(f"{name}: the product says {said}, due were {len(expected)} (+ {len(either)} on an edge)")


def _named(contact: Contact) -> str:
    return f"{contact[0]} by {contact[1]}"
