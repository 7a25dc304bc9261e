"""Fragments of public pages: made once, the least recently used dropped first."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from alerts.channels.i18n import translator
from alerts.web.public.fragments import FragmentCache
from alerts.web.public.page_frame import PAGE, page_of, paging, part_of


def test_fragment_is_made_once_per_key() -> None:
    made: list[str] = []
    cache = FragmentCache(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, lambda key=key: made.append(key) or key)  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_pages_of_a_list() -> None:
    t = translator("en", "en")
    entries = list(range(2 * PAGE + 1))
    assert [len(part_of(entries, page)) for page in (1, 2, 3, 4)] == [PAGE, PAGE, 1, 0]
    assert paging(t, "/", "", 1, PAGE) is None
    middle = paging(t, "/", "camden", 2, len(entries))
    assert middle is not None and middle["words"] == "Page 2 of 3"
    assert middle["before"] == "/?lang=en&place=camden&page=1" and middle["after"].endswith("page=3")
    with pytest.raises(IndexError):
        paging(t, "/", "", 4, len(entries))


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "99999", "٣"])
def test_page_that_cannot_be_is_not_found(text: str) -> None:
    with pytest.raises(web.HTTPNotFound):
        page_of(make_mocked_request("GET", f"/?page={text}"))
