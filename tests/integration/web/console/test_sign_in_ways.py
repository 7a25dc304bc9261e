"""Password with one-time codes and passkeys: added, used once, replayed, removed, planted."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pyotp
import pytest

from alerts.commands.actor import SYSTEM
from alerts.commands.sign_in_ways import PasskeyData
from alerts.domain.streams import MEMBER
from alerts.kernel.errors import Invalid
from tests.support.form_browser import Form
from tests.support.officer import Officer, officer
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

ACCOUNT = "/console/account"
PASSWORD = "correct horse battery staple"


def code_of(served: Served, secret: str) -> str:
    """Code of an authenticator app, by the clock of the server."""
    return pyotp.TOTP(secret).at(served.parts.clock())


async def with_password(served: Served, name: str = "ann") -> tuple[Officer, str]:
    """An author who has set a password; and the secret of the codes."""
    author = await officer(served, name, "author")
    await author.open(ACCOUNT)
    found = re.search(r"type this into it: <bdi>([A-Z2-7 ]+)</bdi>", author.text)
    assert found is not None
    secret = found[1].replace(" ", "")
    await author.press(within='name="secret"', code=code_of(served, secret), password=PASSWORD)
    assert author.url == ACCOUNT and "Password and one-time code" in author.text, author.text[:3000]
    return author, secret


async def sign_in(served: Served, address: str, password: str, code: str) -> int:
    browser = Form(served.client)
    await browser.open("/console/sign-in")
    await browser.press(within='name="password"', address=address, password=password, code=code)
    return browser.status


async def test_password_and_code_sign_in_and_each_code_once(served: Served) -> None:
    _, secret = await with_password(served)
    served.shift = timedelta(seconds=60)
    code = code_of(served, secret)
    for wrong in (("ann@town.example", "wrong password wrong", code), ("ann@town.example", PASSWORD, "000000"),
                  ("nobody@town.example", PASSWORD, code), ("", "", "")):  # fmt: skip
        assert await sign_in(served, *wrong) == 422, wrong
    asked = {"address": "ann@town.example", "password": PASSWORD, "code": "000000", "next": "/console/notices"}
    refused = await (await served.client.post("/console/sign-in/password", data=asked)).text()
    assert 'name="next" value="/console/notices"' in refused, "the page that was asked for is not lost by a wrong code"
    both = await asyncio.gather(*(sign_in(served, "ANN@town.example", PASSWORD, code) for _ in range(2)))
    assert sorted(both) == [200, 422], "one code, one sign-in, also at once"


@SQLITE
async def test_password_comes_back_to_the_page(served: Served) -> None:
    _, secret = await with_password(served)
    served.shift = timedelta(seconds=60)
    browser = Form(served.client)
    await browser.open("/console/sign-in?next=%2Fconsole%2Flog")
    await browser.press(within='name="password"', address="ann@town.example", password="wrong", code="000000")
    assert browser.status == 422
    code = code_of(served, secret)
    await browser.press(within='name="password"', address="ann@town.example", password=PASSWORD, code=code)
    assert browser.status == 200 and browser.url == "/console/log"
    served.client.session.cookie_jar.clear()
    served.shift = timedelta(seconds=180)
    form = {
        "address": "ann@town.example",
        "password": PASSWORD,
        "code": code_of(served, secret),
        "next": "//evil.example",
    }
    answer = await served.client.post("/console/sign-in/password", data=form, allow_redirects=False)
    assert answer.status == 303 and answer.headers["Location"] == "/console"


@SQLITE
async def test_guessing_is_slowed_down_for_the_address_alone(served: Served) -> None:
    _, secret = await with_password(served)
    found = [await sign_in(served, "ann@town.example", f"guess number {n} of many", "000000") for n in range(7)]
    assert found[-1] == 429 and found[0] == 422
    assert await sign_in(served, "kofi@town.example", PASSWORD, "000000") == 422
    assert secret


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "at least 12 characters"),
        ("short", "at least 12 characters"),
        ("x" * 300, "at most 200 characters"),
        ("aaaaaaaaaaaaaaaa", "too easy to guess"),
        ("ann@town.example", "too easy to guess"),
    ],
)
@SQLITE
async def test_weak_passwords_are_refused_and_the_picture_stays(served: Served, password: str, said: str) -> None:
    author = await officer(served, "ann", "author")
    await author.open(ACCOUNT)
    found = re.search(r"type this into it: <bdi>([A-Z2-7 ]+)</bdi>", author.text)
    assert found is not None
    await author.press(within='name="secret"', code=code_of(served, found[1].replace(" ", "")), password=password)
    assert author.status == 422 and said in author.text and found[1] in author.text


@SQLITE
async def test_wrong_code_and_a_planted_secret_set_nothing(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(ACCOUNT)
    await author.press(within='name="secret"', code="12", password=PASSWORD)
    assert author.status == 422 and "That is not the code" in author.text
    await author.press(within='name="secret"', secret="planted", code="123456", password=PASSWORD)
    assert author.status == 422 and "This page was too old" in author.text
    assert "Password and one-time code" not in author.text


async def test_way_is_removed_on_record_and_nobody_elses(served: Served) -> None:
    author, secret = await with_password(served)
    other = await officer(served, "kofi", "approver")
    ann = (await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")).id
    [way] = served.parts.sign_in_ways.of(ann)
    await other.open(ACCOUNT)
    answer = await served.client.post(
        f"{ACCOUNT}/remove", data={"way": str(way.id)}, headers=other._headers, allow_redirects=False
    )
    assert answer.status == 422, "it is not theirs"
    await author.press(within='name="way"')
    assert "Password and one-time code" not in author.text
    served.shift = timedelta(seconds=60)
    assert await sign_in(served, "ann@town.example", PASSWORD, code_of(served, secret)) == 422
    told = [one.event for one in served.parts.log.read(0, 10_000, ("SignInWayAdded", "SignInWayRemoved"))]
    assert [type(event).__name__ for event in told] == ["SignInWayAdded", "SignInWayRemoved"]
    assert secret not in str(told)


@SQLITE
async def test_ways_are_changed_only_after_a_fresh_sign_in(served: Served) -> None:
    author, secret = await with_password(served)
    opened = author.snapshot()
    served.shift = timedelta(minutes=15, seconds=5)
    await opened.press(within='name="way"')
    assert opened.status == 403 and "only within 15 minutes of a sign-in" in opened.text
    await opened.open(ACCOUNT)
    assert 'name="way"' not in opened.text and 'name="secret"' not in opened.text and "data-passkey" not in opened.text
    assert 'value="ann@town.example"' in opened.text and "Send a link to" in opened.text
    await author.press(within='name="secret"', code=code_of(served, secret), password=PASSWORD)
    assert author.status == 403
    for path in ("passkey/options", "passkey"):
        answer = await served.client.post(
            f"{ACCOUNT}/{path}", json={"token": "", "credential": {}}, headers=author.headers
        )
        assert answer.status == 403 and "Sign in again" in (await answer.json())["detail"], path
    again = await officer(served, "ann", "author")
    await again.open(ACCOUNT)
    await again.press(within='name="way"')
    assert again.status == 200 and "Password and one-time code" not in again.text


@SQLITE
async def test_member_who_left_signs_in_by_no_way(served: Served) -> None:
    _, secret = await with_password(served)
    member = (await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")).id
    await officer(served, "chief", "admin")
    await served.parts.commands.remove_member(SYSTEM, member)
    served.shift = timedelta(seconds=60)
    assert served.parts.sign_in_ways.of(member) == []
    assert await sign_in(served, "ann@town.example", PASSWORD, code_of(served, secret)) == 422


async def test_rows_are_sealed_for_their_place(served: Served) -> None:
    _, secret = await with_password(served)
    kofi = (await served.parts.commands.invite_member(SYSTEM, "kofi@town.example", "approver", "Kofi")).id
    ann = (await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")).id
    ways = served.parts.sign_in_ways
    [way] = ways.of(ann)
    assert secret not in way.sealed and PASSWORD not in way.sealed

    def plant(unit: object) -> None:
        unit.write(  # type: ignore[attr-defined]
            "UPDATE sign_in_ways SET member = ? WHERE id = ?", (kofi.bytes, way.id.bytes)
        )

    await served.parts.writer.run(plant, by="system")
    assert ways.of(kofi) == [], "a row that was moved opens nothing"


async def test_a_passkey_belongs_to_one_member_and_there_are_not_too_many(served: Served) -> None:
    member = await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")
    ways = served.parts.sign_in_ways
    for number in range(20):
        await ways.add_passkey(member.id, f"Phone {number}", PasskeyData(b"id %d" % number, b"key"))
    with pytest.raises(Invalid, match="20 ways"):
        await ways.add_passkey(member.id, "Phone", PasskeyData(b"another", b"key"))
    with pytest.raises(Invalid):
        await ways.add_passkey(member.id, "Again", PasskeyData(b"id 1", b"key"))
    found = ways.passkey(b"id 3")
    assert found is not None and found.label == "Phone 3" and ways.passkey(b"unknown") is None
    assert await ways.used_passkey(found, 1) and not await ways.used_passkey(found, 1), "of two at once one wins"
    state = served.parts.log.state(MEMBER, UUID(bytes=member.id.bytes))
    assert state is not None and state.role == "author"


@SQLITE
async def test_answers_that_prove_nothing_sign_nobody_in(served: Served) -> None:
    options = await served.client.post("/console/sign-in/passkey/options", json={})
    token = (await options.json())["token"]
    made_up = {"rawId": "AAAA", "id": "AAAA", "type": "public-key", "response": {}}
    for body, status in (
        ({"token": token, "credential": made_up}, 422),
        ({"token": "x", "credential": {"rawId": "!" * 5_000}}, 422),
        ({"token": token}, 400),
        ([], 400),
    ):
        answer = await served.client.post("/console/sign-in/passkey", json=body)
        assert answer.status in (status, 422) and "Set-Cookie" not in answer.headers, (body, await answer.text())
