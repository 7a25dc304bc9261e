"""PDF writer: HTML drawn by WeasyPrint, which needs the system's Pango.

Nothing is fetched: a page has all in itself.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from types import ModuleType
from typing import Any, NoReturn

_log = logging.getLogger(__name__)
_drawing = threading.Lock()


def draw(html: str, variant: str | None = None) -> bytes:
    """Return HTML as PDF, `pdf/ua-1` for what must be accessible. Raises ImportError, OSError where it cannot. Blocks.

    One document at a time: each takes a second of a processor.
    """
    with _drawing:
        document: bytes = _weasyprint().HTML(string=html, url_fetcher=_nothing).write_pdf(pdf_variant=variant)
    return document


@lru_cache(maxsize=1)
def is_available() -> bool:
    """True if PDFs can be drawn: WeasyPrint finds the system libraries that it needs. Slow at first."""
    try:
        _weasyprint()
    except (ImportError, OSError) as error:
        _log.warning("PDFs cannot be drawn: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
        return False
    return True


def _weasyprint() -> ModuleType:
    import weasyprint
    from PIL import ImageFile

    # WeasyPrint lets Pillow take truncated pictures, in the whole process: half a photo would pass as a photo.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    library: ModuleType = weasyprint
    return library


def _nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError("a printed page fetches nothing")
