"""Cursors: numbers that a database knows."""

from __future__ import annotations

import pytest

from alerts.kernel.paging import cursor_number


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775808", "1" * 5000, "x", "", "٣"])
def test_number_beyond_any_database_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        cursor_number(text)


def test_greatest_number_is_taken() -> None:
    assert cursor_number(str(2**63 - 1)) == 2**63 - 1
