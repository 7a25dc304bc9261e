"""JMESPath evaluation over untrusted JSON, with a budget per webhook.

The language has no loops, but `[@,@]` doubles a value: fifty in a row would exhaust any memory. So every step is
counted, and the size of every value that a step creates.
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
"""Maximum characters of a path."""
LIMIT = 200_000
"""Budget of one webhook in steps and values: about a quarter of a second."""
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
"""Node types that create a new value."""


class EvaluationBudget:
    """Remaining evaluation budget of one webhook."""

    __slots__ = ("left",)

    def __init__(self, limit: int = LIMIT) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        """Subtract from the budget. Raises PathError if it is exhausted."""
        self.left -= amount
        if self.left < 0:
            raise PathError("takes too much work; name fewer or smaller parts of the body")


class PathError(Exception):
    """The result of a path cannot be used; `search` adds the field."""


class Unmapped(Exception):
    """The mapping does not fit this body; `str(error)` names the field and the reason.

    The trigger is parked for a person.
    """


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled JMESPath expression."""

    text: str
    tree: Any

    @classmethod
    def of(cls, text: str) -> Path:
        """Compile an expression. Raises ValueError with a reason."""
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
        """Evaluate against `body`; None if there is no value. Raises Unmapped."""
        try:
            return _Counting(work).visit(self.tree, body)
        except PathError as error:
            raise Unmapped(f"{field}: {self.text} {error}") from None
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            said = (str(error) or "it is nested too deeply").splitlines()[0][:300]
            raise Unmapped(f"{field}: {self.text} does not fit this body: {said}") from None


def _functions(tree: Any) -> set[str]:
    """Names of the functions in an expression; the library checks them only when they are called."""
    found, waiting = set(), [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node["type"] == "function_expression":
                found.add(node["value"])
            waiting.extend(node["children"])
    return found


class _Counting(TreeInterpreter):  # type: ignore[misc]  # untyped library
    """The library's interpreter with a budget."""

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
            self._work.spend(len(given[0]) * len(given[1]) // 16)  # counted before the value exists
        return self._functions.call_function(node["value"], given)


def _weigh(value: Any, work: EvaluationBudget) -> None:
    """Subtract the size of a value; shared parts count at each occurrence."""
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
