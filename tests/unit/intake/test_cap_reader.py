"""CAP 1.2 in: what the standard asks is asked, hostile XML costs nothing, and infos are grouped by RULES 19."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from alerts.contract.cap_message import CapMessage
from alerts.intake import cap_reader
from alerts.kernel.errors import Invalid, Malformed
from tests.support.cap import CIRCLE, SQUARE, alert, info


def faults(body: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        cap_reader.parse(body)
    assert not isinstance(caught.value, Malformed), caught.value
    return {fault.field: fault.message for fault in caught.value.errors}


def test_a_message_is_read_whole() -> None:
    message = cap_reader.parse(alert(info(), info("cy", "Tân", headline="Tân yn y felin")))
    assert (message.sender, message.identifier, message.status, message.msg_type) == (
        "fire@example.org", "fire-1", "Actual", "Alert",
    )  # fmt: skip
    (group,) = message.groups
    assert list(group.content) == ["en-GB", "cy"]
    assert group.content["cy"].title == "Tân yn y felin"
    assert group.content["en-GB"].instruction == "Stay in."
    assert group.event == {"en-GB": "Fire", "cy": "Tân"}
    assert group.area == [{"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.5}}]
    assert group.expires == datetime(2026, 3, 12, 12, 30, tzinfo=timezone(timedelta(0)))
    assert group.category == "Fire"


def test_polygons_become_lon_lat() -> None:
    (group,) = cap_reader.parse(alert(info(area=SQUARE + CIRCLE))).groups
    assert group.area is not None
    assert group.area[0]["coordinates"][0][0] == [-0.1, 51.5]
    assert group.area[0]["coordinates"][0][0] == group.area[0]["coordinates"][0][-1]
    assert "circle" in group.area[1]


def test_without_geometry_there_is_no_area() -> None:
    code = "<area><areaDesc>X</areaDesc><geocode><valueName>N</valueName><value>1</value></geocode></area>"
    assert cap_reader.parse(alert(info(area=code))).groups[0].area is None
    assert cap_reader.parse(alert()).groups == ()


def titles(message: CapMessage) -> list[dict[str, str]]:
    return [dict(group.event) for group in message.groups]


def test_groups_differ_by_what_the_rule_names() -> None:
    code = "<eventCode><valueName>SAME</valueName><value>FRW</value></eventCode>"
    message = cap_reader.parse(
        alert(info(), info(severity="Minor"), info(area=SQUARE), info(codes=code), info("cy", "Tân"))
    )
    assert titles(message) == [{"en-GB": "Fire", "cy": "Tân"}, {"en-GB": "Fire"}, {"en-GB": "Fire"}, {"en-GB": "Fire"}]


def test_event_is_compared_within_one_language_only() -> None:
    message = cap_reader.parse(alert(info(), info(event="Flood"), info("cy", "Tân"), info("cy", "Llifogydd")))
    assert titles(message) == [{"en-GB": "Fire", "cy": "Tân"}, {"en-GB": "Flood", "cy": "Llifogydd"}]
    assert len(cap_reader.parse(alert(info("en-GB"), info("en-US"))).groups) == 1
    assert len(cap_reader.parse(alert(info("en-GB"), info("en-US", "Flood"))).groups) == 2


def test_an_area_is_equal_in_any_order_and_whatever_its_words() -> None:
    turned = CIRCLE.replace("Town", "Tref") + SQUARE.replace("Square", "Sgwar")
    message = cap_reader.parse(alert(info(area=SQUARE + CIRCLE), info("cy", "Tân", area=turned)))
    (group,) = message.groups
    assert group.area_desc == {"en-GB": "Square; Town", "cy": "Tref; Sgwar"}


def test_the_first_words_of_a_language_stand() -> None:
    (group,) = cap_reader.parse(alert(info(headline="One"), info(headline="Two"))).groups
    assert group.content["en-GB"].title == "One"


def test_references_are_triples() -> None:
    text = "a@b.org,x-1,2026-03-12T09:30:00+00:00 a@b.org,x-2,2026-03-12T09:31:00+00:00"
    message = cap_reader.parse(alert(info(), msgType="Update", references=text))
    assert message.references == (
        ("a@b.org", "x-1", "2026-03-12T09:30:00+00:00"),
        ("a@b.org", "x-2", "2026-03-12T09:31:00+00:00"),
    )
    odd = "x-1 a@b.org, x-1,2026-03-12T09:30:00Z a@b.org,x-2,yesterday"
    message = cap_reader.parse(alert(info(), msgType="Update", references=odd))
    assert message.references == (("a@b.org", "x-1", "2026-03-12T09:30:00Z"),)
    assert len(message.left_out) == 2 and all(words.startswith("references: ") for words in message.left_out)


def test_response_types_are_kept() -> None:
    (group,) = cap_reader.parse(alert(info(extra="<responseType>AllClear</responseType>"))).groups
    assert group.all_clear


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (alert(info(), identifier="-"), "identifier"),
        (alert(info(), identifier="has space"), "identifier"),
        (alert(info(), sender="a,b"), "sender"),
        (alert(info(), status="Real"), "status"),
        (alert(info(), status="-"), "status"),
        (alert(info(), msgType="-"), "msgType"),
        (alert(info(), scope="-"), "scope"),
        (alert(info(), sent="2026-03-12T09:30:00Z"), "sent"),
        (alert(info(), sent="2026-03-12T09:30:00"), "sent"),
        (alert(info(), sent="2026-13-12T09:30:00+00:00"), "sent"),
        (alert(info(), sent="9999-12-31T23:59:59-12:00"), "sent"),
        (alert(info(), priority="high"), "priority"),
        (alert(info(), info(severity="Terrible")), "info.1.severity"),
        (alert(info(extra="<severity>Minor</severity>")), "info.0.severity"),
        (alert(info(extra="<urgent>yes</urgent>")), "info.0.urgent"),
        (alert(info(event="")), "info.0.event"),
        (alert(info(), identifier="x" * 1001), "identifier"),
        (alert(info(language="en_GB")), "info.0.language"),
        (alert(info().replace("12:30:00", "09:30:00")), "info.0.expires"),
        (b"<alert/>", "alert"),
        (f'<info xmlns="{cap_reader.NAMESPACE}"/>'.encode(), "alert"),
        (alert(info()).replace(b"cap:1.2", b"cap:1.1"), "alert"),
    ],
)
def test_what_is_not_cap_is_invalid_and_named(body: bytes, field: str) -> None:
    assert field in faults(body)


def test_every_fault_is_told_at_once() -> None:
    body = alert(info(severity="x", event=""), status="x", sent="x")
    assert set(faults(body)) == {"status", "sent", "info.0.severity", "info.0.event"}


BOMB = (
    '<!DOCTYPE a [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><a>&a9;</a>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<alert>",
        b"\x00\x01",
        b'<!DOCTYPE alert SYSTEM "file:///etc/passwd"><alert/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
        BOMB.encode(),
        b"<a>" * 33 + b"</a>" * 33,
        b"<a>" * 80_000,
        b"<a>&nbsp;</a>",
    ],
)
def test_hostile_xml_is_malformed_at_once(body: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(Malformed):
        cap_reader.parse(body)
    assert time.perf_counter() - start < 1


def test_thirty_two_levels_are_read_and_a_signature_may_stand() -> None:
    inner = "<s:a>" * 31 + "</s:a>" * 31
    signed = alert(info()).replace(
        b"</alert>", f'<s:Signature xmlns:s="urn:s">{inner[5:-6]}</s:Signature></alert>'.encode()
    )
    assert cap_reader.parse(signed).identifier == "fire-1"


ENDED = "<responseType>AllClear</responseType>"


@pytest.mark.parametrize("expires", ["2026-03-12T09:30:00+00:00", "2025-01-01T00:00:00+00:00", "now"])
def test_own_times_never_stop_a_cancel_or_all_clear(expires: str) -> None:
    ending = info(extra=ENDED).replace("2026-03-12T12:30:00+00:00", expires)
    update = cap_reader.parse(alert(ending, info("cy", "Tân"), msgType="Update"))
    assert [group.all_clear for group in update.groups] == [True]
    cancel = cap_reader.parse(alert(ending.replace(ENDED, ""), msgType="Cancel"))
    assert cancel.groups[0].content["en-GB"].title == "Fire at the mill" and cancel.groups[0].expires is None
    assert cancel.left_out == ()


def test_cancel_is_read_whatever_its_infos_hold() -> None:
    odd = info(severity="Terrible", area="<area><polygon>here</polygon></area>")
    message = cap_reader.parse(alert(odd, info("en_GB"), msgType="Cancel"))
    assert list(message.groups[0].content) == ["en-GB"] and len(message.groups) == 1
    assert [words.partition(":")[0] for words in message.left_out] == ["info.1"]


def test_no_length_of_its_texts_refuses_a_warning() -> None:
    area = CIRCLE.replace("Town", "Town " * 5_000)
    long = info(event="Flood " * 50, headline="Rain " * 60, area=area).replace("Smoke.", "Smoke. " * 4_000)
    (group,) = cap_reader.parse(alert(long, identifier="x" * 300)).groups
    assert group.content["en-GB"].title == ("Rain " * 60).strip()
    assert group.content["en-GB"].body == ("Smoke. " * 4_000).strip()


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ("<circle>51.5,-0.1\n1</circle>", ""),
        ("<circle> 51.5, -0.1  1 </circle>", ""),
        ("<polygon>51.5,-0.1\n51.5,-0.2\n\t51.6 , -0.2 51.5,-0.1</polygon>", ""),
        ("<circle/>", "circle"),
        ("<circle>51.5 -0.1 1.5</circle>", "circle"),
        ("<circle>51.5,-0.1</circle>", "circle"),
        ("<circle>51.5,-0.1 -1</circle>", "circle"),
        ("<circle>151.5,-0.1 1</circle>", "circle"),
        ("<circle>nan,-0.1 1</circle>", "circle"),
        ("<polygon/>", "polygon"),
        ("<polygon>51.5,-0.1 51.5,-0.1</polygon>", "polygon"),
        ("<polygon>51.5,-0.1 51.5,-0.2 51.6,-0.2 51.6,-0.1</polygon>", "polygon"),
        ("<polygon>51.5,-0.1 here 51.6,-0.2 51.5,-0.1</polygon>", "polygon"),
        ("<geocode/>", "geocode"),
        ("<geocode><value>1</value></geocode>", "geocode"),
    ],
)
def test_odd_part_is_left_out_by_name_and_the_rest_is_taken(odd: str, field: str) -> None:
    message = cap_reader.parse(alert(info(area=SQUARE + f"<area><areaDesc>X</areaDesc>{odd}</area>")))
    assert [words.partition(":")[0] for words in message.left_out] == ([f"info.0.area.1.{field}"] if field else [])
    (group,) = message.groups
    assert group.area is not None and len(group.area) == (1 if field else 2)


def test_missing_area_description_and_unreadable_time_are_left_out() -> None:
    odd = info(area=CIRCLE.replace("Town", "")).replace("2026-03-12T12:30:00+00:00", "noon")
    message = cap_reader.parse(alert(odd))
    assert message.groups[0].area is not None and message.groups[0].expires is None
    assert [words.partition(":")[0] for words in message.left_out] == ["info.0.area.0.areaDesc", "info.0.expires"]


@pytest.mark.parametrize(
    ("declared", "charset", "encoding"),
    [
        ("", "ISO-8859-1", "latin-1"),
        ("", "utf-8", "utf-8"),
        ("", None, "utf-8"),
        ("", "no-such", "utf-8"),
        (' encoding="ISO-8859-1"', "utf-8", "latin-1"),
        (' encoding="UTF-8"', "ISO-8859-1", "utf-8"),
        (' encoding="UTF-16"', "ISO-8859-1", "utf-16"),
    ],
)
def test_xml_s_own_encoding_counts_before_that_of_the_header(declared: str, charset: str | None, encoding: str) -> None:
    text = alert(info(headline="Alerte levée")).decode().replace("?>", f"{declared}?>", 1)
    message = cap_reader.parse(text.encode(encoding), charset)
    assert message.groups[0].content["en-GB"].title == "Alerte levée"


def test_translated_geocodes_and_names_split_no_group_with_a_geometry() -> None:
    code = "<geocode><valueName>{}</valueName><value>1</value></geocode></area>"
    english, icelandic = (CIRCLE.replace("</area>", code.format(name)) for name in ("Forecast Region", "Spásvæði"))
    message = cap_reader.parse(alert(info(area=english), info("is", "Vindur", area=icelandic.replace("Town", "Bær"))))
    assert [list(group.content) for group in message.groups] == [["en-GB", "is"]]


def test_geocodes_and_names_count_where_there_is_no_geometry() -> None:
    def area(name: str, value: str = "") -> str:
        code = f"<geocode><valueName>N</valueName><value>{value}</value></geocode>" if value else ""
        return f"<area><areaDesc>{name}</areaDesc>{code}</area>"

    def count(*areas: str) -> int:
        return len(cap_reader.parse(alert(*(info(area=one) for one in areas))).groups)

    assert count(area("A", "1"), area("B", "1")) == 1
    assert (count(area("A", "1"), area("A", "2")), count(area("A"), area("B")), count(area("A"), area("A"))) == (
        2,
        2,
        1,
    )


def period(start: str, end: str, language: str = "en-GB", headline: str = "Storm", extra: str = "") -> str:
    """An info of the morning's hours `start` to `end`."""
    onset = f"<onset>2026-03-12T{start}:00:00+01:00</onset>"
    return (
        info(language, "Storm", headline=headline, extra=extra)
        .replace("<expires>2026-03-12T12:30:00+00:00", f"{onset}<expires>2026-03-12T{end}:00:00+01:00")
        .replace("Smoke.", f"Wind from {start}.")
    )


def test_periods_of_one_language_are_one_notice_in_order_of_time() -> None:
    message = cap_reader.parse(
        alert(
            period("18", "20", headline="Gale"), period("14", "16"), period("14", "16", "de"), period("18", "20", "de")
        )
    )
    (group,) = message.groups
    words = group.content["en-GB"]
    assert words.title == "Storm" and words.instruction == "Stay in."
    assert words.body == (
        "12 March 2026 14:00 – 12 March 2026 16:00 (UTC+01:00)\nWind from 14.\n\n"
        "12 March 2026 18:00 – 12 March 2026 20:00 (UTC+01:00)\nGale\nWind from 18."
    )
    assert "12 März 2026 14:00" in group.content["de"].body and "Wind from 18." in group.content["de"].body
    assert group.onset is not None and group.onset.hour == 14
    assert group.expires is not None and group.expires.hour == 20


def test_other_words_of_the_same_period_are_told_too() -> None:
    second = period("14", "16").replace("Wind from 14.", "Hail, too.")
    words = cap_reader.parse(alert(period("14", "16"), second)).groups[0].content["en-GB"]
    assert "Wind from 14." in words.body and "Hail, too." in words.body


def test_instructions_that_differ_are_told_with_their_period() -> None:
    late = period("18", "20").replace("Stay in.", "Leave.")
    words = cap_reader.parse(alert(period("14", "16"), late)).groups[0].content["en-GB"]
    assert words.instruction == "" and words.body.index("Stay in.") < words.body.index("Wind from 18.")
    assert words.body.endswith("Leave.")


def test_all_clear_is_no_period_of_a_warning() -> None:
    message = cap_reader.parse(alert(period("14", "16"), period("18", "20", extra=ENDED), msgType="Update"))
    assert [group.all_clear for group in message.groups] == [False, True]


def test_number_of_infos_is_limited() -> None:
    with pytest.raises(Invalid, match="at most 1000 are taken"):
        cap_reader.parse(alert(*[info()] * 1_001))
    cancel = alert(*[info()] * 1_001, msgType="Cancel", references="fire@example.org,fire-1,2026-03-12T09:30:00+00:00")
    assert cap_reader.parse(cancel).msg_type == "Cancel", "judged by its references alone"
