"""SQL generated from a document kind."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.projections import document_kinds
from alerts.projections.document_kinds import DocumentKind
from tests.support.memory_store import MemoryDatabase

KINDS: list[DocumentKind[Any]] = [k for k in vars(document_kinds).values() if isinstance(k, DocumentKind)]


def test_list_of_kinds_is_complete() -> None:
    assert list(document_kinds.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.table))
def test_kinds_without_title_are_those_shown_by_id_or_elsewhere(kind: DocumentKind[Any]) -> None:
    assert (kind.title is None) == (kind.table in ("members", "dispatches", "reports", "feedback"))
    assert kind.in_timeline == (kind.table not in ("dispatches", "feedback"))


def test_statements_of_a_plain_kind() -> None:
    assert document_kinds.INCIDENTS.load_sql == "SELECT id, created, doc, NULL FROM incidents WHERE id IN (?*)"
    assert document_kinds.INCIDENTS.save_sql == (
        "INSERT INTO incidents (id, created, position, status, source, doc)\n"
        "VALUES (?, ?, ?, ?, ?, ?)\n"
        "ON CONFLICT (id) DO UPDATE SET\n"
        "    position = excluded.position,\n"
        "    status = excluded.status,\n"
        "    source = excluded.source,\n"
        "    doc = excluded.doc"
    )


def test_statements_of_a_sealed_kind() -> None:
    assert document_kinds.SOURCES.load_sql == "SELECT id, created, doc, sealed FROM sources WHERE id IN (?*)"
    assert document_kinds.SOURCES.save_sql == (
        "INSERT INTO sources (id, created, position, name, doc, sealed)\n"
        "VALUES (?, ?, ?, ?, ?, ?)\n"
        "ON CONFLICT (id) DO UPDATE SET\n"
        "    position = excluded.position,\n"
        "    name = excluded.name,\n"
        "    doc = excluded.doc,\n"
        "    sealed = excluded.sealed"
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.table))
def test_columns_are_those_of_the_migrated_table(kind: DocumentKind[Any]) -> None:
    database = MemoryDatabase("views")
    migrated = {row[1] for row in database.connection.execute(f"PRAGMA table_info({kind.table})")}
    database.close()
    assert migrated == {"id", "created", "position", *kind.columns, "doc", *(("sealed",) if kind.sealed else ())}
