"""The kinds of stream, and where each thing's stream is found. Subscribers' are in `subscribers.domain.subscriber`."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from alerts.domain import (
    delivery_receipt,
    dispatch,
    incident,
    newsletter,
    notice,
    reference_data,
    service_change,
    service_point,
    subscriber_import,
    webhook,
)
from alerts.kernel.events import Stream
from alerts.kernel.ids import derived_id, new_id

INCIDENT = Stream("incident", incident.evolve)
POINT = Stream("service-point", service_point.evolve)
CHANGE = Stream("service-change", service_change.evolve)
NOTICE = Stream("notice", notice.evolve)
PLACE = Stream("place", reference_data.evolve_place)
TOPIC = Stream("topic", reference_data.evolve_topic)
SEGMENT = Stream("segment", reference_data.evolve_segment)
NEWSLETTER = Stream("newsletter", newsletter.evolve)
SOURCE = Stream("source", reference_data.evolve_source)
TRIGGER = Stream("trigger", reference_data.evolve_trigger)
REJECTIONS = Stream("rejections", reference_data.evolve_rejections)
MEMBER = Stream("member", reference_data.evolve_member)
KEY = Stream("key", reference_data.evolve_key)
DISPATCH = Stream("dispatch", dispatch.evolve)
CHUNK = Stream("chunk", dispatch.evolve_chunk)
WEBHOOK = Stream("webhook", webhook.evolve)
IMPORT = Stream("import", subscriber_import.evolve)
IMPORT_PAGE = Stream("import-page", subscriber_import.evolve_page)
RECEIPTS = Stream("receipts", delivery_receipt.evolve_receipts)
TEXTS = Stream("texts", delivery_receipt.evolve_texts)


def incident_id(source: str, source_ref: str | None) -> UUID:
    """The same for the same reference of the same source (`source:{name}`, `key:{id}`); else a new one."""
    return derived_id("incident", source, source_ref) if source_ref else new_id()


def point_id(source: str, source_ref: str | None) -> UUID:
    """A service point's id, as an incident's."""
    return derived_id("service-point", source, source_ref) if source_ref else new_id()


def change_id(source: str, source_ref: str | None) -> UUID:
    """A service change's id, as an incident's."""
    return derived_id("service-change", source, source_ref) if source_ref else new_id()


def place_id(slug: str) -> UUID:
    """Where a place's definitions stand."""
    return derived_id("place", slug)


def topic_id(slug: str) -> UUID:
    """Where a topic's definitions stand."""
    return derived_id("topic", slug)


def segment_id(slug: str) -> UUID:
    """Where a segment's definitions stand."""
    return derived_id("segment", slug)


def newsletter_id(slug: str) -> UUID:
    """Where a newsletter stands."""
    return derived_id("newsletter", slug)


def source_id(name: str) -> UUID:
    """Where a source stands."""
    return derived_id("source", name)


def trigger_id(source: str, external_id: str) -> UUID:
    """By which a repeated webhook is recognised; `source` is the source's name."""
    return derived_id("trigger", source, external_id)


def trigger_notice_id(trigger: UUID, index: int) -> UUID:
    """The `index`-th notice that a trigger made: the same however often it is decided."""
    return derived_id("notice", trigger.hex, str(index))


def dispatch_id(notice_id: UUID) -> UUID:
    """Where the dispatch of a notice stands."""
    return derived_id("dispatch", notice_id.hex)


def import_id(digest: str) -> UUID:
    """Where the imports of a file stand, by the SHA-256 of its bytes."""
    return derived_id("import", digest)


def import_page_id(digest: str, run: int, start: int) -> UUID:
    """Where the refused rows of a page stand, from the `start`-th row of the file on."""
    return derived_id("import-page", digest, str(run), str(start))


def rejections_id(source: str, day: date) -> UUID:
    """Where a source's refusals of one day stand."""
    return derived_id("rejections", source, day.isoformat())


def receipts_id(number: int, contact: int) -> UUID:
    """Where a delivery's receipts and bounces stand; `number` 0: reports that name the contact point alone."""
    return derived_id("receipts", str(number), str(contact))


def texts_id(contact: int) -> UUID:
    """Where the texts that came in from a contact point's number stand."""
    return derived_id("texts", str(contact))
