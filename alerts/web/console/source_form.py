"""Form of a source: its policy as a word or as the JSON of a policy file, its mapping, and a sample."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from alerts.domain.events import Policy
from alerts.domain.reference_data import SourceState
from alerts.intake import strict_json
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.terms import PolicyAnswer
from alerts.web.public.forms import FormErrors, FormFields

FINER = "finer"
POLICIES: tuple[tuple[str, str, str], ...] = (
    ("record", "Record only", "It is in the log and in the list of incidents. Nobody is told."),
    ("draft", "Draft a notice", "A person checks it and sends it."),
    ("issue", "Send at once", "Residents are told without a person having looked."),
    (FINER, "Finer rules", "By kind, severity and area, as JSON below."),
)
_DOES = {"record": "records only", "draft": "drafts for a person", "issue": "sends at once"}
_LONGEST = 50_000
_FIELDS = ("name", "kind", "policy", "mapping")


@dataclass(slots=True)
class SourceForm:
    """Typed values of a source, as they go back into the fields."""

    name: str = ""
    kind: str = "standard-webhook"
    policy: str = "draft"
    organisation: str = ""
    rules: str = ""
    mapping: str = ""
    sample: str = ""

    @classmethod
    def of(cls, fields: FormFields) -> SourceForm:
        """Read a submitted form."""
        words = (*get_args(PolicyAnswer), FINER)
        return cls(
            name=fields.line("name")[:200],
            kind=fields.line("kind"),
            policy=fields.one_of("policy", words, ""),
            organisation=fields.line("organisation")[:200],
            rules=fields.text("rules", _LONGEST).strip(),
            mapping=fields.text("mapping", _LONGEST).strip(),
            sample=fields.text("sample", _LONGEST).strip(),
        )

    @classmethod
    def of_source(cls, source: SourceState) -> SourceForm:
        """Return the form that shows a source."""
        finer = bool(source.policy.rules)
        return cls(
            name=source.name,
            kind=source.kind,
            policy=FINER if finer else source.policy.default,
            organisation=source.policy.organisation or "",
            rules=_written(replace(source.policy, organisation=None)) if finer else "",
            mapping=_written(source.mapping) if source.mapping is not None else "",
        )

    def read(self, errors: FormErrors) -> tuple[Any, dict[str, Any] | None]:
        """Return policy and mapping as the commands take them, with the errors of what cannot be read."""
        policy: Any = self.policy
        if not policy:
            errors.add("policy", "Choose what it may do by itself.")
        elif policy == FINER:
            policy = _object(self.rules, "rules", errors)
            if policy is not None:
                policy = {**policy, "organisation": self.organisation or policy.get("organisation")}
        else:
            policy = {"default": policy, "organisation": self.organisation or None}
        mapping = _object(self.mapping, "mapping", errors) if self.kind == "json" else None
        return policy, mapping


def policy_words(policy: Policy) -> str:
    """Say in a sentence what a policy allows."""
    words = []
    for rule in policy.rules:
        about = [
            f"kind {' or '.join(rule.kinds)}" if rule.kinds is not None else "",
            f"severity {' or '.join(rule.severities)}" if rule.severities is not None else "",
            _area_words(rule.areas) if rule.areas is not None else "",
        ]
        case = ", ".join(filter(None, about)) or "all"
        words.append(f"{case}: {_DOES[rule.then]}")
    rest = _DOES[policy.default]
    return "; ".join([*words, f"all else: {rest}"]) if words else rest.capitalize()


def errors_of(error: DomainError, errors: FormErrors, otherwise: str) -> None:
    """Show a command's errors at the fields of the form."""
    found = error.errors if isinstance(error, Invalid) else ()
    for one in found:
        field = one.field.partition(".")[0]
        words = one.message if one.field in _FIELDS else f"{one.field}: {one.message}"
        errors.add(field if field in _FIELDS else otherwise, words)
    if not found:
        errors.add(otherwise, error.message)


def _area_words(areas: Any) -> str:
    places = [str(part["place"]) for part in areas if "place" in part]
    drawn = len(areas) - len(places)
    return "wholly within " + ", ".join([*places, *([f"{drawn} drawn areas"] if drawn else [])])


def _object(text: str, field: str, errors: FormErrors) -> dict[str, Any] | None:
    """Parse a JSON object that was typed; an error says where it breaks."""
    if not text:
        errors.add(field, 'Paste it as JSON, such as {"…": …}.')
        return None
    if len(text) >= _LONGEST:
        errors.add(field, f"Shorten it to {_LONGEST:,} characters.")
        return None
    try:
        value = strict_json.parse(text.encode())
    except DomainError as error:
        words = error.message.removeprefix("the body is not JSON: ")
        errors.add(field, f"This is not JSON: {words}.")
        return None
    if not isinstance(value, dict):
        errors.add(field, 'This is no object: write {"…": …}.')
        return None
    return value


def _written(value: Any) -> str:
    return json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False)
