"""View of the compose screen: choices, counters and area of a draft's form, and the review beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from alerts.channels.i18n import LANGUAGES, direction
from alerts.domain.events import Content
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.kernel.terms import CHANNELS as ALL_CHANNELS
from alerts.web.api.common import read
from alerts.web.console import notice_form
from alerts.web.console.comments import CommentSection
from alerts.web.console.draft_review import DraftReview
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import ONCE, once_key
from alerts.web.console.notice_form import NoticeForm
from alerts.web.console.organisation_choice import name_options
from alerts.web.console.presenter import Presenter
from alerts.web.console.previews import text_messages
from alerts.web.console.template_choice import template_options
from alerts.web.console.word_counts import LEFT, LIMITS, OVER, word_counts
from alerts.web.public.forms import FormErrors, FormFields
from alerts.web.public.map_svg import Zone, draw

MEANINGS: dict[str, dict[str, str]] = {
    "severity": {
        "Extreme": "Extreme: extraordinary danger to life or property",
        "Severe": "Severe: danger to life or property",
        "Moderate": "Moderate: possible danger",
        "Minor": "Minor: little danger",
        "Unknown": "Not known yet",
    },
    "urgency": {
        "Immediate": "Immediate: act now",
        "Expected": "Expected: act within the hour",
        "Future": "Future: act soon",
        "Past": "Past: no need to act any more",
        "Unknown": "Not known yet",
    },
    "certainty": {
        "Observed": "Observed: it has happened",
        "Likely": "Likely: more than even odds",
        "Possible": "Possible: less than even odds",
        "Unlikely": "Unlikely",
        "Unknown": "Not known yet",
    },
}
STATUSES = (
    ("Actual", "Real: residents get it"),
    ("Exercise", "Drill: testers and the team"),
    ("Test", "Test: testers and the team"),
)


class ComposeView:
    """Contexts of the compose screen's layouts. Read-only."""

    def __init__(self, frame: Frame, review: DraftReview, comments: CommentSection) -> None:
        self._frame, self._services = frame, frame.services
        self._review, self._comments = review, comments

    async def page(
        self,
        member: MemberState,
        form: NoticeForm,
        errors: FormErrors,
        state: NoticeState | None,
        fields: FormFields | None = None,
    ) -> dict[str, Any]:
        """Return the context of the whole page. `state`: the draft from which the form began."""
        context = await self.draft(form, errors, state, fields)
        return context | await read(self._services, self._names, member, form, state)

    async def draft(
        self,
        form: NoticeForm,
        errors: FormErrors,
        state: NoticeState | None,
        fields: FormFields | None = None,
        recent: bool = False,
    ) -> dict[str, Any]:
        """Return what depends on the draft. `recent`: a count of the last minute will do."""
        review: dict[str, Any] = {"area_words": "", "lacks": {}}
        if state is not None:
            review = await self._review.of(state, recent=recent)
        return {
            **await read(self._services, self._fields, form, errors, state),
            **review,
            **await read(self._services, self._comments.of, state, fields),
            "lacks": {tag: _lacking(said, review["lacks"].get(tag, "")) for tag, said in form.words.items()},
            "counts": await read(self._services, self.counts, form, state),
        }

    def counts(self, form: NoticeForm, state: NoticeState | None) -> dict[str, str]:
        """Return the counters of a form's words, those of the text message as it would leave. Blocks."""
        if state is None:
            return word_counts(form.words, None)
        said = {tag: Content(**words) for tag, words in form.words.items() if any(words.values())}
        plan = replace(state.plan, content=said, channels=form.channels or state.plan.channels)
        where = self._frame.place_shapes.where(plan.area, self._frame.translator)
        texts = text_messages(self._services, replace(state, plan=plan), where, self._services.clock())
        return word_counts(form.words, texts)

    def _part_words(self, part: Mapping[str, Any]) -> str:
        """Describe a part of an area; a circle with the registered place in which its middle lies. Blocks."""
        words, circle = notice_form.part_words(part), part.get("circle")
        if not isinstance(circle, Mapping):
            return words
        around = self._services.place_lookup.around(circle["lat"], circle["lon"], "en")
        return f"{words}, {around}" if around else words

    def _fields(self, form: NoticeForm, errors: FormErrors, state: NoticeState | None) -> dict[str, Any]:
        translator, zone = self._frame.translator, self._services.settings.timezone
        saved = list(state.plan.area or ()) if state is not None else []
        danger = form.kind == "alert" and form.severity in ("Extreme", "Severe") and form.status == "Actual"
        danger = danger and form.urgency in ("Immediate", "Expected") and form.certainty in ("Observed", "Likely")
        return {
            "here": "compose",
            "form": form,
            "errors": errors.words,
            "error_heading": "There is a problem",
            "state": state,
            "once": once_key(),
            "once_name": ONCE,
            "drill": form.status != "Actual",
            "danger": danger,
            "meanings": MEANINGS,
            "statuses": STATUSES,
            "topics": [(topic.slug, topic.name.get("en", topic.slug)) for topic in self._services.views.topics()],
            "all_channels": [(channel, CHANNELS.get(channel, channel)) for channel in ALL_CHANNELS],
            "area_parts": [
                (notice_form.part_value(part, saved=part in saved), self._part_words(part)) for part in form.area
            ],
            "simplified": None,
            "fine": self._review.outline_problem(form.area),
            "counters": {"limits": LIMITS, "left": LEFT, "over": OVER},
            "map": self._map(state),
            "languages_of": [
                (tag, translator.language(tag), direction(tag), words) for tag, words in form.words.items()
            ],
            "shown_language": "",
            "more_languages": [(tag, translator.language(tag)) for tag in LANGUAGES if tag not in form.words],
            "zone": zone,
            **template_options(self._services.views, form, state),
        }

    def _names(self, member: MemberState, form: NoticeForm, state: NoticeState | None) -> dict[str, Any]:
        """Return the names to choose from, and the one that it has where there is no choice."""
        views, chosen = self._services.views, form.organisation or (state.plan.organisation if state else None)
        names = name_options(views, member, self._frame.site.name, state, chosen)
        only = chosen or (member.organisations[0] if member.organisations else None)
        found = views.organisation(only) if only and not names else None
        return {"names": names, "issuer": found.sender_name if found is not None else ""}

    def _map(self, state: NoticeState | None) -> str | None:
        presenter = Presenter(self._frame)
        area = presenter.place_shapes.area(state.plan.area) if state is not None else None
        if state is None or area is None or area.empty:
            return None
        zone = Zone(presenter.style_class(state), area)
        return str(draw(presenter.place_shapes.outlines(), [zone], [], "Map of the area"))


def _lacking(words: dict[str, str], stops: str) -> str:
    """Say in short what a language still needs; "" for nothing."""
    if not any(words.values()):
        return "no words yet"
    return f"mend: {stops}" if stops else ""
