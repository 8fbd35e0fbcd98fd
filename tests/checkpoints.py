"""PyTorch's legacy checkpoints written byte by byte: good ones, and the parts of hostile ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "f8": "DoubleStorage",
    "f4": "FloatStorage",
    "f2": "HalfStorage",
    "i8": "LongStorage",
    "i4": "IntStorage",
    "i2": "ShortStorage",
    "i1": "CharStorage",
    "u1": "ByteStorage",
    "b1": "BoolStorage",
}
NONE, FALSE, TRUE, EMPTY_DICT = b"N", b"\x89", b"\x88", b"}"
CALL = b"R"


def whole(content: bytes) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + content + b"."


def number(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def row(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def named(items: Mapping[str, bytes]) -> bytes:
    """A dictionary."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def thing(module: str, name: str) -> bytes:
    """A function or class that the pickle names."""
    return f"c{module}\n{name}\n".encode()


def storage(key: str, length: int, *, kind: str = "FloatStorage") -> bytes:
    parts = [text("storage"), thing("torch", kind), text(key), text("cpu"), number(length), NONE]
    return row(*parts) + b"Q"


def tensor(of: bytes, shape: Sequence[int], strides: Sequence[int], *, offset: int = 0) -> bytes:
    sides, steps = (row(*map(number, values)) for values in (shape, strides))
    hooks = thing("collections", "OrderedDict") + row() + CALL
    return (
        thing("torch._utils", "_rebuild_tensor_v2")
        + row(of, number(offset), sides, steps, FALSE, hooks)
        + CALL
    )


def checkpoint(
    tensors: bytes, keys: Sequence[str] = (), data: bytes = b"", *, version: int = 1001
) -> bytes:
    """A file of what the pickle ``tensors`` describes, and what follows it."""
    machine = named({"protocol_version": number(version), "little_endian": TRUE})
    listed = b"](" + b"".join(map(text, keys)) + b"e"
    head = whole(number(MAGIC)) + whole(number(version)) + whole(machine)
    return head + whole(tensors) + whole(listed) + data


def saved(tensors: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """A file of these tensors; those that are views of one array share its storage."""
    bases = {id(owner(array)): owner(array) for array in tensors.values()}
    described = {}
    for name, array in tensors.items():
        base = owner(array)
        kind = STORAGES[base.dtype.str[1:]]
        start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        described[name] = tensor(
            storage(str(id(base)), base.size, kind=kind),
            array.shape,
            [step // array.itemsize for step in array.strides],
            offset=start // array.itemsize,
        )
    data = b"".join(struct.pack("<q", base.size) + base.tobytes() for base in bases.values())
    return checkpoint(named(described), list(map(str, bases)), data)


def owner(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The array that a view is of, or it itself."""
    return array if array.base is None else array.base
