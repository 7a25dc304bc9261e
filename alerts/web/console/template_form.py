"""Form of a message template: fields to its text and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from alerts.channels.i18n import LANGUAGES
from alerts.domain.events import Blank, Content, TemplateText
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.terms import CHANNELS
from alerts.kernel.texts import without_forbidden
from alerts.web.console.notice_form import CERTAINTIES, KINDS, SEVERITIES, URGENCIES, WORDS
from alerts.web.public.forms import FormErrors, FormFields

BLANK_KINDS = (("text", "Words"), ("place", "A place"), ("time", "A time"), ("number", "A number"))
CORRECTION = {"correction-title": "title", "correction-text": "instruction"}
"""Fields of the correction, and the content's field that each fills."""
SPARE = 3
"""Empty rows offered for further blanks."""
_MOST_BLANKS = 60
_LONGEST = 25_000


@dataclass(slots=True)
class TemplateForm:
    """Typed values of a template, as they go back into the fields."""

    name: str = ""
    slug: str = ""
    kind: str = "alert"
    severity: str = "Severe"
    urgency: str = "Immediate"
    certainty: str = "Observed"
    topic: str = ""
    channels: tuple[str, ...] = CHANNELS
    blanks: list[tuple[str, str]] = field(default_factory=list)
    """Name and kind."""
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    reason: str = ""
    """Why it is taken out of use."""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Rows of the blanks, with empty ones at the end."""
        return [*self.blanks, *[("", "text")] * SPARE]


def new_form(language: str) -> TemplateForm:
    """Return the form of a new template."""
    return TemplateForm(words={language: _nothing()})


def of_text(text: TemplateText, language: str) -> TemplateForm:
    """Return the form that shows a text."""
    form = TemplateForm(
        name=text.name,
        kind=text.kind,
        severity=text.severity,
        urgency=text.urgency,
        certainty=text.certainty,
        topic=text.topic or "",
        channels=text.channels,
        blanks=[(blank.name, blank.kind) for blank in text.blanks],
    )
    for tag in dict.fromkeys((*text.content, *text.corrections)):
        words, correction = text.content.get(tag, Content(title="")), text.corrections.get(tag, Content(title=""))
        form.words[tag] = {name: getattr(words, name) for name in WORDS}
        form.words[tag] |= {name: getattr(correction, of) for name, of in CORRECTION.items()}
    form.words = form.words or {language: _nothing()}
    return form


def parse(fields: FormFields, language: str) -> TemplateForm:
    """Parse a submitted form."""
    form = TemplateForm(
        name=fields.line("name"),
        slug=fields.line("slug"),
        kind=fields.one_of("kind", KINDS, "alert"),
        severity=fields.one_of("severity", SEVERITIES, "Unknown"),
        urgency=fields.one_of("urgency", URGENCIES, "Unknown"),
        certainty=fields.one_of("certainty", CERTAINTIES, "Unknown"),
        topic=fields.line("topic"),
        channels=tuple(channel for channel in CHANNELS if channel in fields.all("channel")),
        reason=fields.text("reason", _LONGEST),
    )
    kinds = tuple(kind for kind, _ in BLANK_KINDS)
    for number in range(_MOST_BLANKS):
        name = fields.line(f"blank-name-{number}").removeprefix("[").removesuffix("]").strip()
        if name:
            form.blanks.append((name, fields.one_of(f"blank-kind-{number}", kinds, "text")))
    tags = [tag for tag in fields.all("language") if tag in LANGUAGES] or [language]
    for tag in tags:
        form.words[tag] = {
            name: without_forbidden(fields.text(f"{name}-{tag}", _LONGEST)).strip() for name in _nothing()
        }
    add_language(form, fields.line("add-language"))
    return form


def add_language(form: TemplateForm, tag: str) -> None:
    """Offer fields for a language; an unknown one is passed over."""
    if tag in LANGUAGES:
        form.words.setdefault(tag, _nothing())


def text_of(form: TemplateForm) -> TemplateText:
    """Return the text that a form says. An announcement has no severity."""
    alert = form.kind == "alert"
    document: dict[str, Any] = {
        "name": form.name,
        "kind": form.kind,
        "severity": form.severity if alert else "Unknown",
        "urgency": form.urgency if alert else "Unknown",
        "certainty": form.certainty if alert else "Unknown",
        "topic": form.topic or None,
        "channels": form.channels,
    }
    text = msgspec.convert(document, TemplateText)
    said = {tag: Content(**{name: words[name] for name in WORDS}) for tag, words in form.words.items()}
    corrections = {
        tag: Content(**{of: words[name] for name, of in CORRECTION.items()}) for tag, words in form.words.items()
    }
    blanks = tuple(msgspec.convert({"name": name, "kind": kind}, Blank) for name, kind in form.blanks)
    return msgspec.structs.replace(text, blanks=blanks, content=said, corrections=corrections)


def differs(form: TemplateForm, text: TemplateText) -> bool:
    """True if a form says something other than a text: words were typed that are not saved."""
    return _said(text_of(form)) != _said(text)


def _said(text: TemplateText) -> TemplateText:
    """Return a text without empty words, in one order."""
    nothing = Content(title="")
    return msgspec.structs.replace(
        text,
        channels=tuple(sorted(text.channels)),
        content={tag: said for tag, said in text.content.items() if said != nothing},
        corrections={tag: said for tag, said in text.corrections.items() if said != nothing},
    )


def errors_of(error: DomainError, language: str) -> FormErrors:
    """Errors of a command at the form's fields."""
    errors = FormErrors()
    for one in error.errors if isinstance(error, Invalid) else ():
        errors.add(_field(one.field, language), one.message)
    if not errors:
        errors.add("name", error.message)
    return errors


def _field(path: str, language: str) -> str:
    """Return the form's field of a path: `corrections.en.instruction` is `correction-text-en`."""
    first, *more = path.split(".")
    if first == "content" and not more:
        return f"title-{language}"
    if first == "content" and len(more) == 2:
        return f"{more[1]}-{more[0]}"
    if first == "corrections" and len(more) == 2:
        return f"correction-{'title' if more[1] == 'title' else 'text'}-{more[0]}"
    if first == "blanks":
        return f"blank-name-{more[0] if more else 0}"
    return {"channels": "channel", "slug": "slug", "topic": "topic", "reason": "reason"}.get(first, "name")


def _nothing() -> dict[str, str]:
    return dict.fromkeys((*WORDS, *CORRECTION), "")
