"""The structure of GIF files: the blocks to the trailer (GIF89a, sections 15-27)."""

from __future__ import annotations

import struct

from kpsearch.images.container import Container, Route, check_size, corrupt, trailing_bytes

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B


def inspect(data: bytes) -> Container:
    """The header of a GIF whose blocks lead to its trailer; raises ``Flaw``."""
    if len(data) < 13:
        raise corrupt("the GIF is cut off inside its header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    check_size(width, height)
    at, frames = 13 + _palette_bytes(flags), 0
    while (kind := _byte(data, at)) != _TRAILER:
        if kind == _EXTENSION:
            at = _skip_sub_blocks(data, at + 2)
        elif kind == _PICTURE:
            at = _skip_picture(data, at)
            frames += 1
        else:
            raise corrupt(f"the GIF has an unknown block ({kind:#04x})")
    if frames == 0:
        raise corrupt("the GIF holds no picture")
    return Container(
        "GIF", width, height, Route.PILLOW, frames=frames, warnings=trailing_bytes(data, at + 1)
    )


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise corrupt("the GIF is cut off: its trailer is missing")
    return data[at]


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_picture(data: bytes, at: int) -> int:
    if at + 10 > len(data):
        raise corrupt("the GIF is cut off inside a frame")
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    # Pillow enlarges the canvas to a frame that sticks out, so the frame counts as well.
    check_size(max(left + width, 16), max(top + height, 16))
    return _skip_sub_blocks(data, at + 11 + _palette_bytes(flags))


def _skip_sub_blocks(data: bytes, at: int) -> int:
    while size := _byte(data, at):
        at += size + 1
    return at + 1
