"""`GET /api/v1/openapi.json`: OpenAPI 3.1 document, built from the policy table, its operations and their structs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from alerts.services import Services
from alerts.web.api.common import ROOT
from alerts.web.api.server_sent_events import MEDIA_TYPE
from alerts.web.http.app_keys import POLICY
from alerts.web.http.operation import Operation
from alerts.web.http.responses import JsonResponse
from alerts.web.http.routing import PUBLIC, Route

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
DESCRIBE = Operation("This document")


class ProblemError(JsonResponse, frozen=True, kw_only=True):
    """Validation error of one field."""

    field: str
    message: str


class Problem(JsonResponse, frozen=True, kw_only=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError] = []


def routes(services: Services) -> list[Route]:
    """Policy row of the OpenAPI document; it is public."""

    async def describe(request: web.Request) -> web.Response:
        body = _document(services.settings.public_url, services.version, request.app[POLICY])
        return web.Response(body=body, content_type="application/json")

    return [Route("GET", f"{ROOT}/openapi.json", describe, PUBLIC, DESCRIBE)]


@cache
def _document(public_url: str, version: str, table: tuple[Route, ...]) -> bytes:
    """Build and cache the document: routes and structs do not change during the life of a process."""
    return msgspec.json.encode(document(public_url, version, table))


def document(public_url: str, version: str, table: Iterable[Route]) -> dict[str, Any]:
    """Assemble the OpenAPI document of these routes. Raises ValueError for a route of the API without an operation."""
    documented = [(row, _operation_of(row)) for row in table if row.path.startswith(f"{ROOT}/")]
    kinds = [kind for _, operation in documented for kind in (operation.response, operation.body) if kind is not None]
    schemas, components = msgspec.json.schema_components([*kinds, Problem], ref_template=_REF)
    shown = dict(zip(kinds, schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for row, operation in documented:
        paths.setdefault(row.path.removeprefix(ROOT), {})[row.method.lower()] = _described(row, operation, shown)
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


def _operation_of(row: Route) -> Operation:
    if row.operation is None:
        raise ValueError(f"{row.method} {row.path} has no operation")
    return row.operation


def _described(row: Route, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    names = _PARAMETER.findall(row.path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    parameters += [{"name": n, "in": "query", "schema": schema} for n, schema in operation.query.items()]
    if row.method == "POST":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if operation.merge_patch:
        parameters.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    response = schemas[operation.response] if operation.response is not None else {"type": "object"}
    content: dict[str, Any] = {"application/json": {"schema": response}}
    if operation.event_stream:
        content[MEDIA_TYPE] = {"schema": {"type": "string"}}
        mark = {"type": "string", "pattern": "^[0-9]{1,18}$"}
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": mark})
    statuses = (operation.status, 200) if operation.upsert else (operation.status,)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _name(row),
        "parameters": parameters,
        "responses": {
            **{str(status): {"description": operation.summary, "content": content} for status in statuses},
            "4XX": {"$ref": "#/components/responses/Problem"},
        },
    }
    if operation.body is not None:
        media = "application/merge-patch+json" if operation.merge_patch else "application/json"
        body = {"type": "object"} if operation.merge_patch else schemas[operation.body]
        media_type: dict[str, Any] = {"schema": body}
        if operation.example is not None:
            media_type["example"] = operation.example
        described["requestBody"] = {"required": operation.body_required, "content": {media: media_type}}
    if row.access.kind == "scope":
        described["security"] = [{"key": []}]
        described["description"] = "Scope: " + " or ".join(row.access.scopes)
    else:
        described["security"] = []
    return described


def _name(row: Route) -> str:
    words = re.findall(r"\w+", row.path.removeprefix(ROOT))
    return "_".join([row.method.lower(), *words])
