"""The properties that an ONNX file carries beside its graph, read and written without ``onnx``.

A file is one protobuf message, ModelProto, of fields one after the other (protobuf.dev,
"Encoding"). Only those of its top level are looked at: the graph is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator

from kpsearch.embedding.graph import LENGTH_DELIMITED, length_delimited

PROPERTIES, KEY, VALUE = 14, 1, 2
"""Field numbers of ModelProto.metadata_props, and of a StringStringEntryProto (onnx.proto)."""
VARINT, FIXED_64, FIXED_32 = 0, 1, 5
FIXED_BYTES = {FIXED_64: 8, FIXED_32: 4}
LONGEST_VARINT = 10


def properties(model: bytes) -> dict[str, str]:
    """The properties of a model; raises ValueError for what is no such message."""
    return dict(
        _entry(model[start:stop])
        for number, _, start, stop in _fields(model)
        if number == PROPERTIES
    )


def with_property(model: bytes, key: str, value: str) -> bytes:
    """The model with one property set; all other bytes are as they were.

    Raises ValueError for what is no such message.
    """
    entry = length_delimited(KEY, key.encode()) + length_delimited(VALUE, value.encode())
    return without_property(model, key) + length_delimited(PROPERTIES, entry)


def without_property(model: bytes, key: str) -> bytes:
    """The model without one of its properties; raises ValueError for what is no such message."""
    kept = [
        model[begin:stop]
        for number, begin, start, stop in _fields(model)
        if number != PROPERTIES or _entry(model[start:stop])[0] != key
    ]
    return b"".join(kept)


def _entry(message: bytes) -> tuple[str, str]:
    found = {number: message[start:stop] for number, _, start, stop in _fields(message)}
    return found.get(KEY, b"").decode(), found.get(VALUE, b"").decode()


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number, begin, and start and stop of the content, of each field."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            start, (_, at) = at, _varint(message, at)
        elif kind == LENGTH_DELIMITED:
            length, start = _varint(message, at)
            at = start + length
        elif kind in FIXED_BYTES:
            start, at = at, at + FIXED_BYTES[kind]
        else:
            raise ValueError(f"a field of wire type {kind}")
        if number == 0 or at > len(message):
            raise ValueError("a field that ends behind the message")
        yield number, begin, start, at


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number without an end")
