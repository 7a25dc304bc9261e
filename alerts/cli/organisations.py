"""Commands for the organisations in whose names notices go out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from alerts.app.connection import ask, settings
from alerts.app.terminal import Misuse, show
from alerts.cli.access import AsJson, area_option

Slug = Annotated[str, typer.Argument(help="Its short name: small letters, digits and hyphens.")]


def register(app: typer.Typer) -> None:
    """Register the command group."""
    group = typer.Typer(no_args_is_help=True, help="Organisations in whose names notices go out.")
    group.command("define")(organisation_define)
    group.command("list")(organisation_list)
    group.command("retire")(organisation_retire)
    app.add_typer(group, name="organisation")


def organisation_define(
    slug: Slug,
    sender_name: Annotated[str, typer.Option(help="How its messages begin, such as Camden Council.")],
    name: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=NAME, such as cy='Cyngor Camden'; repeatable.")
    ] = None,
    consent: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=LINE that stands at the sign-up; repeatable.")
    ] = None,
    area: Annotated[
        list[str] | None, typer.Option(help="For this area alone: a place's slug, or @FILE with GeoJSON; repeatable.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="For this kind alone: alert, service-change, announcement or bulletin; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Define an organisation, set one otherwise, or take a retired one up again; what is left out has no limit."""
    names = _by_language(name, "--name")
    wanted = {
        "slug": slug,
        "sender_name": sender_name,
        "name": names or {settings().default_language: sender_name},
        "consent": _by_language(consent, "--consent"),
        "areas": [area_option(one) for one in area or ()] or None,
        "kinds": kind or None,
    }
    answer = ask("organisation-define", wanted)
    show(answer, as_json=as_json, words=lambda a: f"{slug} is defined, version {a['version']}")


def organisation_list(as_json: AsJson = False) -> None:
    """The organisations there are, retired ones too."""

    def words(answer: dict[str, Any]) -> str:
        return "\n".join(map(_line, answer["items"])) or "none yet; `alerts organisation define` makes one"

    show(ask("organisation-list", {}), as_json=as_json, words=words)


def organisation_retire(slug: Slug, as_json: AsJson = False) -> None:
    """Retire an organisation: no new notice goes out in its name; those that are out may be ended."""
    answer = ask("organisation-retire", {"slug": slug})
    show(answer, as_json=as_json, words=lambda a: f"{a['slug']} issues nothing any more")


def _line(one: dict[str, Any]) -> str:
    limits = ", ".join(one["kinds"] or ()) + (" in some areas" if one["areas"] else "")
    only = f"  only {limits.strip()}" if limits else ""
    return f"{one['slug']}  {one['sender_name']}{only}{'  retired' if one['retired'] else ''}"


def _by_language(given: list[str] | None, option: str) -> dict[str, str]:
    """Parse LANGUAGE=WORDS."""
    found = {}
    for one in given or ():
        language, equals, words = one.partition("=")
        if not (language and equals and words.strip()):
            raise Misuse(f"{option}: write LANGUAGE=WORDS, such as en='Camden Council', not {one!r}")
        found[language] = words
    return found
