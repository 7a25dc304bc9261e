"""Access queries: sources, API keys, the team, and webhooks received from sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from alerts.domain.reference_data import KeyState, MemberState, SourceState, TriggerState
from alerts.kernel.paging import Page
from alerts.projections.document_kinds import KEYS, MEMBERS, SOURCES, TRIGGERS
from alerts.projections.queries.base import PAGE, SQL, QueryBase
from alerts.storage.in_clauses import select_in
from subscribers.directory import ContactCard, card_of_member


class AccessQueries(QueryBase):
    """Sources, keys, members and triggers. Secrets and addresses are decrypted per call."""

    def sources(self) -> list[SourceState]:
        """List all sources by name, disconnected ones too."""
        with self._database.read() as tx:
            return [self._full(SOURCES, row) for row in tx.execute(SQL.sources)]

    def source(self, name: str) -> SourceState | None:
        """Return a source with its secret; callers check `connected` before they admit it."""
        with self._database.read() as tx:
            return self._first(SOURCES, tx.execute(SQL.source_by_name, (name,)))

    def key_by_hash(self, secret_hash: str) -> KeyState | None:
        """Return the API key whose secret has this hash; None if unknown or revoked."""
        with self._database.read() as tx:
            return self._first(KEYS, tx.execute(SQL.key_by_hash, (secret_hash,)))

    def keys(self) -> list[KeyState]:
        """List all API keys, oldest first, revoked ones too."""
        with self._database.read() as tx:
            return [self._decode(KEYS, row[0]) for row in tx.execute(SQL.api_keys)]

    def member(self, member: UUID) -> MemberState | None:
        """Return a team member with name and address; `role` None means without any rights."""
        return self._one(MEMBERS, member)

    def members(self) -> list[MemberState]:
        """List the whole team, oldest first, members without a role too."""
        with self._database.read() as tx:
            return [self._full(MEMBERS, row) for row in tx.execute(SQL.members)]

    def team_cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]:
        """Sign-in addresses of members with a role, by contact point number, as cards (RULES 15: drills)."""
        with self._database.read() as tx:
            rows = select_in(tx, SQL.members_by_contact, sorted(set(numbers)))
            members = {member.contact: member for member in (self._full(MEMBERS, row) for row in rows)}
        return {number: card_of_member(member) for number, member in members.items()}

    def trigger(self, trigger: UUID) -> TriggerState | None:
        """Return the outcome of one webhook."""
        return self._one(TRIGGERS, trigger)

    def triggers(
        self,
        state: Literal["recorded", "drafted", "issued", "parked"] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[TriggerState]:
        """List received webhooks, the newest first. Raises ValueError for a malformed cursor."""
        return self._page(TRIGGERS, SQL.triggers, (state, state), cursor, limit)

    def triggers_of(
        self,
        source: str,
        state: Literal["recorded", "drafted", "issued", "parked"] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[TriggerState]:
        """List the webhooks of one source, the newest first. Raises ValueError for a malformed cursor."""
        return self._page(TRIGGERS, SQL.triggers_of, (source, state, state), cursor, limit)

    def parked_triggers(self) -> int:
        """Number of parked webhooks."""
        with self._database.read() as tx:
            return int(tx.execute(SQL.parked_triggers)[0][0])
