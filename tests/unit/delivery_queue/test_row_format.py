"""Number formats of the queue rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.delivery_queue.row_format import bucket_of, seconds_of


@given(st.floats(1, 1e8))
@settings(max_examples=50)
def test_latencies_are_kept_within_three_per_cent(milliseconds: float) -> None:
    assert seconds_of(bucket_of(milliseconds)) == pytest.approx(milliseconds / 1000, rel=0.03, abs=0.001)
