"""Commands for the register of places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from anyascii import anyascii

from alerts.app.connection import with_product
from alerts.app.terminal import Failed, Misuse, note, progress, show
from alerts.cli.rejected_rows import RejectedRowsReport

if TYPE_CHECKING:
    from alerts.kernel.calls import Call, Json

BATCH = 20
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Register this command group."""
    places = typer.Typer(no_args_is_help=True, help="The register of places.")
    places.command("import")(import_places)
    places.command("export")(export_places)
    app.add_typer(places, name="places")


def import_places(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A GeoJSON FeatureCollection.")],
    name_property: Annotated[str, typer.Option(help="The feature property that holds the place's name.")] = "name",
    language: Annotated[str, typer.Option(help="The language those names are in.")] = "en",
    dry_run: Annotated[bool, typer.Option(help="Check every area, and keep nothing.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the refused areas to this CSV file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register every area of a GeoJSON file; the same slug again is its next version.

    Areas that cannot be taken are reported one by one and the others kept. After a break the same file may be imported
    again: what is there already stays as it is. A feature's slug is its property `slug`, else made of its name.
    """
    count = _surveyed(file, name_property, language)

    async def work(call: Call) -> Json:
        total = {"created": 0, "changed": 0, "known": 0}
        with RejectedRowsReport("feature", report) as refused, progress("places", count) as tell:
            for page in _pages(file, name_property, language):
                faults = [(number, "properties", place) for number, place in page if isinstance(place, str)]
                sent = [(number, place) for number, place in page if not isinstance(place, str)]
                answer = await call("places-import", {"places": [place for _, place in sent], "dry_run": dry_run})
                total = {key: total[key] + answer[key] for key in total}
                faults += [(sent[one["index"]][0], one["field"], one["reason"]) for one in answer["refused"]]
                for fault in sorted(faults):
                    refused.add(*fault)
                tell(page[-1][0])
            return {**total, "refused": refused.first, "refused_count": refused.count}

    answer = with_product(work)
    show(answer, as_json=as_json, words=lambda a: _summary(a, dry_run=dry_run))
    if answer["refused_count"] == count:
        raise Failed("no area could be taken")


def export_places(
    file: Annotated[Path, typer.Argument(help="Where to; it is written whole or not at all.")],
    as_json: AsJson = False,
) -> None:
    """Write the register of places to a GeoJSON file; `alerts places import` takes it back."""
    from alerts.cli.atomic_file import atomic_file
    from alerts.import_export.geojson import Collection

    async def work(call: Call) -> int:
        after: str | None = ""
        with atomic_file(file) as out, Collection(out) as collection, progress("places", None) as tell:
            while after is not None:
                page = await call("places-export", {"after": after})
                for place in page["items"]:
                    collection.add(_feature(place))
                tell(collection.count)
                after = page["next"]
            return collection.count

    count = with_product(work)
    if as_json:
        show({"places": count, "file": str(file)}, as_json=True, words=str)
    else:
        note(f"{count} places written to {file}")


def slug_of(name: str) -> str:
    """Make a slug: lower case, transliterated to ASCII, without apostrophes, other characters as hyphens."""
    plain = re.sub(r"['’]", "", anyascii(name)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _surveyed(file: Path, name_property: str, language: str) -> int:
    """Count the areas of a file.

    Fails before anything is registered if none has a name, or if two have the same slug.
    """
    slugs: set[str] = set()
    twice: set[str] = set()
    count, fault = 0, ""
    for count, place in _places(file, name_property, language):
        if isinstance(place, str):
            fault = fault or f"feature {count}: {place}"
        else:
            (twice if place["slug"] in slugs else slugs).add(place["slug"])
    if twice:
        raise Failed(f"several places would have the slug {', '.join(sorted(twice))}; nothing was registered")
    if not count:
        raise Failed(f"{file} has no features")
    if not slugs:
        raise Misuse(f"no feature can be taken: {fault} (see --name-property)")
    return count


def _pages(file: Path, name_property: str, language: str) -> Iterator[list[tuple[int, Json | str]]]:
    page: list[tuple[int, Json | str]] = []
    for numbered in _places(file, name_property, language):
        page.append(numbered)
        if len(page) == BATCH:
            yield page
            page = []
    if page:
        yield page


def _places(file: Path, name_property: str, language: str) -> Iterator[tuple[int, Json | str]]:
    """Yield each feature's number and its place, or the reason why it is not valid."""
    from alerts.import_export.geojson import features
    from alerts.kernel.errors import Invalid

    try:
        for number, feature in enumerate(features(file), 1):
            yield number, _place(feature, name_property, language)
    except Invalid as error:
        raise Failed(f"{file}: {error}") from error


def _place(feature: dict[str, Any], name_property: str, language: str) -> Json | str:
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        return "there are none: give a name"
    name, slug, names = properties.get(name_property), properties.get("slug"), properties.get("names")
    if not isinstance(names, dict):
        if not isinstance(name, str) or not name.strip():
            there = ", ".join(properties) or "none"
            return f"{name_property!r} is missing or no text; there are: {there[:500]}"
        names = {language: name}
    if not isinstance(slug, str) or not slug:
        slug = slug_of(name) if isinstance(name, str) else ""
    if not slug:
        return f"no slug can be made of {name_property!r}: give a property slug (lower-case letters, digits, hyphens)"
    return {"slug": slug, "name": names, "area": feature.get("geometry") or {}}


def _feature(place: Json) -> Json:
    """Convert a place to a feature: its first name for map programs, all names for a later import."""
    names = place["name"]
    properties = {"slug": place["slug"], "name": next(iter(names.values())), "names": names}
    return {"type": "Feature", "properties": properties, "geometry": place["geometry"]}


def _summary(answer: Json, *, dry_run: bool) -> str:
    would = "could be registered" if dry_run else "registered"
    return (
        f"{answer['created']} places {would}, {answer['changed']} {'would get' if dry_run else 'have'} a new version, "
        f"{answer['known']} were there, {answer['refused_count']} refused"
    )
