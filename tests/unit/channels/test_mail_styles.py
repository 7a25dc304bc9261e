"""Styles of e-mails: inlined on each element, with merge fields and links unharmed."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2 import DictLoader
from lxml import etree
from lxml import html as lxml_html

from alerts.channels import markdown
from alerts.channels.descriptor import DigestItem
from alerts.channels.email import EmailRenderer
from alerts.channels.i18n import LANGUAGES, translator
from alerts.channels.layouts import Layouts
from alerts.channels.merge_fields import mark, split
from alerts.channels.renderer import Renderer
from alerts.channels.severity_style import STYLES
from tests.unit.channels.test_email import body

RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STEP = re.compile(r"^(?P<tag>[a-z0-9]+)?(?P<classes>(?:\.[a-z]+)*)(?:\[dir=(?P<dir>[a-z]+)\])?$")
PROSE = "One **two**.\n\n[a map](https://a.example/p?a=1&b=%20ü#x)\n\n# Head"


@pytest.fixture
def layouts() -> Layouts:
    return Layouts(sender="Town <a@town.example>", clock=lambda: datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def mails(renderer: Renderer, words: Any, reader: Any, desks: Any) -> dict[str, str]:
    """HTML parts that use the boxes of a notice and several severities, from left to right and from right to left."""
    items = [DigestItem(words=words(severity=severity), personal=reader()) for severity in ("Extreme", "Minor")]
    mails = {"digest": body(renderer.digest("en", items, reader()), "html")}
    for language in LANGUAGES:
        notice = words(frame_language=language, body=PROSE, instruction=PROSE, check_code="AB12", status="Exercise")
        reached = reader(alternatives=desks, relay=True, preferences_url="https://town.example/p?x=1&y=2")
        mails[language] = body(renderer.prepare(notice, "email").message(reached), "html")
    return mails


def xpath(selector: str) -> str:
    """XPath of one of the few forms of selector that mail.css has: `a`, `.a.b`, `.a[dir=ltr]`, `.a p`, `.a + .b`."""
    path = ""
    for step in re.sub(r"\s*\+\s*", " +", selector.strip()).split():
        found = STEP.match(step.removeprefix("+"))
        assert found, f"{selector}: teach this test the new form"
        beside = step.startswith("+")
        path += ("/following-sibling::*[1]" if beside else "//*") + (f"[self::{found['tag']}]" if found["tag"] else "")
        for name in filter(None, found["classes"].split(".")):
            path += f"[contains(concat(' ', @class, ' '), ' {name} ')]"
        path += f"[@dir='{found['dir']}']" if found["dir"] else ""
    return path


def properties(declarations: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in declarations.split(";") if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def test_each_styled_element_has_its_style_inline(layouts: Layouts, mails: dict[str, str]) -> None:
    sheet = layouts.text.get_template("email/mail.css").render(tones=list(STYLES.values()))
    used = set()
    for mail in mails.values():
        page = lxml_html.document_fromstring(mail)
        for selectors, declarations in RULE.findall(COMMENT.sub("", sheet)):
            for selector in selectors.split(","):
                for element in page.xpath(xpath(selector)):
                    used.add(selector.strip())
                    missing = properties(declarations).keys() - properties(element.get("style", "")).keys()
                    assert not missing, f"{selector} {missing}: {etree.tostring(element)[:200]!r}"
    assert {"body", "p", ".instruction p", ".tag + .soft", ".do.severe", ".tag.extreme"} <= used


def test_a_more_specific_rule_wins(mails: dict[str, str]) -> None:
    page = lxml_html.document_fromstring(mails["en"])
    (title,) = page.xpath("//h1")
    (instruction, *_) = page.xpath("//*[contains(@class, 'instruction')]/p")
    assert properties(title.get("style"))["margin"] == "8px 0 12px"
    assert properties(instruction.get("style"))["margin"] == "0"


def test_the_head_has_only_what_cannot_be_inlined(mails: dict[str, str]) -> None:
    for mail in mails.values():
        (kept,) = re.findall(r"<style.*?>(.*?)</style>", mail, re.DOTALL)
        assert mail.index("<style") < mail.index("</head>")
        outside, media, dark = kept.partition("@media (prefers-color-scheme: dark)")
        assert outside.strip() == ":root { color-scheme: light dark }" and media and "/*" not in kept
        assert all(line.count("!important") == line.count(":") for line in dark.splitlines()), "inline styles win"


@pytest.mark.parametrize(("language", "side"), [("en", "left"), ("pl", "left"), ("ar", "right"), ("ur", "right")])
def test_the_frame_follows_its_language_the_words_theirs(mails: dict[str, str], language: str, side: str) -> None:
    page = lxml_html.document_fromstring(mails[language])
    (sheet,) = page.xpath("//table[starts-with(@class, 'sheet')]")
    assert properties(sheet.get("style"))["text-align"] == side
    english = page.xpath("//*[starts-with(@class, 'words')]")
    assert [properties(one.get("style"))["text-align"] for one in english] == ["left", "left"]


def test_marks_and_links_pass_unchanged(layouts: Layouts, words: Any) -> None:
    context = {
        "words": words(),
        "title": "T",
        "preview": "",
        "tone": STYLES["severe"],
        "tones": [STYLES["severe"]],
        "tag": "",
        "banners": ["One"],
        "struck": False,
        "body_direction": "ltr",
        "original": "",
        "body_html": markdown.html(PROSE),
        "instruction_html": "",
        **dict.fromkeys(("concerned", "where", "issued_by", "sent", "until", "forward"), ""),
        **dict.fromkeys(("near", "stop", "fewer", "relay"), True),
        "frame": translator("en"),
        "mark": mark,
    }
    before = layouts.html.get_template("email/notice.html").render(context)
    after = layouts.mail_html("notice", context)
    names = [name for _, name in split(before)]
    assert names == ["near", "because", "why_url", "preferences_url", "stop_url", None]
    assert [name for _, name in split(after)] == names
    links = [link.get("href") for link in lxml_html.document_fromstring(before).xpath("//a")]
    assert links == [link.get("href") for link in lxml_html.document_fromstring(after).xpath("//a")]
    assert 'href="' + mark("stop_url") + '"' in after


def test_no_style_sheet_is_fetched(layouts: Layouts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/remote.css"
        layouts.html.loader = DictLoader({"email/remote.html": f'<link rel="stylesheet" href="{url}"><p>words</p>'})
        assert "<p>words</p>" in layouts.mail_html("remote", {})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_an_equal_mail_is_inlined_once_and_holds_no_secret(layouts: Layouts) -> None:
    mails = EmailRenderer(layouts)
    t = translator("en")
    for secret in ("first", "second"):
        url = f"https://town.example/{secret}?a=1&b=2"
        for message in (
            mails.sign_in("a@town.example", secret, url, t),
            mails.report_answer("a@town.example", secret, "R1", f"{secret} <answer>\nin two lines", url, t),
        ):
            assert f'href="https://town.example/{secret}?a=1&amp;b=2"' in body(message, "html")
            assert url in body(message, "plain")
        assert f"{secret} &lt;answer&gt;" in body(message, "html")
    assert (layouts.inline.cache_info().misses, layouts.inline.cache_info().hits) == (2, 2)
