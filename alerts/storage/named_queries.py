"""Named queries: SQL files beside their user; `-- name: claim_page` starts a block, which ends at the next one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^--\s*name:\s*([a-z_][a-z0-9_]*)\s*$")


class Queries(dict[str, str]):
    """Statements by name, as items or attributes: `queries.claim_page`."""

    def __getattr__(self, name: str) -> str:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no statement named {name}; there are {', '.join(sorted(self))}") from None


@cache
def load(anchor_package: str, file: str) -> Queries:
    """Load the statements of a package's `.sql` file. Raises ValueError if it is malformed."""
    return parse(files(anchor_package).joinpath(file).read_text(encoding="utf-8"), file)


def parse(text: str, file: str) -> Queries:
    """Parse the statements of a text; comment lines and the closing semicolon are dropped."""
    blocks: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if match := _NAME.match(line):
            if match[1] in blocks:
                raise ValueError(f"{file}: two statements named {match[1]}")
            current = blocks[match[1]] = []
        elif not line.strip() or line.lstrip().startswith("--"):
            continue
        elif current is None:
            raise ValueError(f"{file}: SQL before the first `-- name:` line")
        else:
            current.append(line.rstrip())
    queries = Queries({name: "\n".join(lines).strip().removesuffix(";") for name, lines in blocks.items()})
    empty = [name for name, sql in queries.items() if not sql]
    if empty:
        raise ValueError(f"{file}: nothing under {', '.join(empty)}")
    return queries
