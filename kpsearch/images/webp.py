"""The structure of WebP files: RIFF chunks (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kpsearch.images.container import Container, Route, check_size, corrupt, trailing_bytes
from kpsearch.images.tags import read_orientation

_MAX_CHUNKS = 100_000
_ALPHA, _LOSSY_START = 0x10, b"\x9d\x01\x2a"


def inspect(data: bytes) -> Container:
    """The header of a WebP file that is as long as it says; raises ``Flaw``."""
    size: tuple[int, int] | None = None
    frames, alpha, exif, has_picture = 0, False, None, False
    end = _riff_end(data)
    for name, start, stop in _chunks(data, end):
        if name in _SIZES and size is None:
            size = _SIZES[name](data[start:stop])
            check_size(*size)
        if name == b"VP8X":
            alpha = bool(_flags(data[start:stop], 0) & _ALPHA)
        elif name == b"VP8L":
            alpha = alpha or bool(_flags(data[start:stop], 4) & _ALPHA)
        elif name == b"EXIF":
            exif = data[start:stop]
        frames += name == b"ANMF"
        has_picture = has_picture or name in (b"VP8 ", b"VP8L", b"ANMF")
    if size is None or not has_picture:
        raise corrupt("the WebP file holds no picture")
    orientation, warnings = (1, ()) if exif is None else read_orientation(exif)
    return Container(
        "WEBP",
        *size,
        Route.PILLOW if frames else Route.DEEP if alpha else Route.DIRECT,
        frames=max(frames, 1),
        orientation=orientation,
        warnings=(*warnings, *trailing_bytes(data, end)),
    )


def _riff_end(data: bytes) -> int:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise corrupt(f"the WebP file is cut off: {len(data)} of {end} bytes")
    return end


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the body of each chunk; the last one may lack its padding."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at >= end:
            return
        if at + 8 > end:
            raise corrupt("the WebP file is cut off between chunks")
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise corrupt("the WebP file is cut off inside a chunk")
        yield name, at + 8, at + 8 + length
        at += 8 + length + (length & 1)
    raise corrupt(f"more than {_MAX_CHUNKS} chunks in a WebP file")


def _flags(body: bytes, at: int) -> int:
    return body[at] if at < len(body) else 0


def _extended_size(body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise corrupt("the WebP header is cut off")
    return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")


def _lossy_size(body: bytes) -> tuple[int, int]:
    if len(body) < 10 or body[3:6] != _LOSSY_START:
        raise corrupt("the WebP picture has a broken start")
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    if len(body) < 5 or body[0] != 0x2F:
        raise corrupt("the WebP picture has a broken start")
    bits = int.from_bytes(body[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


_SIZES = {b"VP8X": _extended_size, b"VP8 ": _lossy_size, b"VP8L": _lossless_size}
