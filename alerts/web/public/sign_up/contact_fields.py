"""Addresses as people type them: a national number, a mistyped mail provider, times of day."""

from __future__ import annotations

import re
from difflib import get_close_matches

from alerts.channels.i18n import Translator
from alerts.channels.sms import costly_kind
from alerts.kernel.errors import Invalid
from subscribers import addresses

_PROVIDERS = (
    "gmail.com", "googlemail.com", "hotmail.com", "hotmail.co.uk", "outlook.com", "live.co.uk", "live.com",
    "yahoo.com", "yahoo.co.uk", "icloud.com", "btinternet.com", "sky.com", "virginmedia.com", "talktalk.net",
    "aol.com", "protonmail.com", "wp.pl", "onet.pl", "interia.pl", "gazeta.pl",
)  # fmt: skip
"""Mail providers that many people use: an address at a neighbour of one in spelling is probably mistyped."""
_TIME = re.compile(r"(\d{1,2})\s*[:.٫]?\s*(\d{2})")
_MOBILE, _FIXED = 1, 0
"""Kinds of `phonenumbers.PhoneNumberType`."""


def checked_email(given: str, t: Translator) -> tuple[str, str]:
    """Return (address, ""), or ("", the error in words)."""
    if not given:
        return "", t.text("sign_up", "email_empty")
    try:
        return addresses.email(given), ""
    except Invalid:
        return "", t.text("sign_up", "email_wrong")


def meant_instead(address: str) -> str:
    """Return the address that was probably meant, "" if this one looks right."""
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if not local or domain in _PROVIDERS:
        return ""
    close = get_close_matches(domain, _PROVIDERS, n=1, cutoff=0.84)
    return f"{local}@{close[0]}" if close else ""


def checked_phone(given: str, region: str, prefixes: tuple[str, ...], t: Translator) -> tuple[str, str]:
    """Return (E.164 number, ""), or ("", the error in words). A number without + is one of `region`."""
    import phonenumbers  # 40 ms: only where telephones are

    wrong = t.text("sign_up", "phone_wrong")
    plain = given.translate(str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789"))
    if not plain or any(c.isalpha() for c in plain) or len(plain) > 40:
        return "", wrong
    try:
        parsed = phonenumbers.parse(plain, region or None)
        number = addresses.phone(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    except (phonenumbers.NumberParseException, Invalid):
        return "", wrong
    if phonenumbers.number_type(parsed) == _FIXED:
        return "", t.text("sign_up", "phone_landline")
    if not phonenumbers.is_possible_number_for_type(parsed, _MOBILE):
        return "", wrong
    homes = tuple(p if p.startswith("+") else f"+{phonenumbers.country_code_for_region(p)}" for p in prefixes)
    if costly_kind(number) or (homes and not number.startswith(homes)):
        return "", t.text("sign_up", "phone_abroad")
    return number, ""


def checked_time(given: str) -> str:
    """Return a time of day as `HH:MM`, written as 8.30, 0830 or 8:30; "" if it is none."""
    plain = given.translate(str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789"))
    found = _TIME.fullmatch(plain.strip()) or re.fullmatch(r"(\d{1,2})()", plain.strip())
    if found is None:
        return ""
    hour, minute = int(found[1]), int(found[2] or 0)
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else ""


def masked_email(address: str) -> str:
    """Mask an address so that its owner knows it: `a…n@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…{local[-1:] if len(local) > 2 else ''}@{domain}"


def masked_phone(number: str) -> str:
    """Return the last three digits of a number."""
    return number[-3:]
