"""Every resource of the web, in the order in which their routes are tried."""

from __future__ import annotations

from alerts.web import (
    api_audience,
    api_deliveries,
    api_incidents,
    api_log,
    api_newsletters,
    api_notices,
    api_registers,
    api_services,
    api_subscribers,
    api_webhooks,
    cap_messages,
    console,
    health,
    hooks,
    hooks_receipts,
    inbox_pages,
    inbox_push,
    link_pages,
    openapi,
    pages,
    push,
    site,
)

MODULES = (
    hooks.routes,
    hooks_receipts.routes,
    api_incidents.routes,
    api_services.routes,
    api_registers.routes,
    api_notices.routes,
    api_newsletters.routes,
    api_audience.routes,
    api_subscribers.routes,
    api_deliveries.routes,
    api_log.routes,
    api_webhooks.routes,
    health.routes,
    openapi.routes,
    cap_messages.routes,  # before the pages: `/alerts/{id}.cap` looks like a page's address too
    pages.routes,
    link_pages.routes,
    push.routes,
    inbox_push.routes,  # before the pages: `/inbox/push/raw` looks like a message's address too
    inbox_pages.routes,
    console.routes,
    site.routes,
)

page_of_error = pages.error_page
