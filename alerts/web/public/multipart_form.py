"""Forms with a file: fields and one file of `multipart/form-data`, each within its limit.

A file that is too large is read to its end and forgotten, within reason: what else was typed is not lost by it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from alerts.web.http.requests import BODY_S

_FIELD = 64_000
"""Bytes of a typed field."""
_FIELDS = 50
_SKIPPED = 5
"""A file up to this many times its limit is read to its end."""
_PIECE = 64_000


@dataclass(slots=True)
class UploadForm:
    """Fields of a form by name, and its file. `too_large`: the file went beyond the limit and was dropped."""

    fields: dict[str, str] = field(default_factory=dict)
    file: bytes = b""
    too_large: bool = False


async def read_upload(request: web.Request, name: str, limit: int) -> UploadForm:
    """Read a form whose file is called `name`; what was read until then for a body that is broken or too slow."""
    form = UploadForm()
    try:
        async with asyncio.timeout(BODY_S):
            if request.content_type == "multipart/form-data":
                await _parts(request, form, name, limit)
            else:
                fields = await request.post()
                form.fields = {key: value for key, value in fields.items() if isinstance(value, str)}
    except (TimeoutError, ValueError, LookupError, AssertionError, web.RequestPayloadError, HttpProcessingError):
        pass  # no boundary, unknown charset, broken encoding: the form is shown again with what there is
    return form


async def _parts(request: web.Request, form: UploadForm, name: str, limit: int) -> None:
    reader = await request.multipart()
    for _ in range(_FIELDS):
        part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        if part.name == name:
            whole = await _read(part, limit)
            form.too_large = whole is None
            form.file = whole or b""
        else:
            raw = await _read(part, _FIELD)
            if raw is not None:
                form.fields.setdefault(part.name, raw.decode("utf-8", "replace"))


async def _read(part: BodyPartReader, limit: int) -> bytes | None:
    """Read one part; None if it is larger. Raises ValueError far beyond the limit."""
    pieces: list[bytes] = []
    size = 0
    while piece := await part.read_chunk(_PIECE):
        size += len(piece)
        if size > limit * _SKIPPED:
            raise ValueError("far too large")
        if size <= limit:
            pieces.append(piece)
        else:
            pieces.clear()
    return b"".join(pieces) if size <= limit else None
