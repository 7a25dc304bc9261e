"""Export of the public pages as files."""

from __future__ import annotations

from pathlib import Path

from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import Unavailable
from alerts.operations.base import OperationGroup


class SiteOperations(OperationGroup):
    """The static site."""

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "export-site": self.export_site,
        }

    async def export_site(self, args: Json) -> Json:
        """{"dest", "url", "days"} → {"files", "written"}: the public pages as files in the folder `dest`."""
        from alerts.web.public.static_export import export

        try:
            done = await self.read(lambda: export(self._parts, Path(args["dest"]), args["url"], args["days"]))
        except OSError as error:
            raise Unavailable(f"{error.filename or args['dest']} cannot be written: {error.strerror}") from error
        return {"files": done.files, "written": done.written}
