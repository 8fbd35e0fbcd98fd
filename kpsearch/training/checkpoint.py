"""State dicts out of PyTorch's legacy checkpoints, without torch and without unpickling.

Such a file is five pickles (a magic number, a version, facts of the machine, the tensors by name,
the keys of their storages) and then, storage by storage, a count and that many numbers; it is what
``torch.save`` wrote before version 1.6 (pytorch: torch/serialization.py, ``_legacy_save``). A
pickle is a program. The one of the tensors is run here by a machine that knows no more than it
takes to put a state dict together: it imports nothing and calls nothing.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.errors import UnusableModel
from kpsearch.training.pickled import Global, NotAllowed, run_pickle

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
ZIP_MAGIC = b"PK\x03\x04"
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""Of torch, and what their numbers are in NumPy."""
MAX_LENGTH = 2**60
"""Of a storage, so that its bytes can be counted; the file's length is the real limit."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file holds."""

    tensors: Mapping[str, npt.NDArray[Any]]
    """By name; views of the file's content, read-only."""
    digest: str
    """sha256 of the file."""


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A strided view of a storage; offset and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(path: str | os.PathLike[str], *, sha256: str | None = None) -> Checkpoint:
    """The tensors of a legacy checkpoint of a state dict; memory of one file's size.

    Raises `UnusableModel` for a file that is none, that is damaged, that holds or does anything
    else, or that is not the one of the hash ``sha256``.
    """
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise UnusableModel(f"{path}: not the file expected: its sha256 is {digest}, not {sha256}")
    if content.startswith(ZIP_MAGIC):
        raise UnusableModel(
            f"{path}: a checkpoint in torch's zip format; write it again by torch.save with "
            "_use_new_zipfile_serialization=False"
        )
    try:
        return Checkpoint(_tensors(content), digest)
    except NotAllowed as error:
        raise UnusableModel(f"{path}: no checkpoint of a state dict: {error}") from error


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnusableModel(f"{path}: cannot be read: {error.strerror}") from error


def _tensors(content: bytes) -> dict[str, npt.NDArray[Any]]:
    stream = io.BytesIO(content)
    _check_head(stream)
    tensors = _named_tensors(run_pickle(stream, call=_build, refer=_storage))
    keys = run_pickle(stream)
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if any(storages[tensor.storage.key] != tensor.storage for tensor in tensors.values()):
        raise NotAllowed("two of its tensors disagree on the storage that they share")
    data = _contents(content[stream.tell() :], keys, storages)
    return {name: _view(name, tensor, data) for name, tensor in tensors.items()}


def _check_head(stream: io.BytesIO) -> None:
    magic, version, machine = (run_pickle(stream) for _ in range(3))
    if type(magic) is not int or magic != MAGIC:
        raise NotAllowed("it does not begin with torch's magic number")
    if type(version) is not int or version != VERSION:
        raise NotAllowed(f"it is not of version {VERSION} of the format")
    if type(machine) is not dict or machine.get("little_endian") is not True:
        raise NotAllowed("its numbers are not little-endian")


def _build(function: Global, given: tuple[Any, ...]) -> object:
    """What a call of the pickle stands for: the three that a state dict is made with."""
    match function, given:
        case Global("collections", "OrderedDict"), ():
            return {}
        case (
            Global("torch._utils", "_rebuild_tensor_v2"),
            (_Storage() as storage, int(offset), tuple(shape), tuple(strides), *_),
        ) if len(shape) == len(strides) and all(type(n) is int for n in (*shape, *strides)):
            return _Tensor(storage, offset, shape, strides)
        case Global("torch._utils", "_rebuild_parameter"), (_Tensor() as tensor, *_):
            return tensor
    raise NotAllowed(f"it calls {function} in a way that no state dict needs")


def _storage(reference: object) -> _Storage:
    """What a persistent id of the pickle stands for."""
    match reference:
        case ("storage", Global("torch", kind), str(key), str(), int(length), None) if (
            kind in STORAGES and 0 <= length <= MAX_LENGTH
        ):
            return _Storage(key, STORAGES[kind], length)
        case ("storage", Global() as kind, *_):
            raise NotAllowed(f"it keeps numbers in a {kind} that is not read here")
    raise NotAllowed("it refers to something else than a storage")


def _named_tensors(found: object) -> dict[str, _Tensor]:
    if type(found) is not dict or not found:
        raise NotAllowed("it holds no tensors by name")
    for name, tensor in found.items():
        if type(tensor) is not _Tensor:
            raise NotAllowed(f"{name!r} is no tensor; save the model's state_dict() alone")
    return found


def _contents(
    content: bytes, keys: object, storages: Mapping[str, _Storage]
) -> dict[str, memoryview]:
    """The bytes of each storage; they lie in the order of the ``keys``, each after its length."""
    if type(keys) is not list or {*map(type, keys)} != {str} or {*keys} != storages.keys():
        raise NotAllowed("its storages are not those of its tensors")
    found, rest = {}, memoryview(content)
    for key in keys:
        length = storages[key].length
        size_bytes = length * np.dtype(storages[key].dtype).itemsize
        head, rest = rest[:8], rest[8:]
        if head != struct.pack("<q", length) or len(rest) < size_bytes:
            raise NotAllowed(f"storage {key!r} is not the {length} numbers it should be")
        found[key], rest = rest[:size_bytes], rest[size_bytes:]
    if rest:
        raise NotAllowed(f"{len(rest)} bytes follow its last storage")
    return found


def _view(name: str, tensor: _Tensor, data: Mapping[str, memoryview]) -> npt.NDArray[Any]:
    """A tensor as a view of its storage, which NumPy checks that it does not leave."""
    dtype = np.dtype(tensor.storage.dtype)
    if prod(tensor.shape) > tensor.storage.length:
        raise NotAllowed(f"{name!r} has more numbers than its storage")
    try:
        return np.ndarray(
            tensor.shape,
            dtype,
            data[tensor.storage.key],
            tensor.offset * dtype.itemsize,
            tuple(stride * dtype.itemsize for stride in tensor.strides),
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise NotAllowed(f"{name!r} does not lie within its storage") from error
