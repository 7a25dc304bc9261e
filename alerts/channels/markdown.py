"""Markdown from users as safe HTML and as plain text. Raw HTML in it is shown as text; images are left out."""

from __future__ import annotations

import re
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from alerts.kernel.texts import cut

_TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "a", "h3", "blockquote", "code", "hr"}
_BLANKS = re.compile(r"[ \t\n\r\f\v]+")
_SCHEMES = {"https", "http", "mailto", "tel"}
WIDTH = 72


def html(markdown: str) -> str:
    """Render sanitised HTML of paragraphs, emphasis, lists and links; headings become h3."""
    if not markdown.strip():
        return ""
    return nh3.clean(
        _parser().render(markdown),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes=_SCHEMES,
        link_rel="noopener nofollow",
    ).strip()


def text(markdown: str, width: int = WIDTH) -> str:
    """Render wrapped plain text; a link is followed by its address."""
    return "\n\n".join(_blocks(_parser().parse(markdown), width))


def first_line(markdown: str, limit: int = 160) -> str:
    """Return the beginning in one line, cut at a word if there is one."""
    flat = " ".join(text(markdown, width=10_000).split())
    return cut(flat, limit)


def wrap(paragraph: str, width: int = WIDTH, indent: str = "") -> str:
    """Wrap a paragraph at `width`; a long word, such as a link, is never broken. Blanks count as one.

    `textwrap` takes ten times as long, which is a tenth of what it takes to write a message for one reader.
    """
    plain = paragraph.isprintable() and "  " not in paragraph
    rest, lines, start = (paragraph if plain else _BLANKS.sub(" ", paragraph)).strip(" "), list[str](), 0
    while len(rest) > width:
        at = rest.rfind(" ", start, width + 1)
        if at < 0:
            at = rest.find(" ", width)
            if at < 0:
                break
        lines.append(rest[:at])
        rest, start = indent + rest[at + 1 :], len(indent)
    return "\n".join([*lines, rest])


@cache
def _parser() -> MarkdownIt:
    """Parser shared by all threads, with its rules compiled."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.disable("image")
    parser.add_render_rule("heading_open", lambda *_: "<h3>")
    parser.add_render_rule("heading_close", lambda *_: "</h3>\n")
    # A ruler publishes its list of rules before filling it: a thread that came in between would parse with too few
    # rules, and its readers would get a message without a word in it.
    for ruler in (parser.core.ruler, parser.block.ruler, parser.inline.ruler, parser.inline.ruler2):
        ruler.getRules("")
    return parser


def _blocks(tokens: list[Token], width: int) -> list[str]:
    """Split into wrapped paragraphs; list items keep their bullet or number and stay together."""
    blocks: list[str] = []
    numbers: list[int | None] = []
    bullet, in_list = "", False
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            numbers.append(None if token.type.startswith("bullet") else int(token.attrGet("start") or 1))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            numbers.pop()
            in_list = bool(numbers)
        elif token.type == "list_item_open":
            number = numbers[-1]
            bullet = "  " * (len(numbers) - 1) + ("- " if number is None else f"{number}. ")
            numbers[-1] = None if number is None else number + 1
        elif token.type == "hr":
            blocks.append("-" * 20)
        elif token.type in ("inline", "fence", "code_block"):
            words = _inline(token.children or []) if token.type == "inline" else token.content
            block = "\n".join(
                wrap(line, width, " " * len(bullet)) for line in (bullet + words).splitlines() if line.strip()
            )
            if in_list and bullet:
                blocks[-1] += "\n" + block
            else:
                blocks.append(block)
            bullet, in_list = "", bool(numbers)
    return blocks


def _inline(children: list[Token]) -> str:
    out: list[str] = []
    href = ""
    for child in children:
        if child.type in ("text", "code_inline"):
            out.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            out.append("\n")
        elif child.type == "link_open":
            href = str(child.attrGet("href") or "")
        elif child.type == "link_close" and href:
            if href not in "".join(out):
                out.append(f" ({href})")
            href = ""
    return "".join(out)
