"""JMESPath over a stranger's JSON, with a limit on what one webhook may cost.

The language has no loops, but `[@,@]` doubles a value: fifty of them in a row would fill any memory. So every step is
counted, and every value that a step makes is weighed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

LENGTH = 1000
"""Characters of a path."""
LIMIT = 200_000
"""Steps and values of one webhook: about a quarter of a second."""
_NEW = frozenset(
    (
        "flatten",
        "projection",
        "filter_projection",
        "value_projection",
        "multi_select_list",
        "multi_select_dict",
        "slice",
        "function_expression",
    )
)
"""Steps that make a value which was not there before."""


class EvaluationBudget:
    """What is left of the work that one webhook may cost."""

    __slots__ = ("left",)

    def __init__(self, limit: int = LIMIT) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        """Raises PathError when there is nothing left."""
        self.left -= amount
        if self.left < 0:
            raise PathError("takes too much work; name fewer or smaller parts of the body")


class PathError(Exception):
    """What a path comes to cannot be used; `search` says of which field."""


class Unmapped(Exception):
    """The mapping does not fit this body; `str(error)` says which field, and why. It waits for a person."""


@dataclass(frozen=True, slots=True)
class Path:
    """One compiled path."""

    text: str
    tree: Any

    @classmethod
    def of(cls, text: str) -> Path:
        """Compile. Raises ValueError with words."""
        if not text.strip():
            raise ValueError("An empty path names nothing.")
        if len(text) > LENGTH:
            raise ValueError(f"This path has {len(text)} characters; at most {LENGTH} are taken.")
        try:
            tree = Parser().parse(text).parsed
        except (JMESPathError, RecursionError) as error:
            raise ValueError(f"{text[:80]!r} is no JMESPath: {str(error).splitlines()[0][:200]}") from None
        if unknown := _functions(tree) - Functions.FUNCTION_TABLE.keys():
            raise ValueError(f"JMESPath knows no function {', '.join(sorted(unknown))[:200]}.")
        return cls(text, tree)

    def search(self, body: Any, work: EvaluationBudget, field: str) -> Any:
        """The value in `body`; None if there is none. Raises Unmapped."""
        try:
            return _Counting(work).visit(self.tree, body)
        except PathError as error:
            raise Unmapped(f"{field}: {self.text} {error}") from None
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            said = (str(error) or "it is nested too deeply").splitlines()[0][:300]
            raise Unmapped(f"{field}: {self.text} does not fit this body: {said}") from None


def _functions(tree: Any) -> set[str]:
    """The functions that an expression calls; the library looks for them only when they are called."""
    found, waiting = set(), [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node["type"] == "function_expression":
                found.add(node["value"])
            waiting.extend(node["children"])
    return found


class _Counting(TreeInterpreter):  # type: ignore[misc]  # untyped library
    """The library's own interpreter, counting."""

    def __init__(self, work: EvaluationBudget) -> None:
        super().__init__()
        self._work = work

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._work.spend(1)
        made = super().visit(node, *args, **kwargs)
        if node["type"] in _NEW:
            _weigh(made, self._work)
        return made

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        given = [self.visit(child, value) for child in node["children"]]
        if node["value"] == "join" and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], list):
            self._work.spend(len(given[0]) * len(given[1]) // 16)  # a long text between many: weighed before it is made
        return self._functions.call_function(node["value"], given)


def _weigh(value: Any, work: EvaluationBudget) -> None:
    """Spend what a value weighs, the same part counted wherever it stands."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        work.spend(1)
        if isinstance(item, str):
            work.spend(len(item) // 16)
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, float) and not math.isfinite(item):
            raise PathError("gives a number without end")
