"""Photos: encoded anew, without metadata, within limits."""

from __future__ import annotations

import io
from typing import Any

import pytest

from alerts.channels import pdf
from alerts.intake import photos
from alerts.kernel.errors import Invalid

PIL = pytest.importorskip("PIL.Image")


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    PIL.new(mode, size, 128).save(out, kind, **options)
    return out.getvalue()


def with_position() -> bytes:
    exif = PIL.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Maker of the camera"
    exif.get_ifd(0x8825)[2] = (51.0, 29.0, 12.0)  # latitude
    return picture(exif=exif, comment=b"taken at home")


def test_position_and_all_metadata_are_removed() -> None:
    raw = with_position()
    assert b"Maker of the camera" in raw
    clean = photos.reencode(raw)
    with PIL.open(io.BytesIO(clean)) as opened:
        assert opened.format == "JPEG" and not opened.getexif() and opened.size == (40, 60), "and it stands upright"
        assert not set(opened.info) & {"exif", "comment", "icc_profile", "xmp"}
    assert b"Maker of the camera" not in clean and b"taken at home" not in clean


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("WEBP", "RGB"), ("JPEG", "CMYK")]
)
def test_each_format_becomes_a_plain_jpeg(kind: str, mode: str) -> None:
    with PIL.open(io.BytesIO(photos.reencode(picture(kind, mode=mode)))) as opened:
        assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", (60, 40))


def test_large_pictures_are_made_smaller() -> None:
    with PIL.open(io.BytesIO(photos.reencode(picture(size=(5000, 100))))) as opened:
        assert max(opened.size) == 2048


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        picture("GIF", mode="L"),
        picture("TIFF"),
        picture()[:200],
        picture("PNG")[:60],
        b"\xff\xd8\xff\xe0" + b"\x00" * 100,
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        photos.reencode(raw)


def test_half_a_picture_is_refused_after_a_pdf_was_drawn() -> None:
    if not pdf.is_available():
        pytest.skip("WeasyPrint's libraries are missing")
    assert pdf.draw("<p>Closed").startswith(b"%PDF")
    with pytest.raises(Invalid):
        photos.reencode(picture("PNG")[:60])


def test_a_picture_of_too_many_pixels_is_refused_undecoded() -> None:
    with pytest.raises(Invalid, match="pixels"):
        photos.reencode(picture("PNG", size=(10_000, 7_000), mode="1"))


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="10 MB"):
        photos.reencode(bytes(photos.LARGEST + 1))
