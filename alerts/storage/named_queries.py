"""SQL in named files beside its user: `-- name: claim_page` starts a block, which ends at the next one."""

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
    """The statements of a `.sql` file that stands in that package. Raises ValueError if it is not well-formed."""
    return parse(files(anchor_package).joinpath(file).read_text(encoding="utf-8"), file)


def parse(text: str, file: str) -> Queries:
    """The statements of a text; lines of comments are dropped, and so is the closing semicolon."""
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
