"""The structure of PNG files: the chunks, with their checksums, to the last one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from kpsearch.images.container import Container, Route, check_size, corrupt, trailing_bytes
from kpsearch.images.tags import read_orientation

_SIGNATURE_BYTES, _HEADER_END = 8, 33
_MAX_CHUNKS = 100_000
_DEFLATE_RATIO = 1032
"""Deflate cannot pack more bytes than this into one."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GREY, _ALPHA_TYPES = 0, (4, 6)


def inspect(data: bytes) -> Container:
    """The header of a PNG whose chunks are all there and match their checksums; raises ``Flaw``."""
    width, height, depth, colour = _header(data)
    check_size(width, height)
    packed, frames, exif, transparent, end = 0, 1, None, False, len(data)
    for name, start, end in _chunks(data):
        if name == b"IDAT":
            packed += end - start - 4
        elif name == b"acTL" and end - start >= 8:
            frames = max(1, int.from_bytes(data[start : start + 4], "big"))
        elif name == b"tRNS":
            transparent = True
        elif name == b"eXIf":
            exif = data[start : end - 4]
    row_bytes = (width * _CHANNELS[colour] * depth + 7) // 8
    if row_bytes * height > (packed + 1) * _DEFLATE_RATIO:
        raise corrupt(f"{packed} bytes cannot hold {width} x {height} pixels")
    orientation, warnings = (1, ()) if exif is None else read_orientation(exif)
    return Container(
        "PNG",
        width,
        height,
        _route(depth, colour, transparent=transparent, animated=frames > 1),
        frames=frames,
        orientation=orientation,
        warnings=(*warnings, *trailing_bytes(data, end)),
    )


def _header(data: bytes) -> tuple[int, int, int, int]:
    """Width, height, bit depth and colour type, not believed before their checksum is checked."""
    if len(data) < _HEADER_END or data[8:16] != b"\0\0\0\x0dIHDR":
        raise corrupt("the PNG is cut off inside its header")
    _check_sum(memoryview(data), _SIGNATURE_BYTES, _HEADER_END)
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if colour not in _CHANNELS or depth not in (1, 2, 4, 8, 16):
        raise corrupt(f"a PNG cannot have colour type {colour} with {depth} bits")
    return width, height, depth, colour


def _route(depth: int, colour: int, *, transparent: bool, animated: bool) -> Route:
    if animated or (transparent and colour == _GREY):  # OpenCV ignores the transparent grey
        return Route.PILLOW
    return Route.DEEP if transparent or depth == 16 or colour in _ALPHA_TYPES else Route.DIRECT


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the body and end (after the checksum) of each chunk, up to IEND."""
    view = memoryview(data)
    at = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            raise corrupt("the PNG is cut off: its end chunk is missing")
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise corrupt("the PNG is cut off inside a chunk")
        _check_sum(view, at, end)
        yield name, at + 8, end
        if name == b"IEND":
            return
        at = end
    raise corrupt(f"more than {_MAX_CHUNKS} chunks in a PNG")


def _check_sum(view: memoryview, start: int, end: int) -> None:
    """Raise ``Flaw`` if the chunk between ``start`` and ``end`` does not match its checksum."""
    if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
        name = bytes(view[start + 4 : start + 8]).decode("latin-1")
        raise corrupt(f"the checksum of a PNG chunk ({name!r}) is wrong")
