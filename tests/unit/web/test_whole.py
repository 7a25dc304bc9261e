"""A head made of ready bytes lets nobody put a line of their own into it."""

from __future__ import annotations

import pytest

from alerts.web.http.raw_response import head


def test_lines_are_what_goes_out() -> None:
    assert head({"A": "1", "B-C": "x; y"}) == b"A: 1\r\nB-C: x; y\r\n"


@pytest.mark.parametrize("value", ["x\r\nSet-Cookie: a", "x\ny", "x\ry", "x\0y"])
def test_no_value_ends_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line"):
        head({"Location": value})
