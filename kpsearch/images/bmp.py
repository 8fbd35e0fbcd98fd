"""The structure of BMP files: two headers, then rows at a known place."""

from __future__ import annotations

import struct

from kpsearch.images.container import Container, Route, check_size, corrupt, trailing_bytes

_FILE_HEADER_BYTES, _CORE_HEADER_BYTES = 14, 12
_PLAIN = (0, 3, 6)
"""Compressions that leave the rows as they are."""
_BITS = (1, 2, 4, 8, 16, 24, 32)


def inspect(data: bytes) -> Container:
    """The header of a BMP that holds all its rows; raises ``Flaw``."""
    said_bytes, pixels_at, header_bytes = struct.unpack_from("<2xI4xII", data)
    if _FILE_HEADER_BYTES + header_bytes > len(data):
        raise corrupt("the BMP is cut off inside its header")
    compression, picture_bytes = 0, 0
    if header_bytes == _CORE_HEADER_BYTES:
        width, height, bits = struct.unpack_from("<HH2xH", data, 18)
    else:
        width, height, bits, compression, picture_bytes = struct.unpack_from("<ii2xHII", data, 18)
    check_size(width, abs(height))
    if bits not in _BITS:
        raise corrupt(f"a BMP cannot have {bits} bits a pixel")
    if compression in _PLAIN:
        end = pixels_at + (width * bits + 31) // 32 * 4 * abs(height)
    else:
        end = max(said_bytes, pixels_at + picture_bytes)
    if end > len(data):
        raise corrupt(f"the BMP is cut off: {len(data)} of {end} bytes")
    extra = trailing_bytes(data, max(end, said_bytes))
    return Container("BMP", width, abs(height), Route.PILLOW, warnings=extra)
