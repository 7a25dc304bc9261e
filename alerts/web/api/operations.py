"""What each route of the API does, in a table: the source of `openapi.json`. A route without a row fails a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.commands.preferences import SubscriberEdit
from alerts.contract import bodies as b
from alerts.delivery_queue.queries import Progress
from alerts.explain.why import Why
from alerts.web.api import newsletters
from alerts.web.api import schemas_notices as notices
from alerts.web.api import schemas_resources as things
from alerts.web.api import schemas_subscribers as people
from alerts.web.api import schemas_webhooks as webhooks
from alerts.web.http import responses as a


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `answer` None: the body is described by `about` alone."""

    about: str
    status: int = 200
    answer: Any = None
    body: Any = None
    query: tuple[str, ...] = ()
    body_needed: bool = True
    edits: bool = False
    """A merge patch that needs `If-Match`."""
    streams: bool = False
    """Answers server-sent events to those who accept them."""
    again: bool = False
    """What is there already is answered 200."""


_PAGE = ("cursor", "limit")

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/incidents"): Operation(
        "Report an incident; the same source_ref again is a revision (200)",
        201,
        a.AcceptedWithNotice,
        b.IncidentBody,
        again=True,
    ),
    ("GET", "/incidents"): Operation(
        "Incidents, newest first", 200, a.ListBody[things.Incident], query=("state", *_PAGE)
    ),
    ("GET", "/incidents/{id}"): Operation("One incident", 200, things.Incident),
    ("POST", "/incidents/{id}/resolve"): Operation(
        "The incident is over; the key's policy decides whether an all-clear follows",
        200,
        a.AcceptedWithNotice,
        b.ResolveBody,
        body_needed=False,
    ),
    ("POST", "/service-points"): Operation(
        "Register a service point; the same source_ref again sets it so (200)",
        201,
        a.Accepted,
        b.ServicePointBody,
        again=True,
    ),
    ("GET", "/service-points"): Operation(
        "Service points", 200, a.ListBody[things.ServicePoint], query=("kind", *_PAGE)
    ),
    ("GET", "/service-points/{id}"): Operation("One service point", 200, things.ServicePoint),
    ("PATCH", "/service-points/{id}"): Operation(
        "Set a service point otherwise", 200, a.Accepted, b.ServicePointBody, edits=True
    ),
    ("POST", "/service-changes"): Operation(
        "Announce a service change; the same source_ref again is a revision (200)",
        201,
        a.AcceptedWithNotice,
        b.ServiceChangeBody,
        again=True,
    ),
    ("GET", "/service-changes"): Operation(
        "Service changes, newest first", 200, a.ListBody[things.ServiceChange], query=_PAGE
    ),
    ("GET", "/service-changes/{id}"): Operation("One service change", 200, things.ServiceChange),
    ("POST", "/places"): Operation(
        "Define a place; the same slug again is its next version (200)", 201, a.Accepted, b.PlaceBody, again=True
    ),
    ("GET", "/places"): Operation("The places, by slug", 200, a.ListBody[things.Place], query=_PAGE),
    ("GET", "/places/{slug}"): Operation("One place", 200, things.Place),
    ("POST", "/topics"): Operation(
        "Define a topic; the same slug again sets it so (200)", 201, a.Accepted, b.TopicBody, again=True
    ),
    ("GET", "/topics"): Operation("The topics, by slug", 200, a.ListBody[things.Topic], query=_PAGE),
    ("POST", "/segments"): Operation(
        "Save an audience rule under a name; the same slug again is its next version (200)",
        201,
        a.Accepted,
        b.SegmentBody,
        again=True,
    ),
    ("GET", "/segments"): Operation("The segments, by slug", 200, a.ListBody[things.Segment], query=_PAGE),
    ("GET", "/segments/{slug}"): Operation("One segment", 200, things.Segment),
    ("POST", "/notices"): Operation("Draft a notice", 201, notices.NoticeTaken, b.NoticeBody),
    ("GET", "/notices"): Operation(
        "Notices, newest first", 200, a.ListBody[notices.Notice], query=("state", "kind", *_PAGE)
    ),
    ("GET", "/notices/{id}"): Operation("One notice", 200, notices.Notice),
    ("PATCH", "/notices/{id}"): Operation(
        "Edit a notice; any edit voids an approval", 200, notices.NoticeTaken, b.NoticeBody, edits=True
    ),
    ("GET", "/notices/{id}/dispatch"): Operation("How far the dispatch has come", 200, Progress),
    ("POST", "/notices/{id}/submit"): Operation(
        "Give it to an approver", 200, notices.NoticeTaken, b.EmptyBody, body_needed=False
    ),
    ("POST", "/notices/{id}/approve"): Operation(
        "Approve what GET shows: that version, that many people", 200, notices.NoticeTaken, b.ApproveBody
    ),
    ("POST", "/notices/{id}/reject"): Operation("Never to be sent", 200, notices.NoticeTaken, b.ReasonBody),
    ("POST", "/notices/{id}/return"): Operation("Back to its author", 200, notices.NoticeTaken, b.ReasonBody),
    ("POST", "/notices/{id}/schedule"): Operation(
        "To be issued at that time", 200, notices.NoticeTaken, b.ScheduleBody
    ),
    ("POST", "/notices/{id}/issue"): Operation("Out, now", 202, notices.NoticeOut, b.EmptyBody, body_needed=False),
    ("POST", "/notices/{id}/update"): Operation(
        "Draft an update of the thread", 201, notices.NoticeTaken, b.NoticeBody
    ),
    ("POST", "/notices/{id}/cancel"): Operation("It should not have been said", 201, notices.NoticeOut, b.CancelBody),
    ("POST", "/notices/{id}/all-clear"): Operation(
        "The danger is over", 201, notices.NoticeOut, b.AllClearBody, body_needed=False
    ),
    ("POST", "/notices/{id}/stop"): Operation(
        "Cancel what has not left; the thread stays live", 200, notices.NoticeTaken, b.ReasonBody
    ),
    ("POST", "/notices/{id}/resume"): Operation(
        "Let a dispatch go on that was paused because too many addresses bounced",
        200,
        notices.NoticeTaken,
        b.ResumeBody,
        body_needed=False,
    ),
    ("POST", "/newsletters"): Operation(
        "Start a newsletter; the same slug again sets it so (200)", 201, a.Accepted, b.NewsletterBody, again=True
    ),
    ("GET", "/newsletters"): Operation(
        "The newsletters that are running, by slug", 200, a.ListBody[newsletters.Newsletter], query=_PAGE
    ),
    ("GET", "/newsletters/{id}"): Operation("One newsletter, by id or slug", 200, newsletters.Newsletter),
    ("PATCH", "/newsletters/{id}"): Operation(
        "Set a newsletter otherwise; its slug stays", 200, a.Accepted, b.NewsletterBody, edits=True
    ),
    ("DELETE", "/newsletters/{id}"): Operation("No further issues", 200, a.Accepted),
    ("POST", "/newsletters/{id}/bulletins"): Operation(
        "Draft an issue: a notice of kind bulletin, with the schedule's next time unless send_at says another",
        201,
        notices.NoticeTaken,
        b.BulletinBody,
    ),
    ("GET", "/notices/{id}/why-not/{subscriber_id}"): Operation("Why this person did not get it, or did", 200, Why),
    ("POST", "/audience"): Operation("Whom would this notice reach?", 200, a.AudienceBody, b.NoticeBody),
    ("POST", "/subscribers"): Operation(
        "Sign somebody up; without confirmed and consent each contact point is asked first",
        201,
        people.SubscriberTaken,
        b.SubscriberBody,
    ),
    ("GET", "/subscribers"): Operation("Subscribers", 200, a.ListBody[people.Subscriber], query=_PAGE),
    ("GET", "/subscribers/{id}"): Operation("One subscriber", 200, people.Subscriber),
    ("PATCH", "/subscribers/{id}"): Operation(
        "Change wishes and addresses, pause by paused_until", 200, people.SubscriberTaken, SubscriberEdit, edits=True
    ),
    ("DELETE", "/subscribers/{id}"): Operation(
        "End the subscription; erase=true forgets the person", 200, people.SubscriberTaken, query=("erase",)
    ),
    ("GET", "/deliveries"): Operation(
        "Deliveries, all or of a notice or a subscriber",
        200,
        a.ListBody[notices.Delivery],
        query=("notice", "subscriber", "state", *_PAGE),
    ),
    ("GET", "/deliveries/{id}"): Operation("One delivery with its attempts", 200, notices.Delivery),
    ("GET", "/deliveries/{id}/why"): Operation("The whole chain from the triggering event to the outcome", 200, Why),
    ("GET", "/triggers/{id}"): Operation("What became of a webhook", 200, notices.Trigger),
    ("GET", "/events"): Operation(
        "The log as a gapless, replayable feed, personal data left out; as server-sent events too",
        200,
        a.ListBody[a.Event],
        query=("after", "limit", "type"),
        streams=True,
    ),
    ("POST", "/webhooks"): Operation(
        "Post events to a program from here on, signed per Standard Webhooks; the secret is told once",
        201,
        webhooks.WebhookTaken,
        b.WebhookBody,
    ),
    ("GET", "/webhooks"): Operation("Outgoing webhooks, newest first", 200, a.ListBody[webhooks.Webhook], query=_PAGE),
    ("GET", "/webhooks/{id}"): Operation("One outgoing webhook, and how it does", 200, webhooks.Webhook),
    ("DELETE", "/webhooks/{id}"): Operation("Nothing more is posted to it", 200, a.Accepted),
    ("POST", "/webhooks/{id}/replay"): Operation(
        "Its events again from behind a log position, or on from where it stands; switches it on again",
        202,
        a.Accepted,
        query=("after",),
    ),
    ("GET", "/status"): Operation("Is the service at rest?"),
    ("GET", "/openapi.json"): Operation("This document"),
}
"""By method and path below `/api/v1`."""
