#!/usr/bin/env python3
"""Turns the pickled ground truth of ROxford and RParis into JSON, without unpickling it.

    tools/convert_revisitop.py gnd_roxford5k.pkl              # writes gnd_roxford5k.json beside it
    tools/convert_revisitop.py gnd_rparis6k.pkl OUT.json

Unpickling runs whatever code the file names. This script never does: it reads the file as the list
of instructions that it is (``pickletools.genops``), follows those that make plain lists, dicts,
strings and numbers, and gives a meaning of its own to the few names that numpy's arrays and
scalars need. Any other name, and any other instruction, is refused. Protocols 0 to 4, written by
Python 2 or 3.
"""

from __future__ import annotations

import json
import math
import pickletools
import reprlib
import sys
from collections.abc import Callable
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

MAX_BYTES = 64 * 2**20
KEYS = ("imlist", "qimlist", "gnd")
LABELS = ("easy", "hard", "junk")
MAX_LABELS = 1_000_000
"""Written; a pickle of some bytes a query can stand for any number."""
BAD_CONTENT = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError),
)
"""What Python raises where the file is not what it should be."""


class Refused(Exception):
    """The file holds something that a ground truth does not need."""


class Name(str):
    """What a pickle names, ``module attribute``: looked up here, never imported."""


class Array:
    """A numpy dtype, array or scalar in the making; ``value`` changes when its state comes."""

    def __init__(self, value: Any) -> None:
        self.value = value


MARK = object()


class Machine:
    """Follows the instructions of a pickle that make data, and refuses the others."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """One instruction, named as in ``pickletools``."""
        match opcode:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_TUPLE" | "MARK":
                self.stack.append(NEW[opcode]())
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "GLOBAL":
                self.name(argument)
            case "STACK_GLOBAL":
                self.name(" ".join(self.last(2)))
            case "REDUCE":
                self.call(*self.last(2))
            case "BUILD":
                self.build(*self.last(1))
            case _ if opcode in VALUES:
                self.stack.append(argument)
            case _:
                self.collect(opcode)

    def collect(self, opcode: str) -> None:
        """One instruction that puts what is on the stack into a tuple, list or dict."""
        match opcode:
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self.last(int(opcode[-1]))))
            case "TUPLE":
                self.stack.append(tuple(self.since_mark()))
            case "LIST":
                self.stack.append(self.since_mark())
            case "DICT":
                self.stack.append(pairs(self.since_mark()))
            case "APPEND":
                self.extend(self.last(1))
            case "APPENDS":
                self.extend(self.since_mark())
            case "SETITEM":
                self.update(pairs(self.last(2)))
            case "SETITEMS":
                self.update(pairs(self.since_mark()))
            case _:
                raise Refused(f"the instruction {opcode} is none that a ground truth needs")

    def last(self, count: int) -> list[Any]:
        """The last ``count`` items, taken off the stack."""
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def since_mark(self) -> list[Any]:
        """What was pushed after the last mark, taken off the stack with it."""
        items: list[Any] = []
        while (item := self.stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def extend(self, items: list[Any]) -> None:
        """Add to the list on the stack."""
        if not isinstance(self.stack[-1], list):
            raise Refused("it appends to something that is no list")
        self.stack[-1].extend(items)

    def update(self, items: dict[Any, Any]) -> None:
        """Add to the dict on the stack."""
        if not isinstance(self.stack[-1], dict):
            raise Refused("it sets items of something that is no dict")
        self.stack[-1].update(items)

    def name(self, text: str) -> None:
        """Push a name, if it is one of the few."""
        if text not in FUNCTIONS and text != "numpy ndarray":
            raise Refused(f"it names {text.replace(' ', '.')}, which is no plain data")
        self.stack.append(Name(text))

    def call(self, function: Any, arguments: tuple[Any, ...]) -> None:
        """Push what a function of the few makes of its arguments."""
        if not isinstance(function, Name) or function not in FUNCTIONS:
            raise Refused("it calls something that makes no array")
        self.stack.append(FUNCTIONS[function](*arguments))

    def build(self, state: tuple[Any, ...]) -> None:
        """Give the array or dtype on the stack its state."""
        target = self.stack[-1]
        if not isinstance(target, Array):
            raise Refused("it sets the state of something that is no array")
        if isinstance(target.value, np.dtype):
            target.value = target.value.newbyteorder(state[1])
        else:
            _, shape, dtype, by_columns, content = state
            target.value = decoded(dtype, content).reshape(shape, order="F" if by_columns else "C")


def pairs(items: list[Any]) -> dict[str, Any]:
    keys = [key.decode("utf-8") if isinstance(key, bytes) else key for key in items[::2]]
    if not all(isinstance(key, str) for key in keys):
        raise Refused("it has a dict whose keys are no strings")
    return dict(zip(keys, items[1::2], strict=True))


def decoded(dtype: Array, content: str | bytes) -> np.ndarray:
    """The items in the raw bytes of an array; Python 2 wrote them as a string."""
    raw = content.encode("latin-1") if isinstance(content, str) else content
    return np.frombuffer(raw, dtype.value)


def dtype_of(kind: str | bytes, *_: Any) -> Array:
    """What numpy makes of ``i8`` and the like; objects and records are refused."""
    text = kind.decode("ascii") if isinstance(kind, bytes) else kind
    if not text or text[0] not in "biufSU" or not text[1:].isdecimal():
        raise Refused(f"it has an array of {shown(text)}, neither numbers nor strings")
    return Array(np.dtype(text))


def as_bytes(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in protocols below 3."""
    if encoding != "latin1":
        raise Refused(f"it encodes a string as {shown(encoding)}")
    return text.encode("latin-1")


NEW: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: MARK,
}
VALUES = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    ]
)
"""Instructions that push the value they carry."""
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_codecs encode": as_bytes,
    "__builtin__ bytes": lambda: b"",
    "numpy dtype": dtype_of,
}
for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # before and since numpy 2
    FUNCTIONS[f"{module} _reconstruct"] = lambda *_: Array(np.zeros(0))
    FUNCTIONS[f"{module} scalar"] = lambda dtype, content: Array(decoded(dtype, content)[0])


def read(data: bytes) -> Any:
    """What a pickle holds: lists, tuples, dicts, strings, numbers and `Array`.

    Parts may be shared, so that a small file stands for a tree without end: it is not walked here.
    """
    machine = Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
        return machine.stack.pop()
    except BAD_CONTENT as error:
        raise Refused(f"it is not a whole pickle ({error})") from error


def ground_truth(content: Any) -> dict[str, Any]:
    """The parts of a ground truth, checked; whatever else the file holds is left behind."""
    if not isinstance(content, dict) or any(key not in content for key in KEYS):
        raise Refused(f"it has no {', '.join(KEYS)}: is it a gnd_*.pkl of revisitop?")
    images, queries = (_names(content[key], key) for key in KEYS[:2])
    known = _items(content["gnd"], "gnd")
    if len(known) != len(queries):
        raise Refused(f"{len(known)} labels for {len(queries)} queries")
    gnd = []
    left = MAX_LABELS
    for query, labels in zip(queries, known, strict=True):
        gnd.append(_labelled(labels, query, len(images)))
        left -= sum(len(gnd[-1][label]) for label in LABELS)
        if left < 0:
            raise Refused(f"it has more than {MAX_LABELS:,} labels")
    return {"imlist": images, "qimlist": queries, "gnd": gnd}


def _items(value: Any, what: str) -> list[Any]:
    """A list, tuple or array of one axis, as a list."""
    items = value.value.tolist() if isinstance(value, Array) else value
    if not isinstance(items, list | tuple):
        raise Refused(f"it is not a ground truth of revisitop: {what} is no list")
    return [item.value.item() if isinstance(item, Array) else item for item in items]


def _names(value: Any, key: str) -> list[str]:
    names: dict[str, int] = {}
    for number, item in enumerate(_items(value, key)):
        name = item.decode("utf-8") if isinstance(item, bytes) else item
        entry = f"entry {number} of {key} (counted from 0) is {shown(name)}"
        if not isinstance(name, str) or isinstance(name, Name) or not name:
            raise Refused(f"{entry}, no name")
        if names.setdefault(name, number) != number:
            raise Refused(f"{entry}, as is entry {names[name]}")
    return list(names)


def _labelled(labels: Any, query: str, images: int) -> dict[str, list[Any]]:
    """Of one query: the rectangle, and the images that bear each label, none of them two."""
    if not isinstance(labels, dict):
        raise Refused(f"{query} has no bbx, {', '.join(LABELS)}")
    found = {label: list(map(index, _items(labels[label], label))) for label in LABELS}
    numbers = [number for of_label in found.values() for number in of_label]
    if not all(0 <= number < images for number in numbers):
        raise Refused(f"a label names an image that is not in imlist, for {query}")
    if len(set(numbers)) < len(numbers):
        raise Refused(f"an image bears two labels, or one twice, for {query}")
    return {"bbx": _rectangle(labels["bbx"]), **found}


def _rectangle(corners: Any) -> list[float]:
    found = _items(corners, "bbx")
    if (
        len(found) != 4
        or not all(isinstance(corner, int | float) and math.isfinite(corner) for corner in found)
        or found[0] >= found[2]
        or found[1] >= found[3]
    ):
        raise Refused(f"a bbx is {shown(found)}, not x1 y1 x2 y2, x1 < x2 and y1 < y2")
    return list(map(float, found))


def shown(value: Any) -> str:
    """The beginning of it: what is shared may be without end when it is written out."""
    return reprlib.repr(value)


def convert(source: Path, target: Path) -> str:
    """Write the JSON of a pickle; what was written, in a line. Raises `Refused`."""
    if source.stat().st_size > MAX_BYTES:
        raise Refused(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        truth = ground_truth(read(source.read_bytes()))
    except BAD_CONTENT as error:
        raise Refused(f"it is not a ground truth of revisitop ({error!r})") from error
    target.write_text(json.dumps(truth), encoding="utf-8")
    return f"wrote {target}: {len(truth['qimlist'])} queries, {len(truth['imlist'])} images"


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(arguments) not in (1, 2):
        print("usage: convert_revisitop.py GND.pkl [OUT.json]; --help says more", file=sys.stderr)
        return 2
    source = Path(arguments[0])
    target = Path(arguments[1]) if arguments[1:] else source.with_suffix(".json")
    try:
        print(convert(source, target))
    except (Refused, OSError) as error:
        print(f"convert_revisitop: {source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
