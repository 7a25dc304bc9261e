"""Event codec: a stable topic, a version, MessagePack, and personal fields sealed.

The stored state is an array: version, at, by, command, cause, data, sealed, and the MAC (`event_mac`). `data` is the
event's own fields without the personal ones; `sealed` holds those, encrypted under the key of the stream's subject.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, Notification, StoredEvent

from alerts.eventlog.event_mac import EventAuthenticator
from alerts.eventlog.ports import UnreadableEvent
from alerts.kernel.events import Catalogue, Event, Recorded

LOG_COLUMNS = "position, originator_id, originator_version, topic, state"
"""Columns of a leaf of the Merkle tree, in order (`integrity/`)."""


_NOT_OURS = "it was not written by this instance: run `alerts verify`"


class Sealer(Protocol):
    """Encryption under a subject's own key."""

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        """Encrypt; creates a key if the subject has none. `fresh`: the subject is new, skip the look-up."""

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        """Decrypt; None once the key is destroyed. Raises ValueError if the bytes were altered."""

    def prefetch(self, subjects: Collection[UUID]) -> None:
        """Load the keys of many subjects at once."""


class _StoredEvent(msgspec.Struct, array_like=True, frozen=True):
    version: int
    at: datetime
    by: str
    command: UUID | None
    cause: int | None
    data: msgspec.Raw
    sealed: bytes | None


class _EventSchema:
    """Schema of one event class, as the codec needs it."""

    def __init__(self, event: type[Event]) -> None:
        self.event = event
        self.decoder = msgspec.msgpack.Decoder(event)
        fields = msgspec.structs.fields(event)
        known = {field.name for field in fields}
        self.personal = frozenset(event.personal)
        if self.personal - known:
            raise ValueError(f"{event.__name__}: no such personal field: {sorted(self.personal - known)}")
        self.plain = tuple((f.name, f.encode_name, f.default) for f in fields if f.name not in self.personal)
        self.sealed = tuple((f.name, f.encode_name) for f in fields if f.name in self.personal)
        # An erased personal field reads as None, whatever its default in a new event.
        self.gone = msgspec.msgpack.encode({encode_name: None for _, encode_name in self.sealed})


class Codec(Mapper[UUID]):
    """The library's `Mapper` over `Recorded`; also used directly by the log and the writer."""

    def __init__(self, catalogue: Catalogue, sealer: Sealer, authenticator: EventAuthenticator | None = None) -> None:
        """Without `authenticator` events are neither signed nor checked."""
        super().__init__(JSONTranscoder())
        self._catalogue, self._sealer, self._authenticator = catalogue, sealer, authenticator
        self._kinds = {topic: _EventSchema(event) for topic, event in catalogue.events.items()}
        self._encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
        self._kept = msgspec.msgpack.Decoder(_StoredEvent)

    # --- writing

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode an event in the library's stored form."""
        if not isinstance(domain_event, Recorded):
            raise TypeError(f"not a recorded event: {type(domain_event).__name__}")
        topic, state = self.encode(domain_event)
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, topic, state)

    def encode(self, recorded: Recorded) -> tuple[str, bytes]:
        """Encode to (topic, state). Raises TypeError for an event that is not in the catalogue."""
        event = recorded.event
        topic = event.topic()
        kind = self._kinds.get(topic)
        if kind is None or type(event) is not kind.event:
            raise TypeError(f"{type(event).__name__} is not in the catalogue: add it to the CATALOGUE of its domain")
        sealed = None
        if kind.personal:
            data = {name: v for attr, name, default in kind.plain if (v := getattr(event, attr)) != default}
            secret = {name: getattr(event, attr) for attr, name in kind.sealed}
            raw = self._encoder.encode(data)
            if any(value is not None for value in secret.values()):
                fresh = recorded.originator_version == 1
                sealed = self._sealer.seal(recorded.originator_id, self._encoder.encode(secret), fresh=fresh)
        else:
            raw = self._encoder.encode(event)
        envelope = _StoredEvent(
            event.version, recorded.at, recorded.by, recorded.command, recorded.cause, msgspec.Raw(raw), sealed
        )
        state = self._encoder.encode(envelope)
        if self._authenticator is not None:
            state = self._authenticator.signed(recorded.originator_id, recorded.originator_version, topic, state)
        return topic, state

    # --- reading

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        """Decode an event; raises `UnreadableEvent`."""
        found = self.decode_many((stored_event,))[0]
        if isinstance(found, UnreadableEvent):
            raise found
        return found

    def decode_many(self, stored: Sequence[StoredEvent], *, unseal: bool = True) -> list[Recorded | UnreadableEvent]:
        """Decode many events: keys are loaded together, and an unreadable one is replaced by its error.

        Without `unseal` no key is used: personal fields read as None, and the sealed bytes are in `sealed`.
        """
        opened: list[_StoredEvent | UnreadableEvent] = []
        subjects: set[UUID] = set()
        for event in stored:
            if not self._is_genuine(event):
                opened.append(UnreadableEvent(_position(event), event.topic, _NOT_OURS))
                continue
            try:
                envelope = self._kept.decode(event.state)
            except msgspec.MsgspecError as error:
                opened.append(UnreadableEvent(_position(event), event.topic, f"damaged: {error}"))
                continue
            opened.append(envelope)
            if envelope.sealed is not None:
                subjects.add(_stream(event))
        if unseal and subjects:
            self._sealer.prefetch(subjects)
        return [
            envelope if isinstance(envelope, UnreadableEvent) else self._recorded(event, envelope, unseal)
            for event, envelope in zip(stored, opened, strict=True)
        ]

    def _is_genuine(self, stored: StoredEvent) -> bool:
        return self._authenticator is None or self._authenticator.is_genuine(
            _position(stored), _stream(stored), stored.originator_version, stored.topic, stored.state
        )

    def _recorded(self, stored: StoredEvent, envelope: _StoredEvent, unseal: bool) -> Recorded | UnreadableEvent:
        position, originator_id = _position(stored), _stream(stored)
        try:
            event = self._event(stored.topic, envelope, originator_id, unseal)
        except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
            return UnreadableEvent(position, stored.topic, str(error))
        return Recorded(
            originator_id=originator_id,
            originator_version=stored.originator_version,
            event=event,
            at=envelope.at,
            by=envelope.by,
            command=envelope.command,
            cause=envelope.cause,
            position=position,
            sealed=envelope.sealed,
        )

    def _event(self, topic: str, envelope: _StoredEvent, subject: UUID, unseal: bool) -> Event:
        kind = self._kinds.get(topic)
        if kind is None:
            raise LookupError("this version knows no such event")
        if envelope.version > kind.event.version:
            raise LookupError(
                f"its version {envelope.version} is newer than {kind.event.version}, which this one knows"
            )
        raw = bytes(envelope.data)
        if kind.personal:
            raw = _joined(raw, self._secret(kind, envelope.sealed if unseal else None, subject))
        if envelope.version < kind.event.version:
            raw = self._encoder.encode(self._upcast(topic, envelope.version, msgspec.msgpack.decode(raw)))
        return kind.decoder.decode(raw)

    def _secret(self, kind: _EventSchema, sealed: bytes | None, subject: UUID) -> bytes:
        """Map of the personal fields, each None if absent or erased."""
        plaintext = None if sealed is None else self._sealer.unseal(subject, sealed)
        return kind.gone if plaintext is None else plaintext

    def _upcast(self, topic: str, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        for older in range(version, self._kinds[topic].event.version):
            upcaster = self._catalogue.upcasters.get((topic, older))
            if upcaster is None:
                raise LookupError(f"nothing raises it from version {older} to {older + 1}")
            fields = upcaster(fields)
        return fields

    def public(self, recorded: Recorded) -> dict[str, Any]:
        """Event for programs, JSON-able, without personal and private fields; `version` is the type's."""
        event = recorded.event
        hidden = {*event.personal, *event.private}
        data = msgspec.to_builtins(event, str_keys=True)
        return {
            "position": recorded.position,
            "type": event.topic(),
            "version": event.version,
            "stream": str(recorded.originator_id),
            "stream_version": recorded.originator_version,
            "at": msgspec.to_builtins(recorded.at),
            "data": {name: value for name, value in data.items() if name not in hidden},
        }


def _position(stored: StoredEvent) -> int:
    return stored.id if isinstance(stored, Notification) else 0


def _stream(stored: StoredEvent) -> UUID:
    originator = stored.originator_id
    return originator if isinstance(originator, UUID) else UUID(originator)


def _joined(first: bytes, second: bytes) -> bytes:
    """Concatenate two MessagePack maps without decoding either (hot path: runs for every person)."""
    (count, start), (more, start_of_more) = _header(first), _header(second)
    total = count + more
    header = bytes((0x80 | total,)) if total < 16 else b"\xde" + total.to_bytes(2)
    return header + first[start:] + second[start_of_more:]


def _header(raw: bytes) -> tuple[int, int]:
    """(entries, length of the header) of a map of fewer than 65,536 entries. Raises ValueError."""
    if raw[:1] == b"\xde":
        return int.from_bytes(raw[1:3]), 3
    if raw and raw[0] & 0xF0 == 0x80:
        return raw[0] & 0x0F, 1
    raise ValueError("not a map of fields")
