"""Calendar and newsletters: planned, moved, never doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.web.console.test_compose import drafted, people, state_of
from tests.support.officer import Officer, officer
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

__all__ = ["people"]
CALENDAR = "/console/calendar"


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


async def planned(served: Served, author: Officer) -> str:
    """A notice that an approver has scheduled for the day after tomorrow, 17:00."""
    notice = await drafted(author, ends_day=day(9))
    await author.open(f"/console/notices/{notice}/check")
    await author.press(when="at", send_day=day(2), send_time="17:00")
    approver = await officer(served, "kofi", "approver")
    await approver.open(f"/console/notices/{notice}/approve")
    await approver.press("send", people="3")
    assert state_of(served, notice) == "scheduled"
    return notice


@pytest.mark.usefixtures("people")
async def test_planned_notice_is_moved_and_stays_approved(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await planned(served, author)
    await author.open(CALENDAR)
    assert "17:00" in author.text and "Gas leak" in author.text and "Approved for 3 people." in author.text
    await author.open(f"{CALENDAR}?move={notice}")
    await author.press(send_day="1 January 2020", send_time="10:00")
    assert author.status == 422 and "has passed" in author.text and 'value="1 January 2020"' in author.text
    await author.press(send_day=day(12), send_time="10:00")
    assert author.status == 422 and "after it has expired" in author.text
    await author.press(send_day=day(3), send_time="9.15")
    assert author.status == 200 and author.url == CALENDAR and "09:15" in author.text and "17:00" not in author.text
    assert state_of(served, notice) == "scheduled"
    await author.open(f"/console/notices/{notice}")
    assert f"{CALENDAR}?move={notice}#move" in author.text and "Withdraw it" not in author.text
    await author.open(f"{CALENDAR}?move=nonsense&month=never")
    assert author.status == 200


async def test_series_shows_its_next_five_times_before_it_is_saved(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open("/console/newsletters/new")
    await author.press("show", name="", often="WEEKLY", on=[], at="8 o'clock")
    assert author.status == 422
    for words in ("Give a name", "Tick at least one day.", "Give a time of 24 hours"):
        assert words in author.text
    await author.press("show", name="Southwark this week", often="WEEKLY", on=["TU"], at="8")
    assert author.status == 200 and author.text.count("Tuesday ") >= 5
    await author.press("save")
    assert author.url == "/console/newsletters/southwark-this-week", author.text[:2000]
    await author.press("save", often="MONTHLY", month_day="15", at="09:30")
    assert author.status == 200 and "09:30" in author.text
    await author.press("save", month_day="16", title="Issue 1", body="What happened.")
    assert author.status == 200 and 'value="16"' in author.text and "What happened.</textarea>" in author.text
    await author.press("issue", month_day="17")
    assert author.status == 422 and 'value="17"' in author.text and "What happened.</textarea>" in author.text
    assert "The series was changed on this page" in author.text
    await author.press("end", month_day="16")
    assert author.status == 422 and "An issue is begun on this page" in author.text
    await author.press("issue", month_day="16")
    assert author.status == 200 and "Issue 1" in author.text
    await author.open(CALENDAR)
    assert "Issue 1" in author.text and "Southwark this week" in author.text


@SQLITE
async def test_odd_rules_and_unknown_series(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open("/console/newsletters/new")
    await author.press("save", name="x" * 10_000, often="RULE", rule="FREQ=SECONDLY", at="08:00")
    assert author.status == 422 and "recurrence rule of days" in author.text
    await author.press("save", name="<b>Odd</b>", slug="NOT A SLUG", often="DAILY", at="08:00")
    assert author.status == 422 and "&lt;b&gt;Odd" in author.text
    await author.open("/console/newsletters/none")
    assert author.status == 404


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("people")
async def test_what_is_approved_for_later_never_leaves_by_another_press(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author, ends_day=day(9))
    await author.open(f"/console/notices/{notice}/check")
    await author.press(when="at", send_day=day(2), send_time="17:00")
    second = await officer(served, "lea", "approver")
    for one in (approver, second):
        await one.open(f"/console/notices/{notice}/approve")
    twice = approver.snapshot()
    await approver.press("send", people="3")
    await twice.press("send", people="3")
    assert state_of(served, notice) == "scheduled" and twice.status == 200, "it gets the first press's answer"
    await second.press("send", people="3")
    assert state_of(served, notice) == "scheduled" and second.status == 409, second.text
    await second.open(f"/console/notices/{notice}/approve")
    await second.press("reject")
    assert second.status == 422 and state_of(served, notice) == "scheduled"
    await second.press("reject", reason="It is another day.")
    assert state_of(served, notice) == "rejected" and second.status == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_days_and_numbers_beyond_the_calendar_are_refused_in_words(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    for month in ("9999-12", "0001-01"):
        await author.open(f"{CALENDAR}?month={month}")
        assert author.status == 200
    notice = await drafted(author, ends_day=day(9))
    await author.press("save", position="²")
    assert author.status == 200
    for end in ("0001-01-01", "9999-12-31"):
        await author.press("save", ends_day=end, ends_time="00:00")
        assert author.status == 422 and "Give the end as a day" in author.text
    await author.open(f"/console/notices/{notice}/check")
    await author.press()
    await approver.open(f"/console/notices/{notice}/approve")
    await approver.press("send", people="3", version="²")
    assert approver.status == 422 and "Read the words again" in approver.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_clock_change_is_on_a_sunday_at_any_hour(served: Served) -> None:
    for hour in (0, 12):
        served.shift += (served.now + timedelta(days=1)).replace(hour=hour, minute=30) - served.now
        author = await officer(served, f"ann{hour}", "author")
        await author.open(CALENDAR)
        assert "The clocks change next on Sunday" in author.text, hour
