"""Markdown from users as safe HTML and as plain text. Raw HTML in it is shown as text; images are left out."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from alerts.kernel.texts import cut

_TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "a", "h3", "blockquote", "code", "hr"}
_BLANKS = re.compile(r"[ \t\n\r\f\v]+")
_SCHEMES = {"https", "http", "mailto", "tel"}
WIDTH = 72
_MOST_BRACKETS = 400
_BRACKET = re.compile(r"(?<!\\)\[")


def html(markdown: str) -> str:
    """Render sanitised HTML of paragraphs, emphasis, lists and links; headings become h3."""
    if not markdown.strip():
        return ""
    return _html(markdown)


@lru_cache(maxsize=256)
def _html(markdown: str) -> str:
    return nh3.clean(
        _parser().render(_bounded(markdown)),
        tags=_TAGS,
        attributes={"a": {"href"}, "li": {"value"}},
        url_schemes=_SCHEMES,
        link_rel="noopener nofollow",
    ).strip()


@lru_cache(maxsize=256)
def text(markdown: str, width: int = WIDTH) -> str:
    """Render wrapped plain text; a link is followed by its address."""
    return "\n\n".join(_blocks(_parser().parse(_bounded(markdown)), width))


@lru_cache(maxsize=256)
def plain(markdown: str) -> str:
    """Render plain text without wrapping, for programs: CAP, feeds, JSON."""
    return "\n\n".join(_blocks(_parser().parse(_bounded(markdown)), None))


def first_line(markdown: str, limit: int = 160) -> str:
    """Return the beginning in one line, cut at a word if there is one."""
    flat = " ".join(plain(markdown).split())
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


def _bounded(markdown: str) -> str:
    """Take brackets literally in a text with more of them than links can need.

    Each may begin a link, and the parser looks for the end of each: 20,000 take a second.
    """
    return _BRACKET.sub(r"\\[", markdown) if markdown.count("[") > _MOST_BRACKETS else markdown


@cache
def _parser() -> MarkdownIt:
    """Parser shared by all threads, with its rules compiled."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.disable("image")
    parser.core.ruler.push("list_numbers", _keep_numbers)
    parser.add_render_rule("heading_open", lambda *_: "<h3>")
    parser.add_render_rule("heading_close", lambda *_: "</h3>\n")
    # A ruler publishes its list of rules before filling it: a thread that came in between would parse with too few
    # rules, and its readers would get a message without a word in it.
    for ruler in (parser.core.ruler, parser.block.ruler, parser.inline.ruler, parser.inline.ruler2):
        ruler.getRules("")
    return parser


def _keep_numbers(state: StateCore) -> None:
    """Number the items of ordered lists as written: `meta["number"]`, in HTML a `value` where it would count otherwise.

    CommonMark counts on from the first: "24. December" and "31. December" would become 24 and 25. A list whose items
    all have the same number, the shorthand of many editors, is counted.
    """
    lists: list[list[Token]] = []
    for token in state.tokens:
        if token.type.endswith("_list_open"):
            lists.append([])
        elif token.type == "list_item_open":
            lists[-1].append(token)
        elif token.type == "ordered_list_close":
            items = lists.pop()
            written = [int(item.info) for item in items]
            counted = len(written) > 1 and len(set(written)) == 1
            expected = 1
            for index, item in enumerate(items):
                number = written[0] + index if counted else written[index]
                item.meta["number"] = number
                if number != expected:
                    item.attrSet("value", str(number))
                expected = number + 1
        elif token.type == "bullet_list_close":
            lists.pop()


def _blocks(tokens: list[Token], width: int | None) -> list[str]:
    """Split into paragraphs, wrapped at `width`; list items keep their bullet or number and stay together."""
    blocks: list[str] = []
    depth = 0
    bullet, in_list = "", False
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
            in_list = depth > 0
        elif token.type == "list_item_open":
            number = token.meta.get("number")
            bullet = "  " * (depth - 1) + ("- " if number is None else f"{number}. ")
        elif token.type == "hr":
            blocks.append("-" * 20)
        elif token.type in ("inline", "fence", "code_block"):
            words = _inline(token.children or []) if token.type == "inline" else token.content
            lines = [line for line in (bullet + words).split("\n") if line.strip()]
            block = "\n".join(lines if width is None else (wrap(line, width, " " * len(bullet)) for line in lines))
            if in_list and bullet:
                blocks[-1] += "\n" + block
            else:
                blocks.append(block)
            bullet, in_list = "", depth > 0
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
