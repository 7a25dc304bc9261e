"""Strict JSON parser: UTF-8, at most 32 levels, no duplicate names, no NaN; then conversion to a struct.

Raises `Malformed` (400) for invalid text, and `Invalid` (422) for a wrong type, an unknown field or a time without
offset, with every top-level error.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from types import UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

import msgspec

from alerts.kernel.errors import FieldError, Invalid, Malformed
from alerts.kernel.time_limits import time_faults

T = TypeVar("T")

DEPTH = 32
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z)|[\[{]|[\]}]', re.DOTALL)
"""An unterminated string is a single token too: retried at each of its quotes, a megabyte would take hours."""
_PATH = re.compile(r" - at `\$?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")


def parse(body: bytes) -> Any:
    """Parse `body` as JSON. Raises Malformed with the position."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8 (byte {error.start})") from error
    _check_depth(text)
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed("the body holds a number that is too long") from error
    if "\\u" in text:
        _check_escapes(text, value)
    return value


def typed(value: Any, kind: type[T], prefix: str = "") -> T:
    """Convert `value` to the struct `kind`. Raises Invalid with every error; `prefix` starts the fields' paths."""
    try:
        result = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        faults = _faults(value, kind, prefix) or [_fault(str(error), prefix)]
        raise Invalid(_sentence(faults), faults) from error
    wrong = time_faults(result, prefix)
    if wrong:
        raise Invalid(_sentence(wrong), wrong)
    return result


def read(body: bytes, kind: type[T]) -> T:
    """Parse and convert in one call."""
    return typed(parse(body), kind)


def _check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= DEPTH:
        return  # cannot be deeper, whatever the order: the common case needs no scan
    depth = 0
    for match in _TOKENS.finditer(text):
        token = match.group()
        if token in "[{":  # nosec B105: no password
            depth += 1
            if depth > DEPTH:
                raise Malformed(f"the body is nested deeper than {DEPTH} levels")
        elif token in "]}":  # nosec B105: no password
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Malformed(f"the name {twice!r} occurs twice in one object", (FieldError(twice, "occurs twice"),))
    return members


def _constant(word: str) -> NoReturn:
    raise Malformed(f"the body is not JSON: {word} is not a number")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Malformed(f"the number {text[:40]} is too large")
    return value


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number).decode


def _check_escapes(text: str, value: Any) -> None:
    """Refuse escapes that cannot be stored: half of a surrogate pair, and U+0000 (not allowed in PostgreSQL's text)."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed(
            "the body holds half of a surrogate pair (\\ud800–\\udfff), which is not a character"
        ) from error
    if "\\u0000" in text and _holds_nul(value):
        raise Malformed("the body holds the character U+0000, which cannot be kept")


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in name or _holds_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _faults(value: Any, kind: Any, path: str) -> list[FieldError]:
    """Collect every error, member by member; msgspec itself stops at the first."""
    kind = _given(kind) if value is not None else kind
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(value, dict):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return _struct_faults(value, kind, path)
        if origin is dict and get_origin(parts[1]) is None and parts[1] is not Any:
            return [f for name, item in value.items() for f in _faults(item, parts[1], _join(path, name))]
    if isinstance(value, list) and origin is tuple and parts[1:] == (Ellipsis,):
        return [f for index, item in enumerate(value) for f in _faults(item, parts[0], _join(path, str(index)))]
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if origin is Literal:
            return [FieldError(path, "expected one of " + ", ".join(map(str, parts)))]
        return [_fault(str(error), path)]
    return []


def _struct_faults(value: dict[str, Any], kind: type[msgspec.Struct], path: str) -> list[FieldError]:
    fields = {about.encode_name: about for about in msgspec.structs.fields(kind)}
    unknown = "unknown field; known are " + ", ".join(fields)
    faults = [FieldError(_join(path, name), unknown) for name in value if name not in fields]
    for name, about in fields.items():
        if name in value:
            faults += _faults(value[name], about.type, _join(path, name))
        elif about.required:
            faults.append(FieldError(_join(path, name), "is missing"))
    return faults


def _given(kind: Any) -> Any:
    """Return `X` of `X | None`; other unions unchanged."""
    others = [part for part in get_args(kind) if part is not type(None)]
    return others[0] if get_origin(kind) in (Union, UnionType) and len(others) == 1 else kind


def _fault(text: str, prefix: str) -> FieldError:
    """Convert msgspec's message to a dotted path and a reason."""
    found = _PATH.search(text)
    path = prefix
    if found:
        text = text[: found.start()]
        for name, index in _STEP.findall(found.group("path")):
            path = _join(path, name or index)
    for pattern, words in ((_UNKNOWN, "unknown field"), (_MISSING, "is missing")):
        named = pattern.match(text)
        if named:
            return FieldError(_join(path, named.group("name")), words)
    return FieldError(path, text.replace("`", "").replace("Expected", "expected").replace("Invalid", "invalid"))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _sentence(faults: list[FieldError]) -> str:
    return "; ".join(f"{fault.field or 'the body'}: {fault.message}" for fault in faults[:5])
