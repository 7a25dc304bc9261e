"""Template behind a notice: how far the notice differs from it, and its correction, filled in as the notice was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from alerts.authoring.template_difference import FieldDifference, differences, filled_values
from alerts.authoring.templates import fill_words, plan_of_template
from alerts.channels.i18n import direction
from alerts.domain.events import Content, NoticePlan, TemplateText
from alerts.web.console.frame import Frame
from alerts.web.console.presenter import Presenter

_LABELS = {
    "title": "Title",
    "instruction": "What to do",
    "body": "What is happening",
    "sms": "Text message",
    "channels": "Ways",
}


class TemplateReview:
    """Compares notices with their templates. Read-only; every method blocks."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._views = frame, frame.services.views

    def of(self, plan: NoticePlan) -> dict[str, Any] | None:
        """Return what check and approve show of the difference; None for a notice without a template."""
        use = plan.template
        template = self._views.template(use.slug) if use is not None else None
        version = template.numbered(use.number) if use is not None and template is not None else None
        if use is None or template is None or version is None:
            return None
        presenter = Presenter(self._frame)
        rows = self.rows(differences(version.text, plan))
        return {
            "name": version.text.name,
            "slug": use.slug,
            "number": use.number,
            "by": presenter.who(version.by),
            "at": presenter.time(version.at),
            "newer": len(template.published) > use.number,
            "retired": template.retired,
            "rows": rows,
            "filled": len({piece.blank for row in rows for piece in row["pieces"] if piece.kind == "filled"}),
            "beyond": sum(row["beyond"] for row in rows),
        }

    def between(self, before: TemplateText, after: TemplateText) -> list[dict[str, Any]]:
        """Return what a draft changes in the published text, its correction too."""
        words = self.rows(differences(before, plan_of_template(after)))
        ends = differences(
            replace(before, content=before.corrections), plan_of_template(replace(after, content=after.corrections))
        )
        return [*words, *self.rows([one for one in ends if one.language], "Correction: ")]

    def rows(self, found: Sequence[FieldDifference], before: str = "") -> list[dict[str, Any]]:
        """Format differences for the screen."""
        return [
            {
                "label": before + _LABELS.get(one.field, one.field.capitalize()),
                "language": self._frame.translator.language(one.language) if one.language else "",
                "lang": one.language,
                "dir": direction(one.language) if one.language else "ltr",
                "pieces": one.pieces,
                "beyond": one.beyond_blanks,
            }
            for one in found
        ]

    def correction(self, plan: NoticePlan) -> dict[str, Content]:
        """Return the template's correction for each language of a notice, its blanks filled as the notice's are.

        A place, time or number that cannot be made out in one language is taken from another; words never are. A
        language without a correction repeats the notice's title, as a cancel without words does. {} without a template.
        """
        use = plan.template
        template = self._views.template(use.slug) if use is not None else None
        version = template.numbered(use.number) if use is not None and template is not None else None
        if version is None:
            return {}
        values = filled_values(version.text, plan.content)
        shared = {blank.name for blank in version.text.blanks if blank.kind != "text"}
        everywhere = {name: value for said in values.values() for name, value in said.items() if name in shared}
        return {
            tag: fill_words(version.text.corrections[tag], {**everywhere, **values.get(tag, {})})
            if tag in version.text.corrections
            else Content(title=said.title)
            for tag, said in plan.content.items()
        }
