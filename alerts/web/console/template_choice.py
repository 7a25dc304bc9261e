"""Template that a notice is begun from, as compose offers it and fills its form from it."""

from __future__ import annotations

from typing import Any

from alerts.domain.notice import NoticeState
from alerts.projections.queries import ReadModelQueries
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console import notice_form
from alerts.web.console.blank_fields import blank_fields
from alerts.web.console.notice_form import NoticeForm
from alerts.web.public.forms import FormErrors


async def begun_from(services: Services, form: NoticeForm, slug: str, errors: FormErrors) -> NoticeForm:
    """Return a form filled from a template; what was typed stays. Without a `slug`, it is the form as it is."""
    slug = slug[:80]
    if not slug:
        return form
    template = await read(services, services.views.template, slug)
    if template is None or template.current is None:
        errors.add("start", "There is no such published template: choose one of the list.")
        return form
    before, use = None, notice_form.template_of(form)
    if use is not None:
        former = await read(services, services.views.template, use.slug)
        before = former.numbered(use.number) if former is not None else None
    return notice_form.keep_typed(form, notice_form.of_template(template.current, slug, form), before)


def template_options(views: ReadModelQueries, form: NoticeForm, state: NoticeState | None) -> dict[str, Any]:
    """Return the templates to begin from, the one that a notice was begun from, and the blanks to fill. Blocks."""
    ready = [] if state is not None else [one for one in views.templates() if one.current]
    use = state.plan.template if state is not None else notice_form.template_of(form)
    begun = views.template(use.slug) if use is not None else None
    version = begun.numbered(use.number) if use is not None and begun is not None else None
    shown = None
    if use is not None and version is not None:
        shown = {"name": version.text.name, "slug": use.slug, "number": use.number}
    return {
        "templates": [(one.slug, one.current.text.name) for one in ready if one.current],
        "from_template": shown,
        "blanks": blank_fields(form.words, form.blanks, version.text.blanks if version is not None else ()),
    }
