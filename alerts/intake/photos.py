"""Photo reader: a resident's picture, decoded and encoded anew, so that nothing but what it shows is left.

Position, time, device, colour profiles and whatever else a file may carry are gone, and so is anything that only
pretends to be a picture.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from alerts.kernel.errors import Invalid

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST = 10 * 1024 * 1024
"""Bytes of a photo."""
FORMATS = ("JPEG", "PNG", "WEBP")
_PIXELS = 60_000_000
"""Pixels that are decoded: 180 MB while it lasts."""
_SIDE = 2_048
"""Pixels of the longer side that are kept."""
_QUALITY = 82


def reencode(raw: bytes, field: str = "photo") -> bytes:
    """Return a picture as a JPEG without metadata, upright, at most 2,048 pixels wide or high.

    Raises Invalid for more than `LARGEST` bytes, another format, too many pixels, or what cannot be decoded. Blocks.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # 60 ms: only where photos are

    if len(raw) > LARGEST:
        raise Invalid.field(field, "The photo must be 10 MB or less.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture of many pixels is refused below, in words
            with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
                if picture.width * picture.height > _PIXELS:
                    raise Invalid.field(field, "The photo has too many pixels: send a smaller one.")
                picture.draft("RGB", (_SIDE, _SIDE))
                upright = ImageOps.exif_transpose(picture)
                plain = _flat(upright)
                plain.thumbnail((_SIDE, _SIDE))
        clean = Image.new("RGB", plain.size)
        clean.paste(plain)
        out = io.BytesIO()
        clean.save(out, "JPEG", quality=_QUALITY, optimize=True)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Invalid.field(field, "The photo must be a JPEG, PNG or WebP picture.") from error
    return out.getvalue()


def _flat(picture: Picture) -> Picture:
    """Put a picture on white, so that transparent parts hide nothing."""
    from PIL import Image

    if picture.mode in ("RGB", "L"):
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    ground = Image.new("RGB", layered.size, "white")
    ground.paste(layered, mask=layered.getchannel("A"))
    return ground
