"""Looking many contact points up at once comes to the same as one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.audience.index.column_store import RowIndex

numbers = st.lists(st.integers(1, 5000) | st.integers(0, 2**62), max_size=2500, unique=True)


@given(numbers, st.lists(st.integers(0, 6000), max_size=50))
@settings(max_examples=40)
def test_rows_of_many_keys(known: list[int], asked: list[int]) -> None:
    keys = np.array(known, dtype=np.uint64)
    index = RowIndex(lambda: keys)
    for row, key in enumerate(known):
        index.add(key, row)
    wanted = np.array([*known, *asked], dtype=np.uint64)
    one_by_one = [index.find(int(key), lambda row, key=key: keys[row] == key) for key in wanted]  # type: ignore[misc]
    assert index.find_all(wanted).tolist() == one_by_one
