"""Stream kinds, with the events that each consists of, and stream ids.

Those of subscribers are in `subscribers.domain.subscriber`.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from alerts.domain import (
    delivery_receipt,
    dispatch,
    events,
    feedback,
    incident,
    message_template,
    newsletter,
    notice,
    notice_comments,
    organisation,
    print_batch,
    read_model,
    reference_data,
    report,
    service_change,
    service_point,
    subscriber_export,
    subscriber_import,
    webhook,
)
from alerts.domain import events as e
from alerts.kernel.events import Stream
from alerts.kernel.ids import derived_id, new_id

INCIDENT = Stream("incident", incident.evolve, events.incident.EVENTS)
POINT = Stream("service-point", service_point.evolve, events.service_point.EVENTS)
CHANGE = Stream("service-change", service_change.evolve, events.service_change.EVENTS)
NOTICE = Stream("notice", notice.evolve, events.notice.EVENTS)
PLACE = Stream("place", reference_data.evolve_place, events.place.EVENTS)
TOPIC = Stream("topic", reference_data.evolve_topic, events.topic.EVENTS)
SEGMENT = Stream("segment", reference_data.evolve_segment, events.segment.EVENTS)
ORGANISATION = Stream("organisation", organisation.evolve, events.organisation.EVENTS)
NEWSLETTER = Stream("newsletter", newsletter.evolve, events.newsletter.EVENTS)
TEMPLATE = Stream("template", message_template.evolve, events.message_template.EVENTS)
SOURCE = Stream("source", reference_data.evolve_source, events.source.EVENTS)
TRIGGER = Stream("trigger", reference_data.evolve_trigger, (e.TriggerReceived,))
REJECTIONS = Stream("rejections", reference_data.evolve_rejections, (e.TriggerRejected,))
MEMBER = Stream("member", reference_data.evolve_member, events.team_member.EVENTS)
KEY = Stream("key", reference_data.evolve_key, events.api_key.EVENTS)
DISPATCH = Stream("dispatch", dispatch.evolve, events.dispatch.EVENTS)
CHUNK = Stream("chunk", dispatch.evolve_chunk, events.dispatch.CHUNK_EVENTS)
WEBHOOK = Stream("webhook", webhook.evolve, events.webhook.EVENTS)
IMPORT = Stream("import", subscriber_import.evolve, (e.ImportStarted, e.ImportFinished))
IMPORT_PAGE = Stream("import-page", subscriber_import.evolve_page, (e.ImportRowRefused,))
EXPORT = Stream("export", subscriber_export.evolve, events.subscriber_export.EVENTS)
RECEIPTS = Stream("receipts", delivery_receipt.evolve_receipts, (e.ReceiptReceived, e.ContactPointBounced))
PRINT_BATCH = Stream("print-batch", print_batch.evolve, events.print_batch.EVENTS)
READ_MODEL = Stream("read-model", read_model.evolve, events.read_model.EVENTS)
REPORT = Stream("report", report.evolve, events.report.EVENTS)
FEEDBACK = Stream("feedback", feedback.evolve, events.feedback.EVENTS)
COMMENTS = Stream("comments", notice_comments.evolve, events.notice_comment.EVENTS)
TEXTS = Stream("texts", delivery_receipt.evolve_texts, (e.InboundTextReceived,))


def incident_id(source: str, source_ref: str | None) -> UUID:
    """Id derived from the reference and its source (`source:{name}`, `key:{id}`); a new one without reference."""
    return derived_id("incident", source, source_ref) if source_ref else new_id()


def point_id(source: str, source_ref: str | None) -> UUID:
    """Id of a service point, derived as an incident's."""
    return derived_id("service-point", source, source_ref) if source_ref else new_id()


def change_id(source: str, source_ref: str | None) -> UUID:
    """Id of a service change, derived as an incident's."""
    return derived_id("service-change", source, source_ref) if source_ref else new_id()


def place_id(slug: str) -> UUID:
    """Stream id of a place."""
    return derived_id("place", slug)


def topic_id(slug: str) -> UUID:
    """Stream id of a topic."""
    return derived_id("topic", slug)


def segment_id(slug: str) -> UUID:
    """Stream id of a segment."""
    return derived_id("segment", slug)


def organisation_id(slug: str) -> UUID:
    """Stream id of an organisation."""
    return derived_id("organisation", slug)


def newsletter_id(slug: str) -> UUID:
    """Stream id of a newsletter."""
    return derived_id("newsletter", slug)


def template_id(slug: str) -> UUID:
    """Stream id of a message template."""
    return derived_id("template", slug)


def source_id(name: str) -> UUID:
    """Stream id of a source."""
    return derived_id("source", name)


def trigger_id(source: str, external_id: str) -> UUID:
    """Stream id of a trigger, by which a repeated webhook is recognised; `source` is the source's name."""
    return derived_id("trigger", source, external_id)


def trigger_notice_id(trigger: UUID, index: int) -> UUID:
    """Id of the `index`-th notice made by a trigger: the same at every attempt."""
    return derived_id("notice", trigger.hex, str(index))


def read_model_id(projection: str) -> UUID:
    """Stream id of the decisions about a read model."""
    return derived_id("read-model", projection)


def dispatch_id(notice_id: UUID) -> UUID:
    """Stream id of the dispatch of a notice."""
    return derived_id("dispatch", notice_id.hex)


def import_id(digest: str) -> UUID:
    """Stream id of the imports of a file, by the SHA-256 of its bytes."""
    return derived_id("import", digest)


def import_page_id(digest: str, run: int, start: int) -> UUID:
    """Stream id of the refused rows of a page that begins at the `start`-th row of the file."""
    return derived_id("import-page", digest, str(run), str(start))


def rejections_id(source: str, day: date) -> UUID:
    """Stream id of a source's rejections of one day."""
    return derived_id("rejections", source, day.isoformat())


def receipts_id(number: int, contact: int) -> UUID:
    """Stream id of a delivery's receipts and bounces; `number` 0: reports that identify only the contact point."""
    return derived_id("receipts", str(number), str(contact))


def feedback_id(notice: UUID) -> UUID:
    """Stream id of the votes on a notice."""
    return derived_id("feedback", notice.hex)


def comments_id(notice: UUID) -> UUID:
    """Stream id of the team's comments on a notice."""
    return derived_id("comments", notice.hex)


def texts_id(contact: int) -> UUID:
    """Stream id of the inbound texts from a contact point's number."""
    return derived_id("texts", str(contact))
