"""Validation of texts at the doors."""

from __future__ import annotations

import pytest

from alerts.commands import validation
from alerts.kernel.errors import Invalid


@pytest.mark.parametrize("bad", ["\ufffe", "\uffff", "\x07", "\x7f", "\ud800"])
def test_text_loses_what_xml_forbids(bad: str) -> None:
    assert validation.text(f" Burst{bad} main{bad} ", "headline", 20, line=True, needed=True) == "Burst main"
    with pytest.raises(Invalid):
        validation.text(bad, "headline", 20, needed=True)
