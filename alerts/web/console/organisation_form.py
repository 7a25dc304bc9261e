"""Form of an organisation: its names, consent lines and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from alerts.channels.i18n import LANGUAGES
from alerts.contract.bodies import OrganisationBody
from alerts.domain.events import AreaJson
from alerts.domain.organisation import OrganisationState
from alerts.kernel.errors import DomainError, Invalid
from alerts.kernel.terms import NoticeKind
from alerts.web.console.area_lines import LONGEST, drawn_of, lines_of
from alerts.web.public.forms import FormErrors, FormFields

_FIELDS = ("slug", "kinds")
_CONSENT = 1_000


@dataclass(slots=True)
class OrganisationForm:
    """Typed values of an organisation, as they go back into the fields."""

    slug: str = ""
    sender_name: str = ""
    names: dict[str, str] = field(default_factory=dict)
    """By language; one that is left empty has none."""
    consents: dict[str, str] = field(default_factory=dict)
    places: str = ""
    drawn: AreaJson = field(default_factory=list)
    """Drawn areas that it has already; the form keeps or drops them."""
    keep: bool = True
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: FormFields, drawn: AreaJson) -> OrganisationForm:
        """Read a submitted form."""
        return cls(
            slug=fields.line("slug")[:200],
            sender_name=fields.line("sender")[:200],
            names={tag: fields.line(f"name-{tag}") for tag in LANGUAGES},
            consents={tag: " ".join(fields.text(f"consent-{tag}", _CONSENT).split()) for tag in LANGUAGES},
            places=fields.text("places", LONGEST).strip(),
            drawn=drawn,
            keep=fields.ticked("keep"),
            kinds=fields.all("kind"),
        )

    @classmethod
    def of_state(cls, state: OrganisationState) -> OrganisationForm:
        """Return the form that shows an organisation."""
        return cls(
            slug=state.slug,
            sender_name=state.sender_name,
            names={tag: state.name.get(tag, "") for tag in LANGUAGES},
            consents={tag: state.consent.get(tag, "") for tag in LANGUAGES},
            places=lines_of(state.areas),
            drawn=drawn_of(state.areas),
            kinds=state.kinds or (),
        )

    def body(self, areas: AreaJson, before: OrganisationState | None) -> OrganisationBody:
        """Return the body. Words in languages that the form has no fields for stay as they are."""
        names, consents = (before.name, before.consent) if before is not None else ({}, {})
        return OrganisationBody(
            slug=self.slug,
            sender_name=self.sender_name,
            name={"en": self.sender_name, **_worded(self.names, names)},
            consent=_worded(self.consents, consents),
            areas=areas or None,
            kinds=tuple(kind for kind in get_args(NoticeKind) if kind in self.kinds) or None,
        )


def errors_of(error: DomainError, errors: FormErrors) -> None:
    """Show a command's errors at the fields of the form."""
    found = error.errors if isinstance(error, Invalid) else ()
    for one in found:
        field_name, _, tag = one.field.partition(".")
        at = f"{field_name}-{tag}" if field_name in ("name", "consent") and tag in LANGUAGES else field_name
        known = at in _FIELDS or at != field_name
        errors.add("places" if field_name == "areas" else at if known else "sender", one.message)
    if not found:
        errors.add("sender", error.message)


def _worded(typed: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    others = {tag: words for tag, words in before.items() if tag not in LANGUAGES}
    return {**{tag: words for tag, words in typed.items() if words}, **others}
