"""What a file is, by its first bytes; names and extensions are never trusted."""

from __future__ import annotations

import re

from kpsearch.images.container import Flaw

SIGNATURE_BYTES = 64
"""So many first bytes are enough for ``looks_like_image``."""


def _table(*rows: tuple[str, bytes]) -> tuple[tuple[str, re.Pattern[bytes]], ...]:
    return tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in rows)


_SUPPORTED = _table(
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("WEBP", rb"RIFF....WEBP"),
    ("GIF", rb"GIF8[79]a"),
    # "BM" alone would take in a text about cars; the size of the second header makes it sure.
    ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    ("TIFF", rb"II[*+]\0(?!.{4}CR)|MM\0[*+]"),
)
_UNSUPPORTED = _table(
    ("AVIF", rb"....ftyp(avi[fs]|mif1.{4}.{0,40}?avif)"),
    ("HEIC", rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"),
    ("JPEG XL", rb"\0\0\0\x0cJXL \r\n|\xff\x0a"),
    ("JPEG XR", rb"II\xbc"),
    ("Radiance HDR", rb"#\?(RADIANCE|RGBE)"),
    ("Photoshop PSD", rb"8BPS"),
    ("OpenEXR", rb"v/1\x01"),
    ("camera raw", rb"II\*\0.{4}CR|FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR"),
    ("netpbm", rb"P[1-7]\s+(#|\d|WIDTH)"),
    ("QOI", rb"qoif"),
    ("DDS", rb"DDS \x7c"),
    ("Windows icon", rb"\0\0[\1\2]\0[\1-\x40]\0"),
)
_NO_IMAGE = _table(
    ("a PDF document", rb"%PDF-"),
    ("a PostScript document", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("an SVG drawing", rb"(?i:\s*(<\?xml.*)?(<!DOCTYPE svg|<svg))"),
    ("an HTML page", rb"(?i:\s*(<!DOCTYPE html|<html|<head|<body))"),
    ("an XML document", rb"\s*<\?xml"),
    ("an archive", rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf"),
    ("a video", rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI "),
)


def _name(head: bytes, table: tuple[tuple[str, re.Pattern[bytes]], ...]) -> str | None:
    return next((name for name, pattern in table if pattern.match(head)), None)


def identify(data: bytes) -> str:
    """The container of ``data``: JPEG, PNG, WEBP, GIF, BMP or TIFF.

    Raises ``Flaw`` (``unsupported_format``, ``not_an_image``) that says what it is instead.
    """
    head = data[:SIGNATURE_BYTES]
    if (name := _name(head, _SUPPORTED)) is not None:
        return name
    if (name := _name(head, _UNSUPPORTED)) is not None:
        raise unsupported(name)
    raise Flaw("not_an_image", _describe(data[:1024]))


def unsupported(name: str) -> Flaw:
    """The flaw of a picture in a format that is known but not read."""
    return Flaw("unsupported_format", f"{name} is not supported; convert it to JPEG or PNG")


def looks_like_image(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is a picture, be it one we cannot read."""
    return any(_name(head, table) is not None for table in (_SUPPORTED, _UNSUPPORTED))


def _describe(head: bytes) -> str:
    if (name := _name(head, _NO_IMAGE)) is not None:
        return f"this is {name}"
    if not head.translate(None, bytes(range(32, 127)) + b"\t\r\n"):
        return "this is text"
    return "the file starts like no image format"
