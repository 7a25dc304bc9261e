"""The check of docstrings in `make lint`."""

from __future__ import annotations

import pytest

from tools.check_docstrings import REFUSED, faults


@pytest.mark.parametrize("word", sorted(REFUSED))
def test_a_docstring_that_asks_is_refused(word: str) -> None:
    assert list(faults(f'def f():\n    """{word} may it be.\n\n    More.\n    """\n')) == [(1, f"{word} may it be.")]


def test_a_docstring_that_names_its_subject_passes() -> None:
    source = '"""Circuit breaker."""\n\n\nclass A:\n    """Whatever begins so is another word."""\n\n    x = 1\n'
    assert list(faults(source)) == []
