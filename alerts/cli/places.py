"""Commands about the register of places."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alerts.cli.output import Failed, Misuse, progress, show
from alerts.cli.session import with_product

if TYPE_CHECKING:
    from alerts.control import Call, Json

BATCH = 20


def register(app: typer.Typer) -> None:
    """Add this group."""
    places = typer.Typer(no_args_is_help=True, help="The register of places.")
    places.command("import")(import_places)
    places.callback()(lambda: None)  # keeps `import` a name of its own
    app.add_typer(places, name="places")


def import_places(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A GeoJSON FeatureCollection.")],
    name_property: Annotated[str, typer.Option(help="The feature property that holds the place's name.")] = "name",
    language: Annotated[str, typer.Option(help="The language those names are in.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Register every area of a GeoJSON file; the same slug again is its next version."""
    found = [_place(f, number, name_property, language) for number, f in enumerate(_features(file), 1)]
    slugs = [p["slug"] for p in found]
    twice = sorted({s for s in slugs if slugs.count(s) > 1})
    if twice:
        raise Failed(f"several places would have the slug {', '.join(twice)}; nothing was registered")

    async def work(call: Call) -> Json:
        total = {"created": 0, "known": 0}
        with progress("places", len(found)) as tell:
            for start in range(0, len(found), BATCH):
                answer = await call("places-import", {"places": found[start : start + BATCH]})
                total = {key: total[key] + answer[key] for key in total}
                tell(start + BATCH)
        return total

    show(
        with_product(work),
        as_json=as_json,
        words=lambda a: f"{a['created']} places registered, {a['known']} were there (a changed one is a new version)",
    )


def slug_of(name: str) -> str:
    """Lower case, accents and apostrophes dropped, everything else that is no letter or digit a hyphen."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"['’]", "", plain)).strip("-")


def _features(file: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        features = document["features"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(f"{file} is no GeoJSON FeatureCollection: {error}") from error
    if not isinstance(features, list) or not features:
        raise Failed(f"{file} has no features")
    return features


def _place(feature: dict[str, Any], number: int, name_property: str, language: str) -> Json:
    properties = feature.get("properties") or {}
    name = properties.get(name_property)
    if not isinstance(name, str) or not slug_of(name):
        there = ", ".join(properties) or "none"
        raise Misuse(f"feature {number} has no property {name_property!r}; there are: {there}")
    return {"slug": slug_of(name), "name": {language: name}, "area": feature.get("geometry")}
