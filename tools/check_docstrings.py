"""Refuse docstrings whose first line is a question or does not name its subject; part of `make lint`.

python -m tools.check_docstrings FOLDER...
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = frozenset({"What", "Whether", "Who", "Whose", "Whoever", "Which", "One", "How", "Where"})
"""First words of a summary that asks instead of naming the mechanism."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def faults(source: str) -> Iterator[tuple[int, str]]:
    """(line, first line of the docstring) of each docstring that begins with a refused word."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, _DOCUMENTED):
            continue
        text = ast.get_docstring(node)
        if text and text.split(maxsplit=1)[0].strip(",.:;?'\"") in REFUSED:
            yield getattr(node, "lineno", 1), text.splitlines()[0]


def main(folders: list[str]) -> int:
    """Print every fault; 1 if there is one."""
    found = 0
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.py")):
            for line, text in faults(path.read_text(encoding="utf-8")):
                found += 1
                print(f"{path}:{line}: name the mechanism instead of asking: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
