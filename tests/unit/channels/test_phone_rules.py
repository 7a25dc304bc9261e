"""Telephone numbers that texts go to: of the instance's country by default, and none that cost more than a text."""

from __future__ import annotations

import pytest
from phonenumbers import PhoneNumberType

from alerts.channels import sms
from alerts.channels.descriptor import AddressRules
from alerts.kernel.errors import Invalid
from alerts.settings.provider_urls import prefixes


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+449012345678", "premium-rate"),
        ("+448712345678", "premium-rate"),
        ("+19002345678", "premium-rate"),
        ("+979123456789", "premium-rate"),
        ("+447012345678", "personal"),
        ("+881612345678", "satellite"),
        ("+870773111632", "satellite"),
        ("+88213123456", "satellite"),
    ],
)
def test_costly_numbers_are_refused_everywhere(number: str, kind: str) -> None:
    for rules in (AddressRules(), AddressRules(prefixes=prefixes("any")), AddressRules(prefixes=(number[:4],))):
        with pytest.raises(Invalid, match=f"This is a {kind} number"):
            sms.parse_address(number, "phone", rules)


def test_names_of_kinds_are_those_of_the_library() -> None:
    assert sms._COSTLY == {PhoneNumberType.PREMIUM_RATE: "premium-rate", PhoneNumberType.PERSONAL_NUMBER: "personal"}


@pytest.mark.parametrize("number", ["+447700900123", "+447624123456", "+442079460000"])
def test_ordinary_numbers_are_taken(number: str) -> None:
    assert sms.parse_address(number, "phone", AddressRules(prefixes=("GB",))) == number


def test_numbers_are_of_the_instances_country_by_default() -> None:
    assert sms.home_prefixes("Europe/London") == ("GB",) and sms.home_prefixes("Europe/Dublin") == ("IE",)
    assert sms.home_prefixes("UTC") == ()
    abroad = "+353861234567"
    with pytest.raises(Invalid, match=r"begin with \+44 only"):
        sms.parse_address(abroad, "phone", AddressRules(prefixes=sms.home_prefixes("Europe/London")))
    for allowed in ("any", "+44,+353"):
        assert sms.parse_address(abroad, "phone", AddressRules(prefixes=prefixes(allowed))) == abroad
