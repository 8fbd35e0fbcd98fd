"""Files that are no pictures, and pictures of formats that are not read, under any name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.corpus.case import Made, bad

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
RANDOM_FILES = 24

_TEXTS: dict[str, bytes] = {
    "text": b"BMW 2002, second hand, GIF and PNG on request\n" * 20,
    "one-letter": b"x",
    "signature-cut": b"\x89PNG\r\n",
    "page": b"<!DOCTYPE html>\n<html><body>404</body></html>",
    "bare-page": b"\n  <html><head></head></html>",
    "drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "bare-drawing": b'<svg viewBox="0 0 9 9"/>',
    "feed": b'<?xml version="1.0"?><rss/>',
    "paper": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100),
    "figure": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "dos-figure": b"\xc5\xd0\xd3\xc6" + bytes(60),
    "archive": b"PK\x03\x04" + bytes(60),
    "program": b"\x7fELF\x02\x01\x01" + bytes(60),
    "zeros": bytes(4096),
}


def _brand(major: bytes, *others: bytes) -> bytes:
    """The first box of an ISO media file, by the brands it is compatible with."""
    body = major + bytes(4) + b"".join(others)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + bytes(50)


_FORMATS: dict[str, bytes] = {
    **{
        f"{major.decode()}.heic": _brand(major, b"mif1", b"heic")
        for major in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
    },
    "mif1.heif": _brand(b"mif1", b"mif1", b"heic"),
    "msf1.heif": _brand(b"msf1", b"msf1", b"hevc"),
    "avif.avif": _brand(b"avif", b"avif", b"mif1"),
    "avis.avif": _brand(b"avis", b"msf1", b"avis"),
    "mif1.avif": _brand(b"mif1", b"mif1", b"avif"),
    "box.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50),
    "stream.j2k": b"\xff\x4f\xff\x51\0\x2f" + bytes(50),
    "box.jxl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50),
    "stream.jxl": b"\xff\x0a\xfa\x1f" + bytes(50),
    "jxr.jxr": b"II\xbc\x01" + bytes(50),
    "radiance.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "rgbe.hdr": b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n",
    "layers.psd": b"8BPS\0\1" + bytes(50),
    "large-layers.psd": b"8BPS\0\2" + bytes(50),
    "light.exr": b"v/1\x01\2\0\0\0" + bytes(50),
    "canon.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(50),
    "fuji.raf": b"FUJIFILMCCD-RAW 0201" + bytes(50),
    "olympus.orf": b"IIRO\x08\0\0\0" + bytes(50),
    "panasonic.rw2": b"IIU\0\x18\0\0\0" + bytes(50),
    "plain.pbm": b"P1\n# by hand\n2 2\n1 0 0 1\n",
    "plain.ppm": b"P3 2 2 255\n" + b"0 " * 12,
    "packed.pgm": b"P5\n32 32\n255\n" + bytes(1024),
    "packed.ppm": b"P6\n32 32\n255\n" + bytes(3072),
    "ok.qoi": b"qoif" + bytes(50),
    "texture.dds": b"DDS \x7c\0\0\0" + bytes(120),
    "site.ico": b"\0\0\1\0\1\0\x10\x10" + bytes(50),
    "arrow.cur": b"\0\0\2\0\1\0\x10\x10" + bytes(50),
}


def foreign_files(seed: int) -> Iterator[Made]:
    """Each text under each extension of an image, each format under two names."""
    for name, data in _TEXTS.items():
        for extension in EXTENSIONS:
            yield bad(f"{name}.{extension}", data, "not_an_image")
    rng = np.random.default_rng([seed, 1])
    for number in range(RANDOM_FILES):
        # No signature starts with this byte.
        data = b"\x01" + rng.bytes(int(rng.integers(1, 5000)))
        yield bad(f"noise-{number}.{EXTENSIONS[number % 8]}", data, "not_an_image")
    for name, data in _FORMATS.items():
        yield bad(name, data, "unsupported_format")
        yield bad(f"{name}.jpg", data, "unsupported_format")
    for odd in (b"bad\n.jpg", b"bad\xfd.jpg", b"-bad.jpg", b"\x1b[2Jbad.jpg", b"b" * 251 + b".png"):
        yield bad(odd, b"text", "not_an_image")
