"""Names in layouts: `{{ x.update }}` of a dictionary is its method, not its entry."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[3] / "templates"
METHODS = frozenset(name for name in dir(dict) if not name.startswith("_"))


def test_no_layout_shows_a_method_of_a_dictionary() -> None:
    found = []
    for layout in sorted(ROOT.rglob("*.*")):
        tree = Environment(extensions=["jinja2.ext.do"]).parse(layout.read_text(encoding="utf-8"))  # nosec B701
        called = {id(call.node) for call in tree.find_all(nodes.Call)}
        found += [
            f"{layout.relative_to(ROOT)}:{one.lineno} .{one.attr}"
            for one in tree.find_all(nodes.Getattr)
            if one.attr in METHODS and id(one) not in called
        ]
    assert not found
