"""Rows checked in a process of their own: in pages, from any row on, and with nothing of a row in what is recorded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from alerts.commands.subscriber_imports import ImportRow
from alerts.import_export.parser_process import PAGE, Last, Order, Terms, pages, rows, without_values

TERMS = Terms(language="en", timezone="Europe/London", topics=frozenset(("weather",)))
HEADER = "email,phone,places,topics,paused_until,consent_wording,consent_given_at\n"


def people(file: Path, *lines: str) -> Path:
    file.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def checked(file: Path, **more: bool) -> list[ImportRow]:
    *found, last = rows(Order(file=str(file), terms=TERMS, **more))
    assert isinstance(last, Last)
    return [row for page in found if isinstance(page, list) for row in page]


def test_a_row_is_checked_or_left_to_the_instance(tmp_path: Path) -> None:
    file = people(
        tmp_path / "p.csv",
        "Ann@X.example,,,weather,,Tell me,2026-01-01T00:00:00Z",
        ",+447700900001,,,,,",
        "no address,,,,,,",
        ",,,weather,,,",
        "b@x.example,,,snow,,,",
        "b@x.example,,,,next week,,",
        "b@x.example,,,,,Tell me,",
    )
    ann, phone, *bad = checked(file)
    assert (ann.line, ann.reaches, ann.reason) == (2, (("email", "Ann@x.example"),), "")
    assert ann.preferences is not None
    assert ann.preferences.topics == ("weather",)
    assert ann.consent is not None
    assert (phone.body, phone.reaches) == (None, (("sms", "+447700900001"),))
    assert [(row.line, row.field) for row in bad] == [
        (4, "email"),
        (5, "email"),
        (6, "topics.0"),
        (7, "paused_until"),
        (8, "consent_given_at"),
    ]


def test_only_numbers_that_may_be_texted_come_in(tmp_path: Path) -> None:
    file = people(
        tmp_path / "p.csv", ",+44 7700 900001,,,,,", ",+1 202 555 0123,,,,,", "a@x.example,+33 1 99 00 00 00,,,,,"
    )
    terms = msgspec.structs.replace(TERMS, prefixes=("+44",))
    page, _ = rows(Order(file=str(file), terms=terms))
    assert isinstance(page, list)
    assert [(row.reaches, row.field) for row in page] == [
        ((("sms", "+447700900001"),), ""),
        ((), "phone"),
        ((), "phone"),
    ]
    assert "begin with +44 only" in page[1].reason


def test_a_row_that_cannot_be_written_down_is_refused_alone(tmp_path: Path) -> None:
    half = r'"[{""lat"": 51, ""lon"": 0, ""name"": ""half \ud800""}]"'
    file = people(tmp_path / "p.csv", f"a@x.example,,{half},,,,", "b@x.example,,,,,,")
    odd, right = checked(file)
    assert (odd.field, right.reason) == ("places", "")
    assert msgspec.msgpack.encode(odd)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('[{"CANARY FIELD": 1}]', "Object contains unknown field `CANARY FIELD`"),
        ("Canary O'Hara Road", 'no place "Canary O\'Hara Road" is registered'),
        ("x" * 70 + "canary's", "'" + "x" * 60 + "' is none"),
        ("CANARYlong", "canary is no place"),
        ("Li", "Li is no place"),
    ],
)
def test_nothing_of_a_row_is_recorded_however_it_is_quoted(cell: str, reason: str) -> None:
    recorded = without_values(reason, {"places": cell}).casefold()
    assert not any(word in recorded for word in ("canary", "field`", "hara", "road", "xxxx", "li "))


def test_what_is_recorded_says_nothing_of_the_row() -> None:
    cells = {"email": "jane.doe@somewhere", "places": "51.4801,north street"}
    reason = "'51.4801,north street': expected latitude; jane.doe has no domain; 51.4801 is odd"
    recorded = without_values(reason, cells)
    assert "expected latitude" in recorded
    for word in ("51.48", "north", "street", "jane"):
        assert word not in recorded


def test_a_rehearsal_tells_a_second_row_about_the_same_person(tmp_path: Path) -> None:
    agreed = "weather,,Tell me,2026-01-01T00:00:00Z"
    file = people(tmp_path / "p.csv", f"a@x.example,,,{agreed}", f"A@x.example,,,{agreed}", "b@x.example,,,,,,")
    assert [row.repeated for row in checked(file, rehearsal=True)] == [False, True, False]
    assert not any(row.repeated for row in checked(file))


async def test_another_process_gives_the_same_pages_from_any_row_on(tmp_path: Path) -> None:
    count = PAGE + 3
    file = people(tmp_path / "p.csv", *(f"r{number}@x.example,,,,,," for number in range(count)))
    got = [page async for page in pages(Order(file=str(file), terms=TERMS, skip=2))]
    *full, last = got
    assert isinstance(last, Last)
    assert not last.error
    decoded = [msgspec.msgpack.decode(page[1], type=list[ImportRow]) for page in full if not isinstance(page, Last)]
    assert [len(page) for page in decoded] == [PAGE, 1]
    assert decoded[0][0].reaches == (("email", "r2@x.example"),)
    assert decoded[1][0].line == count + 1


async def test_a_file_that_breaks_off_ends_in_words(tmp_path: Path) -> None:
    file = people(tmp_path / "p.csv", "a@x.example,,,,,,", '"b@x.example,,,,,,')
    *_, last = [page async for page in pages(Order(file=str(file), terms=TERMS))]
    assert isinstance(last, Last)
    assert "line 3: a quotation mark" in last.error


@pytest.mark.parametrize("cells", [{}, {"email": "a"}])
def test_there_is_always_a_reason(cells: dict[str, str]) -> None:
    assert without_values("", cells)
