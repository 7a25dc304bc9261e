"""Events of everything but subscribers. Topics are the class names (VOCABULARY); field names are public.

`geometry` fields are AREA as JSON (docs/integrating.md), validated and mended before the decision.
"""

from __future__ import annotations

from alerts.domain.events import (
    api_key,
    dispatch,
    feedback,
    incident,
    newsletter,
    notice,
    place,
    print_batch,
    read_model,
    receipt,
    report,
    segment,
    service_change,
    service_point,
    source,
    subscriber_export,
    subscriber_import,
    team_member,
    topic,
    trigger,
    webhook,
)
from alerts.domain.events.api_key import (
    ApiKeyIssued,
    ApiKeyRevoked,
)
from alerts.domain.events.dispatch import (
    DispatchChunkFinished,
    DispatchCompleted,
    DispatchPaused,
    DispatchPlanned,
    DispatchResumed,
    DispatchRetried,
    DispatchStopped,
    Outcome,
)
from alerts.domain.events.feedback import FeedbackGiven
from alerts.domain.events.incident import (
    IncidentAreaRevised,
    IncidentConfirmed,
    IncidentDismissed,
    IncidentFacts,
    IncidentReported,
    IncidentResolved,
    IncidentSeverityRevised,
)
from alerts.domain.events.newsletter import (
    NewsletterEnded,
    NewsletterSchedule,
    NewsletterScheduleSet,
    NewsletterStarted,
)
from alerts.domain.events.notice import (
    ApprovalVoided,
    CapOrigin,
    Content,
    NoticeApproved,
    NoticeCancelled,
    NoticeCleared,
    NoticeDrafted,
    NoticeExpired,
    NoticeIssued,
    NoticePlan,
    NoticeRejected,
    NoticeReturned,
    NoticeRevised,
    NoticeScheduled,
    NoticeSubmitted,
    NoticeSuperseded,
)
from alerts.domain.events.place import (
    PlaceDefined,
    PlaceRetired,
    PlaceRevised,
)
from alerts.domain.events.print_batch import PrintBatchMade, PrintPagesMarked
from alerts.domain.events.read_model import ParkedEventDecided
from alerts.domain.events.receipt import (
    ContactPointBounced,
    InboundTextReceived,
    ReceiptReceived,
)
from alerts.domain.events.report import (
    ReportAccepted,
    ReportAnswered,
    ReportDismissed,
    ReportErased,
    ReportReceived,
)
from alerts.domain.events.segment import (
    SegmentDefined,
    SegmentRetired,
    SegmentRevised,
)
from alerts.domain.events.service_change import (
    ChangeAfter,
    ChangeFacts,
    ServiceChangeAnnounced,
    ServiceChangeRevised,
    ServiceChangeTookEffect,
    ServiceChangeWithdrawn,
)
from alerts.domain.events.service_point import (
    PointFacts,
    ServicePointClosed,
    ServicePointHoursSet,
    ServicePointMoved,
    ServicePointOpened,
    Visit,
)
from alerts.domain.events.source import (
    Policy,
    PolicyRule,
    SourceConnected,
    SourceDisconnected,
    SourceRevised,
    SourceSecretRotated,
)
from alerts.domain.events.subscriber_export import ExportFinished, ExportStarted
from alerts.domain.events.subscriber_import import (
    ImportFinished,
    ImportRowRefused,
    ImportStarted,
)
from alerts.domain.events.team_member import (
    RoleGranted,
    RoleRevoked,
    SignInsEnded,
    SignInWayAdded,
    SignInWayRemoved,
    TeamMemberInvited,
)
from alerts.domain.events.topic import (
    TopicDefined,
    TopicRetired,
)
from alerts.domain.events.trigger import (
    TriggerReceived,
    TriggerRejected,
)
from alerts.domain.events.types import AreaJson, Json
from alerts.domain.events.webhook import (
    WebhookAdded,
    WebhookDisabled,
    WebhookRemoved,
    WebhookReplayed,
)
from alerts.kernel.events import Catalogue

__all__ = [
    "CATALOGUE",
    "ApiKeyIssued",
    "ApiKeyRevoked",
    "ApprovalVoided",
    "AreaJson",
    "CapOrigin",
    "ChangeAfter",
    "ChangeFacts",
    "ContactPointBounced",
    "Content",
    "DispatchChunkFinished",
    "DispatchCompleted",
    "DispatchPaused",
    "DispatchPlanned",
    "DispatchResumed",
    "DispatchRetried",
    "DispatchStopped",
    "ExportFinished",
    "ExportStarted",
    "FeedbackGiven",
    "ImportFinished",
    "ImportRowRefused",
    "ImportStarted",
    "InboundTextReceived",
    "IncidentAreaRevised",
    "IncidentConfirmed",
    "IncidentDismissed",
    "IncidentFacts",
    "IncidentReported",
    "IncidentResolved",
    "IncidentSeverityRevised",
    "Json",
    "NewsletterEnded",
    "NewsletterSchedule",
    "NewsletterScheduleSet",
    "NewsletterStarted",
    "NoticeApproved",
    "NoticeCancelled",
    "NoticeCleared",
    "NoticeDrafted",
    "NoticeExpired",
    "NoticeIssued",
    "NoticePlan",
    "NoticeRejected",
    "NoticeReturned",
    "NoticeRevised",
    "NoticeScheduled",
    "NoticeSubmitted",
    "NoticeSuperseded",
    "Outcome",
    "ParkedEventDecided",
    "PlaceDefined",
    "PlaceRetired",
    "PlaceRevised",
    "PointFacts",
    "Policy",
    "PolicyRule",
    "PrintBatchMade",
    "PrintPagesMarked",
    "ReceiptReceived",
    "ReportAccepted",
    "ReportAnswered",
    "ReportDismissed",
    "ReportErased",
    "ReportReceived",
    "RoleGranted",
    "RoleRevoked",
    "SegmentDefined",
    "SegmentRetired",
    "SegmentRevised",
    "ServiceChangeAnnounced",
    "ServiceChangeRevised",
    "ServiceChangeTookEffect",
    "ServiceChangeWithdrawn",
    "ServicePointClosed",
    "ServicePointHoursSet",
    "ServicePointMoved",
    "ServicePointOpened",
    "SignInWayAdded",
    "SignInWayRemoved",
    "SignInsEnded",
    "SourceConnected",
    "SourceDisconnected",
    "SourceRevised",
    "SourceSecretRotated",
    "TeamMemberInvited",
    "TopicDefined",
    "TopicRetired",
    "TriggerReceived",
    "TriggerRejected",
    "Visit",
    "WebhookAdded",
    "WebhookDisabled",
    "WebhookRemoved",
    "WebhookReplayed",
]

CATALOGUE = Catalogue.of(
    *incident.EVENTS,
    *place.EVENTS,
    *topic.EVENTS,
    *segment.EVENTS,
    *service_point.EVENTS,
    *service_change.EVENTS,
    *notice.EVENTS,
    *dispatch.EVENTS,
    *dispatch.CHUNK_EVENTS,
    *source.EVENTS,
    *trigger.EVENTS,
    *team_member.EVENTS,
    *api_key.EVENTS,
    *receipt.EVENTS,
    *report.EVENTS,
    *print_batch.EVENTS,
    *read_model.EVENTS,
    *feedback.EVENTS,
    *newsletter.EVENTS,
    *webhook.EVENTS,
    *subscriber_import.EVENTS,
    *subscriber_export.EVENTS,
)
