"""Command layer: load, decide, append. Called by web, command line, intake and the due-item poll.

No other package appends to the log on a user's behalf. Every command is a method of `Commands`: it validates its body,
then runs in the writer's transaction, where it reads streams and side tables, decides by the pure functions of the
domains, and appends. Its result is on disk when it returns, so a 2xx may follow. It raises the errors of
`alerts.kernel.errors`; then nothing was changed.
"""

from alerts.commands.access import TeamCommands
from alerts.commands.actor import RESIDENT, SYSTEM, Actor
from alerts.commands.delivery_receipts import ReceiptCommands
from alerts.commands.due_items import DueCommands
from alerts.commands.following import FollowCommands
from alerts.commands.incidents import IncidentCommands
from alerts.commands.look_ups import LookUpCommands
from alerts.commands.message_templates import TemplateCommands
from alerts.commands.newsletters import NewsletterCommands
from alerts.commands.notice_comments import NoticeCommentCommands
from alerts.commands.notices import NoticeCommands
from alerts.commands.organisations import OrganisationCommands
from alerts.commands.parked_events import ParkedEventCommands
from alerts.commands.ports import AudiencePort, Idempotency
from alerts.commands.print_batches import PrintCommands
from alerts.commands.reference_data import RegisterCommands
from alerts.commands.reports import ReportCommands
from alerts.commands.results import (
    ContactSaved,
    KeySaved,
    MemberSaved,
    NoticeSaved,
    Result,
    Saved,
    SourceSaved,
    SubscriberSaved,
    TriggerSaved,
)
from alerts.commands.service_points import ServiceCommands
from alerts.commands.subscriber_exports import ExportCommands
from alerts.commands.subscriber_imports import ImportCommands
from alerts.commands.text_sign_up import TextSignUpCommands
from alerts.commands.triggers import TriggerCommands
from alerts.commands.unreached import UnreachedCommands
from alerts.commands.webhooks import WebhookCommands
from alerts.commands.yearly_mail import YearlyMailCommands
from alerts.contract.trigger_request import ParsedTrigger
from subscribers.audience.query import AudienceCount


class Commands(
    IncidentCommands,
    ServiceCommands,
    RegisterCommands,
    OrganisationCommands,
    NoticeCommands,
    NoticeCommentCommands,
    NewsletterCommands,
    TemplateCommands,
    FollowCommands,
    TextSignUpCommands,
    ImportCommands,
    ExportCommands,
    TeamCommands,
    TriggerCommands,
    ReceiptCommands,
    ReportCommands,
    PrintCommands,
    UnreachedCommands,
    ParkedEventCommands,
    LookUpCommands,
    WebhookCommands,
    DueCommands,
    YearlyMailCommands,
):
    """All commands over one writer (see `CommandBase` for its collaborators)."""


__all__ = [
    "RESIDENT",
    "SYSTEM",
    "Actor",
    "AudienceCount",
    "AudiencePort",
    "Commands",
    "ContactSaved",
    "Idempotency",
    "KeySaved",
    "MemberSaved",
    "NoticeSaved",
    "ParsedTrigger",
    "Result",
    "Saved",
    "SourceSaved",
    "SubscriberSaved",
    "TriggerSaved",
]
