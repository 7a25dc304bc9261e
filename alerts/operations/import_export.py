"""Operations of `alerts import`, `export` and `places` on a running product: JSON in and out, in pages."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from alerts.commands.subscriber_imports import ImportProgress, ImportRow
from alerts.contract.bodies import PlaceBody
from alerts.domain.events import ImportRowRefused
from alerts.domain.reference_data import PlaceState
from alerts.import_export.csv_format import exported
from alerts.import_export.page_order import PageOrder
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import FieldError, Invalid
from alerts.operations.base import identity, operator
from alerts.services import Services

T = TypeVar("T")
_ROWS = msgspec.msgpack.Decoder(list[ImportRow])
_SEARCHED = 20_000
_REFUSED = ImportRowRefused.topic()
PLACES = 50
"""Places per exported page."""


class TransferOperations:
    """Imports and exports over the built services.

    `read` runs a read after the read models have caught up with everything written so far.
    """

    def __init__(self, parts: Services, read: Callable[[Callable[[], Any]], Any]) -> None:
        self._parts, self._read = parts, read
        self._page_order = PageOrder()

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "import-terms": self.terms,
            "import-begin": self.begin,
            "import-page": self.page,
            "import-finish": self.finish,
            "import-refused": self.refused,
            "export-begin": self.export_begin,
            "subscribers-export": self.subscribers_export,
            "export-finish": self.export_finish,
            "places-import": self.places_import,
            "places-export": self.places_export,
        }

    # --- subscribers

    async def terms(self, args: Json) -> Json:
        """{} → reference data for the validation of rows (`alerts.import_export.parser_process.Terms`)."""
        known, language, timezone, prefixes = await self._parts.commands.terms()
        return {
            "language": language,
            "timezone": timezone,
            "places": sorted(known.places),
            "topics": sorted(known.topics),
            "prefixes": prefixes,
            "bounds": known.bounds,
        }

    async def begin(self, args: Json) -> Json:
        """{"digest", "rows", "again"} → progress of the import of that file."""
        commands = self._parts.commands
        progress = await commands.begin_import(operator(), args["digest"], args["rows"], again=args["again"])
        self._page_order.begin(args["digest"], progress.done)
        return _shown(progress)

    async def page(self, args: Json) -> Json:
        """{"digest", "start", "rows": MessagePack in base64, "dry_run"} → {"count", "taken", "known", "refused"}.

        The next page may be sent before this one is answered: it is prepared meanwhile, and waits for its position.
        """
        commands, digest, start = self._parts.commands, args["digest"], args["start"]
        rows = await asyncio.to_thread(lambda: _ROWS.decode(base64.b64decode(args["rows"])))
        if args["dry_run"]:
            done = await commands.rehearse_page(rows)
        else:
            turn = self._page_order.turn(digest, start, len(rows))
            done = await commands.import_page(operator(), digest, start, rows, turn=turn)
        shown: Json = msgspec.to_builtins(done)
        return shown

    async def finish(self, args: Json) -> Json:
        """{"digest"} → progress of the import, all rows done."""
        self._page_order.end(args["digest"])
        return _shown(await self._parts.commands.finish_import(operator(), args["digest"]))

    async def refused(self, args: Json) -> Json:
        """{"digest", "after"} → {"items": [{"line", "field", "reason"}], "next"}: a page of the recorded refusals.

        `after` is an earlier page's `next`, or null.
        """
        progress = await self._parts.commands.import_progress(args["digest"])
        if progress is None:
            return {"items": [], "next": None}
        after = args["after"] or progress.position

        def read() -> Json:
            found = self._parts.log.read(after, _SEARCHED, (_REFUSED,))
            items = [
                {"line": r.event.line, "field": r.event.field, "reason": r.event.reason}
                for r in found
                if r.cause == progress.position and isinstance(r.event, ImportRowRefused)
            ]
            return {"items": items, "next": found[-1].position if len(found) == _SEARCHED else None}

        return await asyncio.to_thread(read)

    async def export_begin(self, args: Json) -> Json:
        """{} → {"export": id}: recorded before the first row leaves."""
        return {"export": str((await self._parts.commands.begin_export(operator())).id)}

    async def export_finish(self, args: Json) -> Json:
        """{"export", "people"} → {"position"}: the rows have been handed over."""
        export = identity(args["export"], "export")
        return {"position": (await self._parts.commands.finish_export(operator(), export, args["people"])).position}

    async def subscribers_export(self, args: Json) -> Json:
        """{"export", "cursor", "limit"} → {"items": [row], "next"}: page of subscribers, addresses in clear."""
        await self._parts.commands.check_export(identity(args["export"], "export"))
        page = await self._read(lambda: self._parts.directory.people(args.get("cursor"), args["limit"]))
        return {"items": [row for p in page.items if (row := exported(p)) is not None], "next": page.next}

    # --- places

    async def places_import(self, args: Json) -> Json:
        """{"places": [PlaceBody], "dry_run"?} → {"created", "changed", "known", "refused"}.

        `refused` is [{"index", "field", "reason"}]; `index` counts from 0.
        """
        counts = {"created": 0, "changed": 0, "known": 0}
        refused: list[Json] = []
        for index, place in enumerate(args["places"]):
            try:
                counts[await self._place(place, dry_run=bool(args.get("dry_run")))] += 1
            except Invalid as error:
                first = error.errors[0] if error.errors else FieldError("", error.message)
                refused.append({"index": index, "field": first.field, "reason": first.message})
        return {**counts, "refused": refused}

    async def _place(self, place: Json, *, dry_run: bool) -> str:
        body, commands = converted(place, PlaceBody), self._parts.commands
        if dry_run:
            return await commands.rehearse_place(body)
        before = await commands.place_version(body.slug)
        saved = await commands.define_place(operator(), body)
        return "created" if saved.created else "known" if saved.version == before else "changed"

    async def places_export(self, args: Json) -> Json:
        """{"after": slug} → {"items": [{"slug", "name", "geometry"}], "next": slug|null}, by slug."""
        places: list[PlaceState] = await self._read(self._parts.views.places)
        rest = sorted((p for p in places if p.slug > args["after"]), key=lambda place: place.slug)
        page = rest[:PLACES]
        return {
            "items": [{"slug": p.slug, "name": p.name, "geometry": p.geometry} for p in page],
            "next": page[-1].slug if len(rest) > PLACES else None,
        }


def converted(value: Any, kind: type[T]) -> T:
    """Convert JSON values to a struct; a mismatch is Invalid with the path."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise Invalid("This holds half a character (a lone surrogate): mend its names.") from None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise Invalid.field(path.strip("`.") or "", message) from error


def _shown(progress: ImportProgress) -> Json:
    shown: Json = msgspec.to_builtins(progress)
    return shown
