"""Requests by name and by origin: whose host is refused, and who may see the metrics."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from alerts.web.http.problem import RequestRefused
from alerts.web.http.security import check_host, from_private_network

URL = "https://alerts.anytown.example"


@pytest.mark.parametrize(
    "host",
    [
        "alerts.anytown.example",
        "ALERTS.anytown.example.:443",
        "127.0.0.1:8080",
        "localhost",
        "[::1]:80",
        "10.1.2.3",
        "app",
    ],
)
def test_own_names_and_addresses_are_taken(host: str) -> None:
    check_host(URL, frozenset(["app"]), make_mocked_request("GET", "/", headers={"Host": host}))


@pytest.mark.parametrize("host", ["evil.example", "alerts.anytown.example.evil.example", "127.0.0.1.evil.example"])
def test_rebound_names_are_refused(host: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        check_host(URL, frozenset(), make_mocked_request("GET", "/", headers={"Host": host}))
    assert refused.value.status == 421


class _Transport:
    """Transport of a peer."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "headers", "private"),
    [
        ("127.0.0.1", {}, True),
        ("10.0.0.7", {}, True),
        ("fe80::1%eth0", {}, True),
        ("203.0.113.9", {}, True),  # reserved for documentation: not routed
        ("8.8.8.8", {}, False),
        ("2001:4860:4860::8888", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, False),
        ("10.0.0.7", {"Forwarded": "for=8.8.8.8"}, False),
    ],
)
def test_what_a_proxy_passes_on_is_from_outside(peer: str, headers: dict[str, str], private: bool) -> None:
    request = make_mocked_request("GET", "/metrics", headers=headers, transport=_Transport(peer))
    assert from_private_network(request) is private
