"""HTTP helpers: problem documents, origins, links, query values, the policy's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel import errors as e
from alerts.kernel import signed_tokens
from alerts.kernel.errors import FieldError, Invalid, NotFound
from alerts.web.http import problem, requests, routing
from alerts.web.http.problem import RequestRefused
from alerts.web.http.security import check_origin

SECRET = b"s" * 32
NOW = datetime(2026, 3, 12, tzinfo=UTC)
HOUSE = "https://alerts.example.org/base"


def asked(path: str = "/", method: str = "GET", **headers: str) -> Any:
    return make_mocked_request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (e.Malformed("m"), 400),
        (e.Invalid("m"), 422),
        (e.NotFound("m"), 404),
        (e.Conflict("m"), 409),
        (e.Stale("m"), 412),
        (e.Forbidden("m"), 403),
        (e.Unavailable("m"), 503),
        (e.DomainError("m"), 500),
    ],
)
def test_every_error_has_its_status(error: e.DomainError, status: int) -> None:
    answer = problem.of_domain(error)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


def test_a_problem_says_what_to_do_and_keeps_its_own_members() -> None:
    found = problem.document(409, "known already", extra={"subscriber": "x", "title": "forged", "status": 200})
    assert (found["subscriber"], found["status"], found["detail"]) == ("x", 409, "known already")
    assert found["title"] == problem.KINDS[409][1] and "errors" not in found
    bad = problem.document(422, "no", [FieldError("a.b", "c")])
    assert bad["errors"] == [{"field": "a.b", "message": "c"}]
    assert problem.document(400, "no")["errors"] == [{"field": "", "message": "no"}]


def test_a_busy_database_says_when_to_come_back() -> None:
    assert problem.of_domain(e.Unavailable("m")).headers["Retry-After"]


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({}, True),
        ({"Origin": "https://alerts.example.org"}, True),
        ({"Origin": "https://ALERTS.example.org:443"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Origin": "http://alerts.example.org"}, False),
        ({"Origin": "https://alerts.example.org.evil.org"}, False),
        ({"Origin": "https://alerts.example.org:8443"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://[bad"}, False),
        ({"Origin": "", "Host": "alerts.example.org"}, False),
    ],
)
def test_a_form_comes_from_our_own_pages(headers: dict[str, str], fine: bool) -> None:
    request = asked("/", "POST", **headers)
    if fine:
        check_origin(HOUSE, request)
    else:
        with pytest.raises(RequestRefused) as refused:
            check_origin(HOUSE, request)
        assert refused.value.status == 403


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.uuids(), st.data())
def test_a_link_opens_its_own_door_only(notice: int, contact: int, person: UUID, data: st.DataObject) -> None:
    token = signed_tokens.delivery_token(SECRET, "why", notice, contact)
    assert signed_tokens.read_delivery_token(SECRET, "why", token) == (notice, contact)
    assert signed_tokens.read_delivery_token(SECRET, "unsubscribe", token) is None
    assert signed_tokens.read_delivery_token(b"t" * 32, "why", token) is None
    confirm = signed_tokens.contact_token(SECRET, "confirm", person, contact)
    assert signed_tokens.read_contact_token(SECRET, "confirm", confirm) == (person, contact)
    assert signed_tokens.read_contact_token(SECRET, "preferences", confirm) is None
    at = data.draw(st.integers(0, len(token) - 1))
    other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert signed_tokens.read_delivery_token(SECRET, "why", other) is None
    assert signed_tokens.read_delivery_token(SECRET, "why", data.draw(st.text(max_size=60))) is None


def test_a_timed_link_ends() -> None:
    member = uuid4()
    token = signed_tokens.timed_token(SECRET, "sign-in", member, NOW, timedelta(hours=1))
    assert signed_tokens.read_timed_token(SECRET, "sign-in", token, NOW + timedelta(minutes=59)) == member
    assert signed_tokens.read_timed_token(SECRET, "sign-in", token, NOW + timedelta(hours=1)) is None
    assert signed_tokens.read_timed_token(SECRET, "session", token, NOW) is None


def test_a_link_has_one_spelling_so_that_once_means_once() -> None:
    token = signed_tokens.timed_token(SECRET, "sign-in", uuid4(), NOW, timedelta(hours=1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {token[:-1] + letter for letter in alphabet} | {token + "=" * n for n in (1, 2)}
    assert [o for o in others if signed_tokens.read_timed_token(SECRET, "sign-in", o, NOW)] == [token]


def test_an_edit_names_the_version_it_read() -> None:
    for given_, status in ((None, 428), ('"2"', 412), ("3", 412), ('W/"3"', 412)):
        with pytest.raises(RequestRefused) as refused:
            requests.edited_version(asked(**({"If_Match": given_} if given_ else {})), 3)
        assert refused.value.status == status
    for given_ in ('"3"', '"1", "3"', "*"):
        assert requests.edited_version(asked(If_Match=given_), 3) == 3


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "1e3", "٣", "9" * 40, "0", "1001", "0" * 19 + "1" * 9])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        requests.whole_number({"limit": text}, "limit", 50, 1, 1000)


def test_zeros_in_front_hide_no_endless_number() -> None:
    for digits in ("0" * 20 + "9" * 30, "0" * 5000):
        with pytest.raises(Invalid):
            requests.whole_number({"after": digits}, "after", 0, 0)


def test_the_next_page_keeps_the_question_and_our_own_address() -> None:
    request = asked("/api/v1/x?state=open&cursor=1&limit=2", Host="evil.example")
    assert requests.next_url(HOUSE, request, "a b") == f"{HOUSE}/api/v1/x?state=open&limit=2&cursor=a+b"
    assert requests.next_url(HOUSE, request, None) is None


def test_unknown_parameters_and_ids_are_told() -> None:
    with pytest.raises(Invalid, match="unknown parameter"):
        requests.query(asked("/?stat=open"), "state")
    with pytest.raises(Invalid, match="U\\+0000"):
        requests.query(asked("/?kind=a%00b"), "kind")
    with pytest.raises(NotFound):
        requests.id_of(make_mocked_request("GET", "/x", match_info={"id": "x"}))
    with pytest.raises(ValueError, match="unknown scopes"):
        routing.scope("reed")
