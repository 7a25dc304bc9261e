"""Merge of two people's changes to one draft: each field on its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from alerts.web.console.notice_form import WORDS, NoticeForm

_PLAIN = ("kind", "status", "severity", "urgency", "certainty", "topic", "channels", "area", "organisation")
_LABELS = {
    "kind": "Kind",
    "status": "Real or drill",
    "area": "Area",
    "organisation": "In whose name",
    "channels": "Ways",
    "ends": "End",
    "title": "Title",
    "instruction": "What to do",
    "body": "What is happening",
    "sms": "Text message",
}


class Collision(NamedTuple):
    """Field that both changed. `theirs`: the other's value in words."""

    name: str
    label: str
    theirs: str


def merge(base: NoticeForm, mine: NoticeForm, theirs: NoticeForm) -> tuple[NoticeForm, list[Collision]]:
    """Merge what two people made of one draft: where both changed a field, mine stays and is named as a collision."""
    merged, collisions = deepcopy(mine), []
    for name in _names(base, mine, theirs):
        before, own, other = _get(base, name), _get(mine, name), _get(theirs, name)
        if own == other or other == before:
            continue
        if own == before:
            _set(merged, name, other)
        else:
            collisions.append(Collision(name, label_of(name), _words(other)))
    return merged, collisions


def take(form: NoticeForm, theirs: NoticeForm, names: tuple[str, ...]) -> None:
    """Put the other's values of some fields into a form; unknown names are passed over."""
    for name in set(names) & set(_names(form, theirs)):
        _set(form, name, _get(theirs, name))


def taken(mine: NoticeForm, merged: NoticeForm) -> dict[str, Any]:
    """Return what a merge put into a form, by the name of the page's field; of the area only that it changed."""
    found: dict[str, Any] = {}
    for name in _names(mine, merged):
        value = _get(merged, name)
        if value == _get(mine, name):
            continue
        if name == "ends":
            found["ends-day"], found["ends-time"], found["ends-which"] = value
        else:
            found["channel" if name == "channels" else name] = True if name == "area" else value
    return found


def _names(*forms: NoticeForm) -> Iterator[str]:
    yield from _PLAIN
    yield "ends"
    for tag in sorted({tag for form in forms for tag in form.words}):
        yield from (f"{name}-{tag}" for name in WORDS)


def _get(form: NoticeForm, name: str) -> Any:
    if name == "ends":
        return form.ends_day, form.ends_time, form.ends_which
    field, _, tag = name.partition("-")
    return form.words.get(tag, {}).get(field, "") if tag else getattr(form, name)


def _set(form: NoticeForm, name: str, value: Any) -> None:
    field, _, tag = name.partition("-")
    if name == "ends":
        form.ends_day, form.ends_time, form.ends_which = value
    elif tag:
        form.words.setdefault(tag, dict.fromkeys(WORDS, ""))[field] = value
    else:
        setattr(form, name, deepcopy(value))


def label_of(name: str, language: Callable[[str], str] = str) -> str:
    """Return the label of a field; `language` names the language of its words."""
    field, _, tag = name.partition("-")
    label = _LABELS.get(field, field.capitalize())
    return f"{label} ({language(tag)})" if tag else label


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(str(one) for one in value if one) or "nothing"
    if isinstance(value, list):
        return f"{len(value)} {'part' if len(value) == 1 else 'parts'}"
    return str(value) or "nothing"
