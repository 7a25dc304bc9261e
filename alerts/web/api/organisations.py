"""`/api/v1/organisations`: in whose names notices go out, with their areas, kinds and consent lines."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import OrganisationBody
from alerts.domain.events import AreaJson
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import ORGANISATION, organisation_id
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, found, idempotency
from alerts.web.http.operation import PAGING, Operation
from alerts.web.http.requests import edited_version, etag, json_body, limit_of, merge_patch, next_url, query, read
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response, list_response
from alerts.web.http.routing import Route, scope

WRITE = scope("team:write", everywhere=True)
"""An administrator's, as in the console: who may speak as whom is part of the team's rights."""


class IssuingOrganisation(JsonResponse, frozen=True, kw_only=True):
    """An issuing organisation. `areas`, `kinds`: limits of its notices, null for none."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    """Names by language."""
    sender_name: str
    """Sender of its messages, with which its texts begin."""
    consent: dict[str, str]
    """Lines of the sign-up by language."""
    areas: AreaJson | None
    kinds: tuple[str, ...] | None
    retired: bool
    """True if no new notice goes out in its name."""

    @classmethod
    def of(cls, state: OrganisationState) -> IssuingOrganisation:
        """From the read model."""
        return cls(
            id=state.id,
            slug=state.slug,
            version=state.version,
            name=state.name,
            sender_name=state.sender_name,
            consent=state.consent,
            areas=state.areas,
            kinds=state.kinds,
            retired=state.retired,
        )


DEFINE = Operation(
    "Define an organisation; the same slug again sets it so (200), and takes a retired one up again",
    status=201,
    response=Accepted,
    body=OrganisationBody,
    upsert=True,
    example={
        "slug": "council",
        "name": {"en": "Camden Council"},
        "sender_name": "Camden Council",
        "consent": {"en": "Camden Council sends you what closes and what opens."},
        "areas": EXAMPLE_AREA,
        "kinds": ["announcement", "service-change"],
    },
)
LIST = Operation("The organisations, by slug, retired ones too", response=ListBody[IssuingOrganisation], query=PAGING)
GET = Operation("One organisation", response=IssuingOrganisation)
REVISE = Operation(
    "Set an organisation otherwise; its slug stays, and a retired one is taken up again",
    response=Accepted,
    body=OrganisationBody,
    merge_patch=True,
)
RETIRE = Operation("No new notice in its name; those that are out may be ended", response=Accepted)


def organisations_of(services: Services) -> list[IssuingOrganisation]:
    """List all organisations, by slug. Blocks."""
    return sorted(map(IssuingOrganisation.of, services.views.organisations(retired=True)), key=lambda one: one.slug)


def routes(services: Services) -> list[Route]:
    """Policy rows of organisations."""
    commands, one_path = services.commands, f"{ROOT}/organisations/{{slug}}"

    async def define(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, OrganisationBody)
        saved = await commands.define_organisation(actor_of(request), body, idem=idempotency(request, raw))
        location = f"{services.settings.public_url}{ROOT}/organisations/{body.slug}"
        return _accepted_response(saved, 201 if saved.created else 200, {"Location": location})

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        limit, after = limit_of(values), values.get("cursor", "")
        rest = [one for one in await read(services, organisations_of, services) if one.slug > after]
        cursor = rest[limit - 1].slug if len(rest) > limit else None
        return list_response(rest[:limit], next_url(services.settings.public_url, request, cursor))

    async def get_one(request: web.Request) -> web.StreamResponse:
        state = await _state(services, request)
        return json_response(IssuingOrganisation.of(state), headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        state = await _state(services, request)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        return _accepted_response(await commands.revise_organisation(actor_of(request), state.slug, patch, expected))

    async def retire(request: web.Request) -> web.StreamResponse:
        query(request)
        slug = (await _state(services, request)).slug
        return _accepted_response(await commands.retire_organisation(actor_of(request), slug))

    return [
        Route("POST", f"{ROOT}/organisations", define, WRITE, DEFINE),
        Route("GET", f"{ROOT}/organisations", get_page, scope("read"), LIST),
        Route("GET", one_path, get_one, scope("read"), GET),
        Route("PATCH", one_path, revise, WRITE, REVISE),
        Route("DELETE", one_path, retire, WRITE, RETIRE),
    ]


async def _state(services: Services, request: web.Request) -> OrganisationState:
    # From the log, not the read model: the entity tag must match the current state.
    slug = request.match_info["slug"]
    return found(await read(services, services.log.state, ORGANISATION, organisation_id(slug)), "organisation", slug)


def _accepted_response(saved: Saved, status: int = 200, headers: dict[str, str] | None = None) -> web.StreamResponse:
    accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
    return json_response(accepted, status, {"ETag": etag(saved.version), **(headers or {})})
