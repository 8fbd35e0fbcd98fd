"""Pickles read as data: a machine of two dozen opcodes that imports nothing and calls nothing.

The standard library's ``pickletools`` reads the opcodes' arguments; the opcodes are carried out
here, and those that a state dict has no use for are refused. What a call or a reference in the
pickle stands for is up to the caller, who gets the names and the arguments.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

MAX_OPCODES = 100_000
"""Of one pickle: a network of a thousand tensors takes some forty thousand."""
MAX_NAME = 80
"""Characters of a name in an error: what a file says may be long, and any bytes at all."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "GLOBAL")
_DOING = (
    *("PROTO", "STOP", "EMPTY_DICT", "EMPTY_LIST", "MARK", "BINPUT", "LONG_BINPUT"),
    *("BINGET", "LONG_BINGET", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "APPEND"),
    *("APPENDS", "SETITEM", "SETITEMS", "BUILD", "REDUCE", "BINPERSID"),
)
_KNOWN = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_ALLOWED = {*_CONSTANTS, *_VALUES, *_DOING}
_MARK = object()


class NotAllowed(Exception):
    """A pickle that is damaged or does what it is not to do; the text says what."""


class Global(NamedTuple):
    """Something of a module that a pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return repr(f"{self.module}.{self.name}"[:MAX_NAME])


Call = Callable[[Global, tuple[Any, ...]], object]
Refer = Callable[[object], object]


def _no_call(function: Global, _: tuple[Any, ...]) -> object:
    raise NotAllowed(f"it calls {function}")


def _no_reference(_: object) -> object:
    raise NotAllowed("it refers to something outside itself")


def run_pickle(stream: IO[bytes], *, call: Call = _no_call, refer: Refer = _no_reference) -> Any:
    """What the pickle that begins at ``stream``'s position describes, up to its end.

    ``call`` makes what a function of the arguments stands for, ``refer`` what a persistent id does.
    Dictionaries have strings for keys. Raises `NotAllowed`.
    """
    machine = _Machine(call, refer)
    try:
        for opcode, argument in _opcodes(stream):
            machine.do(opcode, argument)
        return machine.result()
    except (IndexError, KeyError) as error:
        raise NotAllowed("its pickle is damaged: it takes what is not there") from error


def _opcodes(stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """The names and arguments of opcodes, up to the one that ends the pickle."""
    name = ""
    for _ in range(MAX_OPCODES):
        if name == "STOP":
            return
        opcode = _KNOWN.get(stream.read(1))
        if opcode is None:
            raise NotAllowed("its pickle is damaged: it does not go on")
        name = opcode.name
        if name not in _ALLOWED:
            raise NotAllowed(f"its pickle has the opcode {name}, which no state dict needs")
        try:
            yield name, _argument(opcode, stream)
        except ValueError as error:  # what pickletools raises for damage
            raise NotAllowed(f"its pickle is damaged: {error}") from error
    raise NotAllowed(f"its pickle has more than {MAX_OPCODES} steps")


def _argument(opcode: pickletools.OpcodeInfo, stream: IO[bytes]) -> Any:
    if opcode.name == "GLOBAL":  # pickletools would look for escapes in it, and warn of wrong ones
        module, name = stream.readline(), stream.readline()
        if not name.endswith(b"\n"):
            raise ValueError("a name does not end")
        return Global(module[:-1].decode("ascii"), name[:-1].decode("ascii"))
    return opcode.arg.reader(stream) if opcode.arg else None


class _Machine:
    """The stack and the memo of a pickle, and what its opcodes do to them."""

    def __init__(self, call: Call, refer: Refer) -> None:
        self._call, self._refer = call, refer
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def do(self, opcode: str, argument: Any) -> None:
        """Carry out one opcode; those of protocol 2 that build plain data, calls and references."""
        match opcode:
            case "PROTO" | "STOP":
                pass
            case _ if opcode in _VALUES:
                self._stack.append(argument)
            case _ if opcode in _CONSTANTS:
                self._stack.append(_CONSTANTS[opcode])
            case "EMPTY_DICT":
                self._stack.append({})
            case "EMPTY_LIST":
                self._stack.append([])
            case "MARK":
                self._stack.append(_MARK)
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._top()
            case "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case _:
                self._combine(opcode)

    def _combine(self, opcode: str) -> None:
        """The opcodes that take from the stack."""
        match opcode:
            case "TUPLE":
                self._stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._taken(int(opcode[-1]))))
            case "APPEND":
                self._extend(self._taken(1))
            case "APPENDS":
                self._extend(self._since_mark())
            case "SETITEM":
                self._set(self._taken(2))
            case "SETITEMS":
                self._set(self._since_mark())
            case "BUILD":
                self._taken(1)  # attributes of a dictionary: torch keeps versions of layers there
            case "REDUCE":
                self._reduce(*self._taken(2))
            case "BINPERSID":
                self._stack.append(self._refer(*self._taken(1)))

    def result(self) -> Any:
        """What is left when the pickle has ended."""
        (found,) = self._stack if len(self._stack) == 1 else [_MARK]
        if found is _MARK:
            raise NotAllowed("its pickle is damaged: it does not end with one value")
        return found

    def _top(self) -> Any:
        if self._stack[-1] is _MARK:
            raise NotAllowed("its pickle is damaged: a mark is no value")
        return self._stack[-1]

    def _taken(self, count: int) -> list[Any]:
        """The last ``count`` values, off the stack."""
        found = self._stack[-count:]
        if len(found) < count or _MARK in found:
            raise NotAllowed("its pickle is damaged: it takes what is not there")
        del self._stack[-count:]
        return found

    def _since_mark(self) -> list[Any]:
        found: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            found.append(value)
        return found[::-1]

    def _extend(self, values: list[Any]) -> None:
        if type(self._top()) is not list:
            raise NotAllowed("its pickle is damaged: it appends to what is no list")
        self._top().extend(values)

    def _set(self, values: list[Any]) -> None:
        keys = values[::2]
        if type(self._top()) is not dict or len(values) % 2 or {*map(type, keys)} - {str}:
            raise NotAllowed("its pickle sets what is no entry of a dictionary by name")
        self._top().update(zip(keys, values[1::2], strict=True))

    def _reduce(self, function: object, given: object) -> None:
        if type(function) is not Global or type(given) is not tuple:
            raise NotAllowed("its pickle is damaged: it calls what is no function")
        self._stack.append(self._call(function, given))
