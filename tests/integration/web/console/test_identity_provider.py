"""Sign-in by an identity provider: a real one on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.commands.actor import SYSTEM
from alerts.kernel.errors import Unavailable
from alerts.settings.oidc import IdentityProvider
from alerts.web.console.identity_provider import ProviderClient
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

provider_mock = pytest.importorskip("oidc_provider_mock")
BACK = "/console/sign-in/provider"
PEOPLE = {
    "ann": {"email": "Ann@town.example", "email_verified": True},
    "stranger": {"email": "stranger@town.example", "email_verified": True},
    "unverified": {"email": "ann@town.example", "email_verified": False},
    "nameless": {},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Address of an OpenID Connect provider that knows a few people."""
    users = [provider_mock.User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with provider_mock.run_server_in_thread(require_nonce=True, user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def more_settings(provider: str) -> dict[str, str]:
    return {
        "ALERTS_OIDC_ISSUER": provider,
        "ALERTS_OIDC_CLIENT_ID": "alerts",
        "ALERTS_OIDC_CLIENT_SECRET": "s" * 20,
        "ALERTS_OIDC_NAME": "Town Hall",
    }


async def begun(served: Served, query: str = "") -> str:
    """Address at which the provider is asked; the client has the cookie."""
    answer = await served.client.get(f"{BACK}/begin{query}", allow_redirects=False)
    assert answer.status == 303, await answer.text()
    return answer.headers["Location"]


async def agreed(location: str, person: str) -> str:
    """The person agrees at the provider; where it sends the browser back to."""
    async with aiohttp.ClientSession() as session:
        answer = await session.post(location, data={"sub": person}, allow_redirects=False)
        assert answer.status == 302, await answer.text()
        back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


async def back(served: Served, path: str) -> Any:
    return await served.client.get(path, allow_redirects=False)


async def test_member_signs_in_and_nobody_else(served: Served) -> None:
    await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")
    assert "Sign in with Town Hall" in await (await served.client.get("/console/sign-in")).text()
    for person, said in (
        ("stranger", "stranger@town.example is not in the team"),
        ("unverified", "no verified e-mail address"),
        ("nameless", "no verified e-mail address"),
    ):
        answer = await back(served, await agreed(await begun(served), person))
        assert answer.status == 422 and said in await answer.text(), person
    location = await begun(served)
    asked = parse_qs(urlsplit(location).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["scope"] == ["openid email"]
    path = await agreed(location, "ann")
    answer = await back(served, path)
    assert answer.status == 303 and answer.headers["Location"] == "/console", await answer.text()
    assert "Ann, author" in await (await served.client.get("/console")).text()
    again = await back(served, path)
    assert again.status in (422, 503), "neither the browser's cookie nor the code works twice"


@SQLITE
async def test_provider_comes_back_to_the_page_that_was_asked_for(served: Served) -> None:
    await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")
    page = await (await served.client.get("/console/sign-in?next=%2Fconsole%2Fnotices%3Fstate%3Dlive")).text()
    found = re.search(rf'href="{BACK}/begin([^"]*)"', page)
    assert found is not None
    for query, where in ((found[1], "/console/notices?state=live"), ("?next=%2F%2Fevil.example", "/console")):
        answer = await back(served, await agreed(await begun(served, query), "ann"))
        assert answer.status == 303 and answer.headers["Location"] == where, await answer.text()
        served.client.session.cookie_jar.clear()
    location = await begun(served, found[1])
    state = parse_qs(urlsplit(location).query)["state"][0]
    answer = await back(served, f"{BACK}?error=access_denied&state={state}")
    assert answer.status == 422 and "next=%2Fconsole%2Fnotices%3Fstate%3Dlive" in await answer.text()


@SQLITE
async def test_what_was_begun_elsewhere_or_long_ago_signs_nobody_in(served: Served) -> None:
    await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")
    path = await agreed(await begun(served), "ann")
    await begun(served)  # another browser's cookie
    answer = await back(served, path)
    assert answer.status == 422 and "begun elsewhere" in await answer.text()
    path = await agreed(await begun(served), "ann")
    served.shift = timedelta(minutes=11)
    answer = await back(served, path)
    assert answer.status == 422 and "ten minutes" in await answer.text()
    for query in ("", "?code=x", "?state=x&code=y", f"?state={'x' * 3_000}", "?error=access_denied"):
        answer = await back(served, BACK + query)
        assert answer.status == 422, query


@SQLITE
async def test_person_who_declines_and_a_made_up_code(served: Served) -> None:
    location = await begun(served)
    state = parse_qs(urlsplit(location).query)["state"][0]
    answer = await back(served, f"{BACK}?error=access_denied&state={state}")
    assert answer.status == 422 and "did not sign you in" in await answer.text()
    answer = await back(served, f"{BACK}?code=made-up&state={state}")
    assert answer.status == 503 and "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({}, "another address"),
        ({"issuer": ""}, "names no authorization_endpoint"),
        ({"issuer": "", "authorization_endpoint": "/a", "token_endpoint": 1}, "names no token_endpoint"),
    ],
)
async def test_description_that_lacks_something_is_said_to_the_operator(described: dict[str, Any], said: str) -> None:
    async def describe(request: web.Request) -> web.Response:
        return web.json_response({**described, **({"issuer": str(server.make_url(""))} if described else {})})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", describe)
    async with TestServer(app) as server:
        issuer = str(server.make_url("")).rstrip("/")
        client = ProviderClient(
            IdentityProvider(issuer=issuer, client_id="alerts", client_secret="s", name="Town Hall")
        )
        with pytest.raises(Unavailable, match=said):
            await client.description()
