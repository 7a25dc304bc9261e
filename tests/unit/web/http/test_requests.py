"""Request helpers: versions, numbers, pages, parameters, ids."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from alerts.kernel.errors import Invalid, NotFound
from alerts.web.http import requests, routing
from alerts.web.http.problem import RequestRefused

HOUSE = "https://alerts.example.org/base"


def asked(path: str = "/", method: str = "GET", **headers: str) -> Any:
    return make_mocked_request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


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
