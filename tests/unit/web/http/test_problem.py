"""Problem documents (RFC 9457)."""

from __future__ import annotations

import pytest

from alerts.kernel import errors as e
from alerts.kernel.errors import FieldError
from alerts.web.http import problem


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (e.Malformed("m"), 400),
        (e.Invalid("m"), 422),
        (e.NotFound("m"), 404),
        (e.Conflict("m"), 409),
        (e.Stale("m"), 412),
        (e.Forbidden("m"), 403),
        (e.Unavailable("m"), 503),
        (e.DomainError("m"), 500),
    ],
)
def test_every_error_has_its_status(error: e.DomainError, status: int) -> None:
    answer = problem.of_domain(error)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


def test_a_problem_says_what_to_do_and_keeps_its_own_members() -> None:
    found = problem.document(409, "known already", extra={"subscriber": "x", "title": "forged", "status": 200})
    assert (found["subscriber"], found["status"], found["detail"]) == ("x", 409, "known already")
    assert found["title"] == problem.KINDS[409][1] and "errors" not in found
    bad = problem.document(422, "no", [FieldError("a.b", "c")])
    assert bad["errors"] == [{"field": "a.b", "message": "c"}]
    assert problem.document(400, "no")["errors"] == [{"field": "", "message": "no"}]


def test_a_busy_database_says_when_to_come_back() -> None:
    assert problem.of_domain(e.Unavailable("m")).headers["Retry-After"]
