"""Report of a notice, its CSV, and the test that an author sends to themselves."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from alerts.commands.actor import SYSTEM
from alerts.web.inbox.pages import open_message
from tests.integration.web.console.test_compose import drafted
from tests.support.officer import officer
from tests.support.scene import Scene, plan_of
from tests.support.served import Served


async def test_report_counts_people_ways_languages_and_failures(sending: Scene, sender: Any) -> None:
    sending.london()
    await sending.resident()
    await sending.resident(email="cymraeg@resident.example", language="cy")
    await sending.resident(email="no-such-mailbox@resident.example")
    fire = sending.notice(plan_of("smoke"), danger=True)
    await sending.arrived(2)
    member = await sending.commands.invite_member(SYSTEM, "a@town.example", "viewer", "A")
    assert sending.app.runner.wait_for(sending.app.writer.position(), 10)
    await sender.post(f"/console/sign-in/{sending.parts.sessions.new_link(member.id).token}", allow_redirects=False)
    path = f"/console/notices/{fire}/report"
    for _ in range(100):
        text = await (await sender.get(path)).text()
        if "refused for good" in text and re.search(r">Welsh</td>", text):
            break
        await sending.arrived(99, timeout=0.1)
    assert "3 people, 3 messages" in text and "By language" in text and ">Welsh</td>" in text
    assert "By way" in text and "66.7%" in text and "550 5.1.1 no such mailbox" in text
    answer = await sender.get(f"{path}.csv")
    assert answer.content_type == "text/csv" and "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert sum(int(row["deliveries"]) for row in rows) == 3 and {row["channel"] for row in rows} == {"email"}
    assert (await sender.get("/console/notices/01a22e2f-0000-7000-8000-000000000000/report")).status == 404


async def test_author_gets_a_test_and_residents_do_not(sending: Scene, sender: Any) -> None:
    served = Served(parts=sending.parts, client=sender)
    await sending.resident(email="resident@resident.example")
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.open(f"/console/notices/{notice}/check")
    await author.press("test", note="Keep me")
    assert (
        author.status == 200 and "A test is on its way to ann@town.example" in author.text and "Keep me" in author.text
    )
    await sending.arrived(1)
    assert sending.app.inbox is not None
    items = sending.app.inbox.items(0, 100)
    assert [item.to for item in items] == ["ann@town.example"]
    assert b"TEST" in items[0].data and b"Gas leak" in items[0].data


async def test_who_may_approve_is_told_and_an_author_whose_draft_comes_back(sending: Scene, sender: Any) -> None:
    served = Served(parts=sending.parts, client=sender)
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    await officer(served, "vera", "viewer")
    notice = await drafted(author)
    await author.open(f"/console/notices/{notice}/check")
    again = author.snapshot()
    await author.press()
    await again.press()
    await sending.arrived(1)
    await approver.open(f"/console/notices/{notice}/approve")
    again = approver.snapshot()
    await approver.press("return", reason="Name the street.")
    await again.press("return", reason="Name the street.")
    await sending.arrived(2)
    assert sending.app.inbox is not None
    mails = sending.app.inbox.items(0, 100)
    assert [mail.to for mail in mails] == ["kofi@town.example", "ann@town.example"], "once, however often it is pressed"
    asked, returned = (open_message(mail).text for mail in mails)
    assert f"/console/notices/{notice}/approve" in asked and "Approval asked" in asked
    assert "Name the street." in returned and f"/console/notices/{notice}/edit" in returned
