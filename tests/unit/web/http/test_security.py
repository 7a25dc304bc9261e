"""Origin check of posted forms."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from alerts.web.http.problem import RequestRefused
from alerts.web.http.security import check_origin

HOUSE = "https://alerts.example.org/base"


def asked(path: str = "/", method: str = "GET", **headers: str) -> Any:
    return make_mocked_request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


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
