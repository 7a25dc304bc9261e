"""JSON mapping of a source: arbitrary JSON → the `data` of a known webhook type.

`{"each"?: PATH, "id": PATH, "type": WORD | {"path", "map"?}, "data": {field: {"path", "map"?} | {"template"}}}`, paths
in JMESPath (https://jmespath.org/specification.html). With `each`, which names a list, all other paths are within a
member. A template is text with `{path}` placeholders and nothing else: no code, no loops. The mapping comes from an
operator and the body from an untrusted program, so the cost of both is bounded: expressions, fields, members and the
work of one webhook.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from alerts.contract.bodies import TRIGGER_BODIES, Json
from alerts.intake.json_path import EvaluationBudget, Path, Unmapped
from alerts.kernel.errors import FieldError, Invalid

IGNORE: Final = "ignore"
"""Value of a type's map: accept the webhook without any effect."""
ELSE: Final = "*"
"""Key of a map: every other value, including a missing one."""
FIELDS, NAMES, MEMBERS = 60, 500, 500
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FORMS = '{"path": …}, {"path": …, "map": {…}} or {"template": …}'


@dataclass(frozen=True, slots=True)
class Mapped:
    """Result of a mapping. `kind`: a webhook type, or `ignore` (then without `data`)."""

    kind: str
    data: Json


@dataclass(frozen=True, slots=True)
class _Look:
    """Rule `{"path", "map"?}`."""

    path: Path
    words: Json | None

    def read(self, body: Any, field: str, work: EvaluationBudget) -> Any:
        value = self.path.search(body, work, field)
        if self.words is None:
            return value
        name = _text(value, field)
        if name in self.words:
            return self.words[name]
        if ELSE in self.words:
            return self.words[ELSE]
        if value is None:
            return None
        raise Unmapped(f'{field}: the map has no word for {name[:80]!r}; add it, or "{ELSE}" for all others')


@dataclass(frozen=True, slots=True)
class _Template:
    """Rule `{"template"}`: literal texts, and paths whose values are inserted between them."""

    pieces: tuple[str | Path, ...]

    def read(self, body: Any, field: str, work: EvaluationBudget) -> str:
        said = (p if isinstance(p, str) else _text(p.search(body, work, field), field) for p in self.pieces)
        return "".join(said)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A validated, compiled mapping."""

    id: Path
    kind: str | _Look
    fields: tuple[tuple[tuple[str, ...], _Look | _Template], ...]
    """Rules by the steps of a field's name: `content.en.title` has three."""
    each: Path | None = None
    """List whose members are mapped; None: the body as a whole."""

    def members(self, body: Any, work: EvaluationBudget) -> list[Any]:
        """Return the members of the list that `each` names. Raises Unmapped."""
        assert self.each is not None
        value = self.each.search(body, work, "each")
        if not isinstance(value, list):
            raise Unmapped(f"each: {self.each.text} gives no list here")
        if len(value) > MEMBERS:
            raise Unmapped(f"each: {self.each.text} gives {len(value)} members; at most {MEMBERS} are taken")
        return value

    def identity(self, body: Any, work: EvaluationBudget | None = None) -> str:
        """Idempotency key of a webhook or member. Raises Unmapped."""
        value = self.id.search(body, work or EvaluationBudget(), "id")
        if value is None or isinstance(value, list | dict) or value == "":
            raise Unmapped(f"id: {self.id.text} gives no text or number here, by which a repetition could be known")
        return _text(value, "id")

    def apply(self, body: Any, work: EvaluationBudget | None = None) -> Mapped:
        """Map a body or member to type and data. Raises Unmapped."""
        work = work or EvaluationBudget()
        kind = self.kind if isinstance(self.kind, str) else self.kind.read(body, "type", work)
        if kind == IGNORE:
            return Mapped(IGNORE, {})
        if not isinstance(kind, str) or kind not in TRIGGER_BODIES:
            known = ", ".join((*TRIGGER_BODIES, IGNORE))
            raise Unmapped(f"type: {_text(kind, 'type')[:80]!r} is none of {known}")
        fields = _fields_of(kind)
        data: Json = {}
        for steps, rule in self.fields:
            if steps[0] in fields and (value := rule.read(body, f"data.{'.'.join(steps)}", work)) is not None:
                _put(data, steps, value)
        return Mapped(kind, data)

    def not_found(self, body: Any) -> list[str]:
        """Say which paths find nothing in a body or member: their fields are left out. For a trial."""
        work, kind = EvaluationBudget(), ""
        with suppress(Unmapped):
            kind = self.apply(body, work).kind
        if kind not in TRIGGER_BODIES:
            return []
        fields, found = _fields_of(kind), []
        for steps, rule in self.fields:
            if steps[0] not in fields or not isinstance(rule, _Look):
                continue
            with suppress(Unmapped):
                if rule.read(body, steps[0], EvaluationBudget()) is None:
                    lacks = "has no coordinates" if steps[0] == "area" else "gives nothing here"
                    found.append(f"{rule.path.text} {lacks}: {'.'.join(steps)} is left out.")
        return found


@lru_cache(maxsize=64)
def _compiled(raw: bytes) -> Mapping:
    return read_mapping(msgspec.json.decode(raw))


def mapping_of(raw: Json) -> Mapping:
    """Compile a source's stored mapping; cached."""
    return _compiled(msgspec.json.encode(raw))


def read_mapping(raw: Any) -> Mapping:
    """Parse and validate a mapping. Raises Invalid with every error, by path."""
    if not isinstance(raw, dict):
        raise Invalid.field("mapping", 'A mapping is an object: {"id": …, "type": …, "data": {…}}.')
    faults: list[FieldError] = []
    unknown = sorted(set(raw) - {"each", "id", "type", "data"})
    if unknown:
        faults.append(FieldError("mapping", f"A mapping has each, id, type and data, not {', '.join(unknown)[:200]}."))
    identity = _try(faults, "mapping.id", lambda: _path(raw.get("id")))
    kind = _try(faults, "mapping.type", lambda: _kind(raw.get("type")))
    each = _try(faults, "mapping.each", lambda: _path(raw["each"])) if "each" in raw else None
    fields = _rules(raw.get("data"), kind, faults)
    if faults or identity is None or kind is None:
        raise Invalid("The mapping cannot be used: " + " ".join(f"{f.field}: {f.message}" for f in faults[:5]), faults)
    return Mapping(identity, kind, fields, each)


# --- parsing a mapping


def _try(faults: list[FieldError], field: str, read: Any) -> Any:
    try:
        return read()
    except ValueError as error:
        faults.append(FieldError(field, str(error)))
        return None


def _path(text: Any) -> Path:
    if not isinstance(text, str):
        raise ValueError("This is a path in JMESPath, as a text.")
    return Path.of(text)


def _kind(raw: Any) -> str | _Look:
    if isinstance(raw, str):
        if raw not in TRIGGER_BODIES:
            raise ValueError(f"{raw[:80]!r} is no type; known are {', '.join(TRIGGER_BODIES)}.")
        return raw
    look = _rule(raw)
    if not isinstance(look, _Look):
        raise ValueError('This is one of the types, or {"path": …, "map": {…}}.')
    words = (*TRIGGER_BODIES, IGNORE)
    if look.words is not None and not all(isinstance(w, str) and w in words for w in look.words.values()):
        raise ValueError(f"Its map may say {', '.join(words)}.")
    return look


def _rules(
    raw: Any, kind: str | _Look | None, faults: list[FieldError]
) -> tuple[tuple[tuple[str, ...], _Look | _Template], ...]:
    if not isinstance(raw, dict) or len(raw) > FIELDS:
        faults.append(FieldError("mapping.data", f"This is an object of at most {FIELDS} fields, each {_FORMS}."))
        return ()
    known = _known(kind)
    found = []
    for name, rule in raw.items():
        field, steps = f"mapping.data.{name[:80]}", tuple(name.split("."))
        if steps[0] not in known:
            faults.append(FieldError(field, f"unknown field; known are {', '.join(sorted(known))}"))
        elif (read := _try(faults, field, lambda rule=rule: _rule(rule))) is not None:
            found.append((steps, read))
    return tuple(found)


def _known(kind: str | _Look | None) -> set[str]:
    """Field names of all types that the mapping may produce."""
    if isinstance(kind, str):
        kinds = {kind}
    else:
        said = kind.words.values() if kind is not None and kind.words is not None else TRIGGER_BODIES
        kinds = {str(word) for word in said} - {IGNORE}
    return {field for one in kinds & set(TRIGGER_BODIES) for field in _fields_of(one)}


def _fields_of(kind: str) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(TRIGGER_BODIES[kind]))


def _rule(raw: Any) -> _Look | _Template:
    if isinstance(raw, dict) and set(raw) == {"template"} and isinstance(raw["template"], str):
        return _Template(_pieces(raw["template"]))
    if not isinstance(raw, dict) or "path" not in raw or set(raw) - {"path", "map"}:
        raise ValueError(f"This is {_FORMS}.")
    words = raw.get("map")
    if words is not None and not (isinstance(words, dict) and 0 < len(words) <= NAMES):
        raise ValueError(f"map is an object of 1 to {NAMES} values and what each means.")
    return _Look(_path(raw["path"]), words)


def _pieces(template: str) -> tuple[str | Path, ...]:
    """Split a template into texts and paths; `{{` and `}}` are braces."""
    if len(template) > 4000:
        raise ValueError("This template has more than 4000 characters.")
    pieces: list[str | Path] = []
    end = 0
    for found in _PIECE.finditer(template):
        pieces.append(template[end : found.start()])
        end = found.end()
        if found.group() in ("{{", "}}"):
            pieces.append(found.group()[0])
        elif found.group(1) is None:
            raise ValueError("A brace stands alone: write {path}, or {{ and }} for braces.")
        else:
            pieces.append(Path.of(found.group(1)))
    return tuple(p for p in (*pieces, template[end:]) if p != "")


# --- values


def _text(value: Any, field: str) -> str:
    """Convert a value to text: lists joined by commas, null as ""."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_text(item, field) for item in value)
    if isinstance(value, dict):
        raise Unmapped(f"{field}: an object is no text; let the path name one of its members")
    return msgspec.json.encode(value).decode()


def _put(data: Json, steps: tuple[str, ...], value: Any) -> None:
    for step in steps[:-1]:
        below = data.setdefault(step, {})
        if not isinstance(below, dict):
            raise Unmapped(f"data.{'.'.join(steps)}: {step} has a value of its own already")
        data = below
    data[steps[-1]] = value
