"""Check codes: short, recognised however they are typed, and hard to guess."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.check_codes import LENGTH, check_code, normal, numbers_of
from alerts.kernel.secret_keys import SecretKeys

KEYS = SecretKeys(b"s" * 32)


@given(st.integers(0, 2**30 - 1))
def test_code_leads_back_to_its_notice(number: int) -> None:
    code = check_code(KEYS, number)
    assert len(code) == LENGTH and number in numbers_of(KEYS, code)


def test_codes_of_neighbours_differ_and_are_unique() -> None:
    codes = [check_code(KEYS, number) for number in range(3000)]
    assert len(set(codes)) == 3000
    assert len({code[:2] for code in codes}) > 500, "codes must not count upwards"


def test_code_is_read_as_people_type_it() -> None:
    for typed in ("10ab2k", "IO AB 2K", "io-ab2k", " lOAB2K ", "１０AB2K"):
        assert normal(typed) == "10AB2K", typed
    for other in ("", "10AB2", "10AB2K7", "10AB2U", "<b>ab", "10AB2\u0661", "x" * 10_000):
        assert normal(other) is None and numbers_of(KEYS, other) == [], other


def test_code_of_another_instance_is_another() -> None:
    other = SecretKeys(b"t" * 32)
    assert check_code(KEYS, 7) != check_code(other, 7)
    assert 7 not in numbers_of(other, check_code(KEYS, 7))
    renewed = SecretKeys(b"t" * 32, b"s" * 32)
    assert 7 in numbers_of(renewed, check_code(KEYS, 7)), "after a renewal old messages can be checked still"
