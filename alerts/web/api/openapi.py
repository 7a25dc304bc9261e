"""`GET /api/v1/openapi.json`: OpenAPI 3.1, made from the policy table, the operations and the structs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from alerts.services import Services
from alerts.web.api.common import ROOT
from alerts.web.api.examples import EXAMPLES
from alerts.web.api.operations import OPERATIONS, Operation
from alerts.web.api.server_sent_events import MEDIA_TYPE
from alerts.web.http.app_keys import POLICY
from alerts.web.http.requests import PAGE_MOST
from alerts.web.http.responses import JsonResponse
from alerts.web.http.routing import PUBLIC, Route

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_QUERY: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": PAGE_MOST},
    "after": {"type": "integer", "minimum": 0},
    "erase": {"type": "string", "enum": ["true", "false"]},
    "notice": {"type": "string", "format": "uuid"},
    "subscriber": {"type": "string", "format": "uuid"},
}
"""What the query's values are; all others are text."""


class ProblemError(JsonResponse, frozen=True, kw_only=True):
    """One field's fault."""

    field: str
    message: str


class Problem(JsonResponse, frozen=True, kw_only=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError] = []


def routes(parts: Services) -> list[Route]:
    """The policy row of the description; anyone may read it."""

    async def describe(request: web.Request) -> web.Response:
        body = _document(parts.settings.public_url, parts.version, request.app[POLICY])
        return web.Response(body=body, content_type="application/json")

    return [Route("GET", f"{ROOT}/openapi.json", describe, PUBLIC)]


@cache
def _document(public_url: str, version: str, table: tuple[Route, ...]) -> bytes:
    """Made once: the routes and the structs do not change while a process lives."""
    return msgspec.json.encode(document(public_url, version, table))


def document(public_url: str, version: str, table: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    rows = [row for row in table if row.path.startswith(f"{ROOT}/")]
    known = {row: OPERATIONS[row.method, row.path.removeprefix(ROOT)] for row in rows}
    kinds = [kind for operation in known.values() for kind in (operation.answer, operation.body) if kind is not None]
    schemas, components = msgspec.json.schema_components([*kinds, Problem], ref_template=_REF)
    shown = dict(zip(kinds, schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for row, operation in known.items():
        paths.setdefault(row.path.removeprefix(ROOT), {})[row.method.lower()] = _operation(row, operation, shown)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Community Alerts",
            "version": version,
            "description": "Tells the people of a place what happened, when it concerns them, and why.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": f"{public_url}{ROOT}"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Problem": {
                    "description": "Refused, with words",
                    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}},
                }
            },
        },
    }


def _operation(row: Route, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    names = _PARAMETER.findall(row.path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    parameters += [{"name": n, "in": "query", "schema": _QUERY.get(n, _TEXT)} for n in operation.query]
    if row.method == "POST":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if operation.edits:
        parameters.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    answer = schemas[operation.answer] if operation.answer is not None else {"type": "object"}
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if operation.streams:
        content[MEDIA_TYPE] = {"schema": {"type": "string"}}
        mark = {"type": "string", "pattern": "^[0-9]{1,18}$"}
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": mark})
    statuses = (operation.status, 200) if operation.again else (operation.status,)
    described: dict[str, Any] = {
        "summary": operation.about,
        "operationId": _name(row),
        "parameters": parameters,
        "responses": {
            **{str(status): {"description": operation.about, "content": content} for status in statuses},
            "4XX": {"$ref": "#/components/responses/Problem"},
        },
    }
    if operation.body is not None:
        media = "application/merge-patch+json" if operation.edits else "application/json"
        body = {"type": "object"} if operation.edits else schemas[operation.body]
        media_type: dict[str, Any] = {"schema": body}
        if example := EXAMPLES.get((row.method, row.path.removeprefix(ROOT))):
            media_type["example"] = example
        described["requestBody"] = {"required": operation.body_needed, "content": {media: media_type}}
    if row.access.kind == "scope":
        described["security"] = [{"key": []}]
        described["description"] = "Scope: " + " or ".join(row.access.scopes)
    else:
        described["security"] = []
    return described


def _name(row: Route) -> str:
    words = re.findall(r"\w+", row.path.removeprefix(ROOT))
    return "_".join([row.method.lower(), *words])
