"""The OpenAPI document of a policy table."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web

from alerts.web.api.openapi import document
from alerts.web.http.operation import POSITION, Operation
from alerts.web.http.routing import PUBLIC, Route, scope


class Thing(msgspec.Struct):
    name: str


async def handler(request: web.Request) -> web.Response:
    raise NotImplementedError


def test_api_route_without_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="GET /api/v1/things has no operation"):
        document("http://x", "1", [Route("GET", "/api/v1/things", handler, PUBLIC)])


def test_routes_outside_the_api_are_left_out() -> None:
    assert document("http://x", "1", [Route("GET", "/things", handler, PUBLIC)])["paths"] == {}


def test_document_carries_what_the_operation_declares() -> None:
    operation = Operation(
        "Make a thing", 201, Thing, Thing, {"name": "a"}, {"after": POSITION}, body_required=False, upsert=True
    )
    row = Route("POST", "/api/v1/things/{id}", handler, scope("read"), operation)
    made = document("http://x", "1", [row])["paths"]["/things/{id}"]["post"]
    assert made["summary"] == "Make a thing" and made["description"] == "Scope: read"
    assert [parameter["name"] for parameter in made["parameters"]] == ["id", "after", "Idempotency-Key"]
    assert made["parameters"][1]["schema"] == {"type": "integer", "minimum": 0}
    reference = {"$ref": "#/components/schemas/Thing"}
    assert set(made["responses"]) == {"201", "200", "4XX"}
    assert made["responses"]["201"]["content"]["application/json"]["schema"] == reference
    assert made["requestBody"] == {
        "required": False,
        "content": {"application/json": {"schema": reference, "example": {"name": "a"}}},
    }
