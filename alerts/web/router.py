"""Registry of all web resources, in the order in which their routes are matched."""

from __future__ import annotations

from alerts.web import health
from alerts.web.api import (
    audience,
    deliveries,
    events,
    incidents,
    newsletters,
    notice_actions,
    notices,
    openapi,
    organisations,
    print_batches,
    reference_data,
    reports,
    service_changes,
    service_points,
    status,
    subscribers,
    team,
    triggers,
    webhooks,
)
from alerts.web.console import account as console_account
from alerts.web.console import approval as console_approval
from alerts.web.console import calendar as console_calendar
from alerts.web.console import comments as console_comments
from alerts.web.console import compose as console_compose
from alerts.web.console import devices as console_devices
from alerts.web.console import follow_up as console_follow_up
from alerts.web.console import full_previews as console_full_previews
from alerts.web.console import identity_provider as console_identity_provider
from alerts.web.console import kept_form
from alerts.web.console import letter_preview as console_letter_preview
from alerts.web.console import letters as console_letters
from alerts.web.console import live as console_live
from alerts.web.console import log as console_log
from alerts.web.console import more as console_more
from alerts.web.console import newsletters as console_newsletters
from alerts.web.console import notice as console_notice
from alerts.web.console import notices as console_notices
from alerts.web.console import organisations as console_organisations
from alerts.web.console import outcome_report as console_outcome_report
from alerts.web.console import phone_acts as console_phone_acts
from alerts.web.console import report_incident as console_report_incident
from alerts.web.console import reports as console_reports
from alerts.web.console import sign_in as console_sign_in
from alerts.web.console import sign_in_methods as console_sign_in_methods
from alerts.web.console import sign_up_for as console_sign_up_for
from alerts.web.console import sources as console_sources
from alerts.web.console import subscribers as console_subscribers
from alerts.web.console import team as console_team
from alerts.web.console import templates as console_templates
from alerts.web.console import today as console_today
from alerts.web.console import waiting as console_waiting
from alerts.web.hooks import receipts
from alerts.web.hooks import webhooks as hooks
from alerts.web.inbox import pages as inbox_pages
from alerts.web.inbox import push as inbox_push
from alerts.web.public import (
    cap_documents,
    confirm,
    device_page,
    feedback,
    follow,
    pages,
    place_search,
    push_subscription,
    report,
    templating,
    token_pages,
    unsubscribe,
)
from alerts.web.public.preferences import routes as preferences
from alerts.web.public.sign_up import routes as sign_up

MODULES = (
    hooks.routes,
    receipts.routes,
    incidents.routes,
    service_points.routes,
    service_changes.routes,
    reference_data.routes,
    notices.routes,
    notice_actions.routes,
    newsletters.routes,
    audience.routes,
    subscribers.routes,
    deliveries.routes,
    events.routes,
    reports.routes,
    print_batches.routes,
    triggers.routes,
    status.routes,
    webhooks.routes,
    team.routes,
    organisations.routes,
    health.routes,
    openapi.routes,
    cap_documents.routes,  # before the pages: `/alerts/{id}.cap` looks like a page's address too
    pages.routes,
    place_search.routes,
    sign_up.routes,
    feedback.routes,
    follow.routes,
    report.routes,
    preferences.routes,
    token_pages.routes,
    unsubscribe.routes,
    confirm.routes,
    push_subscription.routes,
    device_page.routes,
    inbox_push.routes,  # before the pages: `/inbox/push/raw` looks like a message's address too
    inbox_pages.routes,
    console_today.routes,
    console_log.routes,
    console_letters.routes,
    console_calendar.routes,
    console_newsletters.routes,
    console_templates.routes,
    console_more.routes,
    console_waiting.routes,
    console_sources.routes,
    console_team.routes,
    console_sign_up_for.routes,
    console_organisations.routes,
    console_subscribers.routes,
    console_phone_acts.routes,
    console_reports.routes,
    console_report_incident.routes,
    console_notices.routes,
    console_compose.routes,  # before a notice's screen: `new` looks like an id too
    console_approval.routes,
    console_comments.routes,
    console_letter_preview.routes,
    console_follow_up.routes,
    console_live.routes,
    console_outcome_report.routes,
    console_notice.routes,
    console_account.routes,
    console_devices.routes,
    console_full_previews.routes,
    console_identity_provider.routes,
    console_sign_in_methods.routes,  # before the link's: `password` looks like a token too
    console_sign_in.routes,
    templating.routes,
)

page_of_error = kept_form.error_page_with_words
