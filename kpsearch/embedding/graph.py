"""A tensor within an ONNX model made one of its outputs, without the package ``onnx``.

An ONNX file is one protobuf message. Messages laid end to end are merged when they are read
(protobuf.dev/programming-guides/encoding, "Last One Wins": embedded messages are merged, repeated
fields are joined), so a few bytes after its end add an output to its graph.
"""

from __future__ import annotations

GRAPH, OUTPUT, NAME = 7, 12, 1
"""Field numbers of ModelProto.graph, GraphProto.output and ValueInfoProto.name (onnx.proto)."""
LENGTH_DELIMITED = 2


def with_output(model: bytes, name: str) -> bytes:
    """The model with the tensor ``name`` as its last output, its type left to be inferred."""
    tensor = length_delimited(NAME, name.encode())
    return model + length_delimited(GRAPH, length_delimited(OUTPUT, tensor))


def length_delimited(number: int, content: bytes) -> bytes:
    """A field of a protobuf message: its number, the length of its content, and that."""
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
