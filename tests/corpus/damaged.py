"""Pictures that are cut off, rotten, lying, or outside the limits."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from tests.corpus.accepted import extension_of
from tests.corpus.bad import bad_files
from tests.corpus.case import Made, bad
from tests.corpus.pictures import encode, exif, good_files, picture, png_chunk, rgb, rgba, tiff

SHORTEST_BYTES = 18
"""No signature is longer: from here on a file is known to be a picture, if a broken one."""
CUTS_A_FILE = 4
BEYOND = ((30_001, 16), (16, 30_001), (10_001, 10_000), (10_000, 10_001), (65_535, 65_535))
"""Sizes over the limits, that every format can claim."""
FAR_BEYOND = ((2**31 - 1, 2**31 - 1), (2**31 - 1, 16), (2**30, 2**30))
"""Sizes that only 32-bit fields can claim."""
LIES = ((64, 9_000), (9_000, 9_000), (29_999, 3_000))
"""Sizes within the limits that the file has no pixels for."""


def damaged_files(seed: int) -> Iterator[Made]:
    """Every bad file of ``bad_files`` too."""
    for name, (data, code) in bad_files().items():
        yield bad(f"kind-{name}", data, code)
    yield from _cut(np.random.default_rng(seed))
    yield from _rotten()
    yield from _claiming("beyond", BEYOND, "too_many_pixels")
    yield from _claiming("lie", LIES, "corrupt_data", formats=("jpeg", "png", "bmp", "tiff"))
    yield from _claiming("far", FAR_BEYOND, "too_many_pixels", formats=("png", "bmp", "tiff"))
    yield from _too_small()
    yield from _no_intensities()
    for extension in ("jpg", "png", "webp", "gif", "bmp", "tif", "heic"):
        yield bad(f"empty.{extension}", b"", "empty_file")


def _cut(rng: np.random.Generator) -> Iterator[Made]:
    for name, data in good_files().items():
        # What a writer pads its last value with belongs to no picture.
        whole = len(data.rstrip(b"\0")) if name == "tiff-pages" else len(data)
        lengths = {SHORTEST_BYTES, 30, whole // 2, whole - 2, whole - 1}
        lengths.update(rng.integers(SHORTEST_BYTES, whole, CUTS_A_FILE).tolist())
        for length in sorted(lengths):
            cut_name = f"cut-{name}-at-{length}.{extension_of(name)}"
            yield bad(cut_name, data[:length], "corrupt_data")


def _rotten() -> Iterator[Made]:
    """A PNG with a bit flipped in the body or the checksum of each of its chunks in turn."""
    for name, data in good_files().items():
        if not name.startswith("png"):
            continue
        at = 8
        while at < len(data):
            length, chunk = struct.unpack_from(">I4s", data, at)
            end = at + 12 + length
            for place in {at + 8, end - 1}:  # for a chunk without a body both are the checksum's
                rotten = bytearray(data)
                rotten[place] ^= 0x40
                yield bad(
                    f"rotten-{name}-{chunk.decode()}-{place}.png", bytes(rotten), "corrupt_data"
                )
            at = end


def _claiming(
    what: str,
    sizes: tuple[tuple[int, int], ...],
    code: str,
    formats: tuple[str, ...] = ("jpeg", "png", "webp", "gif", "bmp", "tiff"),
) -> Iterator[Made]:
    for width, height in sizes:
        for format in formats:
            data = CLAIMS[format](width, height)
            yield bad(f"{what}-{width}x{height}.{extension_of(format)}", data, code)


def _png_claiming(width: int, height: int) -> bytes:
    data = good_files()["png"]
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + png_chunk(b"IHDR", header) + data[33:]


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(good_files()["jpeg"])
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif_claiming(width: int, height: int) -> bytes:
    data = bytearray(good_files()["gif"])
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def _bmp_claiming(width: int, height: int) -> bytes:
    data = bytearray(good_files()["bmp"])
    data[18:26] = struct.pack("<ii", width, -height)
    return bytes(data)


def _webp_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(rgba(), "WEBP", exif=exif(1)))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def _tiff_claiming(width: int, height: int) -> bytes:
    data = tiff(picture()[:, :, 0])
    for tag, old, new in ((256, 64, width), (257, 48, height)):
        row = struct.pack("<HHI", tag, 4, 1)
        data = data.replace(row + struct.pack("<I", old), row + struct.pack("<I", new))
    return data


CLAIMS = {
    "jpeg": _jpeg_claiming,
    "png": _png_claiming,
    "webp": _webp_claiming,
    "gif": _gif_claiming,
    "bmp": _bmp_claiming,
    "tiff": _tiff_claiming,
}


def _too_small() -> Iterator[Made]:
    for size in ((1, 1), (15, 15), (15, 40), (40, 15), (1, 300), (300, 1)):
        for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
            data = encode(rgb().resize(size), format)
            name = f"small-{size[0]}x{size[1]}.{extension_of(format.lower())}"
            yield bad(name, data, "too_small")


def _no_intensities() -> Iterator[Made]:
    """TIFFs of floating-point and signed samples."""
    grey = picture()[:, :, 0]
    for dtype, kind in (("f2", 3), ("f4", 3), ("f8", 3), ("i1", 2), ("i2", 2), ("i4", 2)):
        for name, samples, photometric in (("grey", grey, 1), ("rgb", picture(), 2)):
            data = tiff(samples.astype(dtype), photometric=photometric, sample_format=kind)
            yield bad(f"samples-{dtype}-{name}.tif", data, "corrupt_data")
