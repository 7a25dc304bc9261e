"""Request parsing with limits: body, content type, edited version, query."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, Malformed, NotFound
from alerts.services import Services
from alerts.web.http.problem import RequestRefused

P = ParamSpec("P")
T = TypeVar("T")

API_LIMIT = 1_000_000
HOOK_LIMIT = 256_000
BODY_S = 60.0
"""Seconds in which a body must arrive."""
SMALL = 16_000
"""Bytes that are parsed on the event loop: some milliseconds at most."""
PARSE_S = 10.0
"""Seconds that parsing a body may take."""
PAGE, PAGE_MOST = 50, 1000
JSON_TYPES = frozenset(("application/json",))
MERGE_TYPES = frozenset(("application/json", "application/merge-patch+json"))
_ENCODINGS = frozenset(("", "identity", "gzip", "deflate"))


async def read(services: Services, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking read off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(services.reads, partial(function, *args, **kwargs))


async def off_loop(raw: bytes, parse: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Parse a body: a small one at once, a large one in a thread, while others are served.

    Raises RequestRefused 422 if it takes too long.
    """
    if len(raw) <= SMALL:
        return parse(*args, **kwargs)
    try:
        async with asyncio.timeout(PARSE_S):
            return await asyncio.to_thread(parse, *args, **kwargs)
    except TimeoutError as error:
        raise RequestRefused(422, f"the body could not be read within {PARSE_S:g} s; send less at a time") from error


async def body_of(request: web.Request, limit: int = API_LIMIT) -> bytes:
    """Read and decode the body. Raises RequestRefused 413 beyond `limit` bytes, packed or not, 415 for an unknown
    encoding, 408 if it takes too long; Malformed if its encoding is broken.

    Nothing is unpacked before this is asked for: whoever is refused by then costs no more than the bytes.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise RequestRefused(415, "send the body as it is, or packed with gzip")
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(BODY_S):
            whole = await _received(request, limit)
    except TimeoutError as error:
        raise RequestRefused(408, f"the body did not arrive within {BODY_S:g} s; send it again") from error
    return whole if encoding in ("", "identity") else unpacked(whole, encoding, limit)


def unpacked(packed: bytes, encoding: str, limit: int) -> bytes:
    """Unpack a body by `gzip` or `deflate`, to at most `limit` bytes.

    Raises RequestRefused 413 beyond them, Malformed if it is broken or cut off.
    """
    whole, rest = b"", packed
    try:
        while rest or not whole:
            unpacker = zlib.decompressobj(_wbits(encoding, rest))
            whole += unpacker.decompress(rest, limit + 1 - len(whole))
            if len(whole) > limit:
                raise too_large(limit)
            if not unpacker.eof:
                raise Malformed("the body is cut off, or not what its Content-Encoding says")
            rest = unpacker.unused_data if encoding == "gzip" else b""
            if not rest:
                break
    except zlib.error as error:
        raise Malformed("the body is not what its Content-Encoding says") from error
    return whole


def _wbits(encoding: str, packed: bytes) -> int:
    """Window bits of zlib: gzip, or deflate with or without zlib's header (RFC 9110, 8.4.1.2)."""
    if encoding == "gzip":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if packed[:1] and packed[0] & 0x0F == 8 else -zlib.MAX_WBITS


async def _received(request: web.Request, limit: int) -> bytes:
    content = request.content
    if content.is_eof() and content.exception() is None:  # a small body has arrived together with the headers
        whole = content.read_nowait()
        if len(whole) > limit:
            raise too_large(limit)
        return whole
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            chunks.append(chunk)
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise Malformed("the body is not what its Content-Encoding or Transfer-Encoding says") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int) -> RequestRefused:
    """Build the 413 refusal."""
    return RequestRefused(413, f"the body is larger than {limit // 1000} kB; send less at a time")


def check_type(request: web.Request, allowed: Collection[str], *, any_charset: bool = False) -> None:
    """Check the content type. Raises RequestRefused 415 unless it is one of `allowed`, in UTF-8 or `any_charset`."""
    if request.content_type not in allowed or "Content-Type" not in request.headers:
        raise RequestRefused(415, f"send Content-Type: {next(iter(sorted(allowed)))}")
    if not any_charset and (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise RequestRefused(415, "send the body in UTF-8")


async def json_body(request: web.Request, kind: type[T]) -> tuple[T, bytes]:
    """Read the body as the struct `kind`; return it with the raw bytes."""
    check_type(request, JSON_TYPES)
    raw = await body_of(request)
    return await off_loop(raw, strict_json.read, raw, kind), raw


async def optional_json_body(request: web.Request, kind: type[T]) -> tuple[T, bytes]:
    """Read the body as `json_body` does; an absent body means an empty object."""
    raw = await body_of(request)
    if not raw:
        return strict_json.typed({}, kind), raw
    check_type(request, JSON_TYPES)
    return await off_loop(raw, strict_json.read, raw, kind), raw


async def merge_patch(request: web.Request) -> dict[str, Any]:
    """Read a JSON merge patch. Raises Invalid if it is not an object."""
    check_type(request, MERGE_TYPES)
    raw = await body_of(request)
    patch = await off_loop(raw, strict_json.parse, raw)
    if not isinstance(patch, dict):
        raise Invalid.field("", "a merge patch of this is an object")
    return patch


def etag(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def edited_version(request: web.Request, current: int) -> int:
    """Return the version that `If-Match` names. Raises RequestRefused: 428 without one, 412 if it is not `current`."""
    given = request.headers.get("If-Match")
    if given is None:
        raise RequestRefused(428, "send If-Match with the ETag of what you read, so that nobody's edit is lost")
    tags = [tag.strip() for tag in given.split(",")]
    if "*" not in tags and etag(current) not in tags:
        raise RequestRefused(412, f"the current version is {etag(current)}; read it again and apply your change to it")
    return current


def id_of(request: web.Request, name: str = "id", what: str = "thing") -> UUID:
    """Return an id in the path. Raises NotFound if it is not a UUID."""
    text = request.match_info[name]
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(f"there is no {what} {text!r}") from error


def query(request: web.Request, *known: str) -> dict[str, str]:
    """Return the query's values by name. Raises Invalid for unknown names (a misspelt filter would show everything)."""
    unknown = [name for name in request.query if name not in known]
    if unknown:
        raise Invalid.field(unknown[0], "unknown parameter; known are " + ", ".join(known))
    for name, value in request.query.items():
        if not value and request.path.startswith("/api/"):  # HTML forms send empty fields, programs do not
            raise Invalid.field(name, "is empty: leave it out, or give a value")
        if "\x00" in value:
            raise Invalid.field(name, "holds the character U+0000, which nothing is called by")
    return {name: value for name, value in request.query.items() if value}


def limit_of(values: dict[str, str]) -> int:
    """Return `limit`, 1 to 1000."""
    return whole_number(values, "limit", PAGE, 1, PAGE_MOST)


def whole_number(values: dict[str, str], name: str, default: int, least: int, most: int = 2**62) -> int:
    """Return a whole number of the query. Raises Invalid."""
    text = values.get(name)
    if text is None:
        return default
    whole = text.isascii() and text.isdigit()
    digits = text.lstrip("0") or "0"
    if whole and len(text) <= 20 and least <= int(digits) <= most:
        return int(digits)
    too_large = whole and len(digits) >= len(str(most))  # then "at least" would not name the reason
    bounds = f"from {least} to {most}" if most < 2**62 or too_large else f"of at least {least}"
    raise Invalid.field(name, f"expected a whole number {bounds}")


def uuid_value(values: dict[str, str], name: str) -> UUID | None:
    """Return an id of the query. Raises Invalid."""
    text = values.get(name)
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Invalid.field(name, "expected an id") from error


def one_of(values: dict[str, str], name: str, words: Collection[str]) -> str | None:
    """Return a value of a closed list. Raises Invalid."""
    text = values.get(name)
    if text is not None and text not in words:
        raise Invalid.field(name, "expected one of " + ", ".join(words))
    return text


def next_url(public_url: str, request: web.Request, cursor: str | int | None, name: str = "cursor") -> str | None:
    """Return the URL of the next page: the query with another cursor, under the public URL (never the Host header)."""
    if cursor is None:
        return None
    pairs = [(k, v) for k, v in request.query.items() if k != name]
    return f"{public_url}{request.path}?{urlencode([*pairs, (name, str(cursor))])}"


def unchanged(request: web.Request, tag: str) -> bool:
    """True if the client has this `ETag` already: `If-None-Match`, compared weakly (RFC 9110)."""
    return any(one.value in ("*", tag.strip('"')) for one in request.if_none_match or ())


def digest(body: bytes) -> str:
    """Return the SHA-256 of a body in hex."""
    return hashlib.sha256(body).hexdigest()
