"""Language of the body of a message."""

from __future__ import annotations

from alerts.dispatch.personal_content import best_language
from alerts.domain.events import Content


def test_the_language_of_the_body() -> None:
    words = Content(title="t")
    given_words = {"pl": words, "en-GB": words, "cy": words}
    assert best_language("cy", given_words, "en") == "cy"
    assert best_language("en-US", given_words, "en") == "en-GB"
    assert best_language("ur", given_words, "cy") == "cy"
    assert best_language("ur", given_words, "en") == "en-GB"
    assert best_language("ur", {"pl": words}, "en") == "pl"
