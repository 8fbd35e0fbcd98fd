"""The structure of JPEG files (ITU T.81, annex B), walked by markers to the end of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kpsearch.images.container import Container, Route, check_size, corrupt, trailing_bytes
from kpsearch.images.tags import BadTags, TagReader, read_orientation

# Within a scan 0xFF is followed by 0 (a stuffed byte), 0xFF (fill) or a restart marker (RST0-7);
# anything else ends it. One search at the speed of C finds that, 0.5 ms for a megabyte.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SOI, _EOI, _SOS, _APP1, _APP2, _TEM = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0x01
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})
_MAX_SCANS, _MAX_MARKERS = 500, 100_000
_MPF_COUNT = 0xB001


@dataclass
class _Walk:
    """What was met on the way through one file."""

    frame: tuple[int, int, int] | None = None
    """(marker, width, height)"""
    scans: int = 0
    scan_bytes: int = 0
    exif: bytes | None = None
    pictures: int = 1
    stray_bytes: int = 0


def inspect(data: bytes) -> Container:
    """The header of a JPEG whose markers lead to its end; raises ``Flaw``.

    Pictures after the first (MPO, gain maps) are counted, not checked: mail programs and shops
    strip them and leave the promise of them in the header, and the first picture is whole.
    """
    walk = _Walk()
    end = _walk(data, walk)
    if walk.frame is None or walk.scans == 0:
        raise corrupt("the JPEG ends before its picture starts")
    marker, width, height = walk.frame
    # A block of 8 x 8 pixels takes a bit at the very least: a header that claims more lies.
    if marker in _HUFFMAN and walk.scan_bytes * 8 < (width // 8) * (height // 8):
        raise corrupt(f"{walk.scan_bytes} bytes cannot hold {width} x {height} pixels")
    orientation, exif_warnings = (1, ()) if walk.exif is None else read_orientation(walk.exif)
    stray = (f"{walk.stray_bytes} stray bytes between JPEG markers",) if walk.stray_bytes else ()
    extra = trailing_bytes(data, end) if walk.pictures == 1 else ()
    return Container(
        "JPEG",
        width,
        height,
        Route.DIRECT,
        frames=walk.pictures,
        orientation=orientation,
        warnings=(*stray, *exif_warnings, *extra),
    )


def _walk(data: bytes, walk: _Walk) -> int:
    """Fill ``walk`` from the first marker to the last; returns where the picture ends."""
    at = 2
    for _ in range(_MAX_MARKERS):
        found = _MARKER.search(data, at)
        if found is None:
            raise corrupt("the JPEG is cut off: its end marker is missing")
        if data[at : found.start()].strip(b"\xff"):
            walk.stray_bytes += found.start() - at
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI:
            return at
        if marker == _SOI:
            raise corrupt("a second JPEG starts inside the first")
        if marker == _TEM or 0xD0 <= marker <= 0xD7:
            continue
        at = _segment(data, marker, at, walk)
    raise corrupt(f"more than {_MAX_MARKERS} markers in a JPEG")


def _segment(data: bytes, marker: int, at: int, walk: _Walk) -> int:
    """Take in the segment whose length field is at ``at``; returns where it ends."""
    length = int.from_bytes(data[at : at + 2], "big")
    end = at + length
    if length < 2 or end > len(data):
        raise corrupt("the JPEG is cut off inside its header")
    if marker in _FRAMES:
        _frame(data[at + 2 : end], marker, walk)
    elif marker == _APP1 and walk.exif is None and data.startswith(b"Exif\0", at + 2):
        walk.exif = data[at + 2 : end]
    elif marker == _APP2 and data.startswith(b"MPF\0", at + 2):
        walk.pictures = max(walk.pictures, _picture_count(data[at + 6 : end]))
    elif marker == _SOS:
        return _scan(data, end, walk)
    return end


def _frame(body: bytes, marker: int, walk: _Walk) -> None:
    if walk.frame is not None or len(body) < 6:
        raise corrupt("the JPEG has a broken or a second frame header")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    check_size(width, height)
    walk.frame = (marker, width, height)


def _scan(data: bytes, start: int, walk: _Walk) -> int:
    found = _END_OF_SCAN.search(data, start)
    if found is None:
        raise corrupt("the JPEG is cut off inside its picture")
    walk.scans += 1
    walk.scan_bytes += found.start() - start
    if walk.scans > _MAX_SCANS:
        raise corrupt(f"more than {_MAX_SCANS} scans in a JPEG")
    return found.start()


def _picture_count(mpf: bytes) -> int:
    """How many pictures a multi-picture block (CIPA DC-007) promises; 1 if it is unreadable."""
    try:
        reader = TagReader(mpf)
        tags, _ = reader.directory(reader.first)
        return int(reader.integers(tags[_MPF_COUNT])[0])
    except (BadTags, KeyError, IndexError):
        return 1
