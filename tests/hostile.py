"""HDF5 files made to mislead whoever reads them: each a vocabulary but for its ``leaves``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

from kpsearch.index.packing import pack
from kpsearch.vocabulary import vocabulary_arrays
from tests.vocabularies import TINY

LEAVES = TINY.tree.leaves
SECRET = "secret.bin"
"""Beside the hostile file: what it tries to have read."""

ELSEWHERE = "leaves: a link that leads elsewhere"
NOT_CONTIGUOUS = "leaves: its data is in chunks, filtered or virtual"
NOT_PLAIN = "leaves: no plain array"

Spoil = Callable[[h5py.File], object]


def good_content() -> bytes:
    """The vocabulary that the hostile ones are made from."""
    attributes = {"kind": "kpsearch vocabulary", "format_version": 1}
    return b"".join(pack(vocabulary_arrays(TINY), attributes))


def _created(**options: object) -> Spoil:
    """Leaves made by other options of `h5py.Group.create_dataset`."""
    return lambda file: file.create_dataset("leaves", **{"data": LEAVES, **options})


def _assigned(value: object) -> Spoil:
    return lambda file: file.__setitem__("leaves", value)


def _low_level(settle: Callable[[h5py.h5p.PropDCID], object]) -> Spoil:
    """Leaves made with properties that only the low-level interface can set."""

    def spoil(file: h5py.File) -> None:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settle(properties)
        space = h5py.h5s.create_simple(LEAVES.shape)
        h5py.h5d.create(file.id, b"leaves", h5py.h5t.STD_U8LE, space, dcpl=properties)
        file["leaves"][:] = LEAVES

    return spoil


def _unknown_filter(properties: h5py.h5p.PropDCID) -> None:
    properties.set_chunk(LEAVES.shape)
    properties.set_filter(40_000, h5py.h5z.FLAG_OPTIONAL, ())


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(LEAVES.shape, np.uint8)
    layout[:] = h5py.VirtualSource(SECRET, "leaves", LEAVES.shape)
    file.create_virtual_dataset("leaves", layout)


def _deflate_bomb(file: h5py.File) -> None:
    shape = (1 << 20, 8)
    bomb = file.create_dataset("leaves", shape, np.uint8, chunks=shape, compression="gzip")
    bomb[:] = 0


def _references(kind: np.dtype) -> Spoil:
    return lambda file: file.create_dataset("leaves", (4, 8), kind)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "external storage": (
        _created(data=None, shape=(4, 8), dtype="u1", external=[(SECRET, 0, 32)]),
        "leaves: its data is kept in other files",
    ),
    "an external link": (
        _assigned(h5py.ExternalLink(SECRET, "/leaves")),
        ELSEWHERE,
    ),
    "a soft link": (_assigned(h5py.SoftLink("/branches")), ELSEWHERE),
    "a soft link to itself": (
        _assigned(h5py.SoftLink("/leaves")),
        ELSEWHERE,
    ),
    "a virtual dataset": (_virtual, NOT_CONTIGUOUS),
    "chunks": (_created(chunks=(1, 8)), NOT_CONTIGUOUS),
    "a deflate bomb": (_deflate_bomb, NOT_CONTIGUOUS),
    "shuffled bytes": (
        _created(shuffle=True),
        NOT_CONTIGUOUS,
    ),
    "scale and offset": (
        _created(scaleoffset=0),
        NOT_CONTIGUOUS,
    ),
    "an unknown filter": (
        _low_level(_unknown_filter),
        NOT_CONTIGUOUS,
    ),
    "compact data": (
        _low_level(lambda properties: properties.set_layout(h5py.h5d.COMPACT)),
        NOT_CONTIGUOUS,
    ),
    "a petabyte": (_created(data=None, shape=(1 << 47, 8), dtype="u1"), "do not lie within"),
    "a terabyte": (_created(data=None, shape=(1 << 37, 8), dtype="u1"), "do not lie within"),
    "data never written": (_created(data=None, shape=(4, 8), dtype="u1"), "do not lie within"),
    "compounds": (_created(data=np.zeros(4, "u1,f8")), NOT_PLAIN),
    "references": (_references(h5py.ref_dtype), NOT_PLAIN),
    "references to regions": (_references(h5py.regionref_dtype), NOT_PLAIN),
    "variable length": (_references(h5py.vlen_dtype(np.uint8)), NOT_PLAIN),
    "texts of variable length": (_assigned(["a", "b"]), NOT_PLAIN),
    "texts": (_assigned(np.array([b"leaf"])), NOT_PLAIN),
    "truth values": (_assigned(np.zeros((4, 8), bool)), NOT_PLAIN),
    "opaque values": (_assigned(np.zeros(4, "V8")), NOT_PLAIN),
    "big-endian numbers": (_assigned(np.zeros((4, 8), ">u2")), NOT_PLAIN),
    "half-precision numbers": (_assigned(np.zeros((4, 8), "f2")), NOT_PLAIN),
    "a single number": (_assigned(7), NOT_PLAIN),
    "nothing at all": (_assigned(h5py.Empty("u1")), NOT_PLAIN),
    "a group": (lambda file: file.create_group("leaves"), "leaves: no array"),
    "a link back to the root": (lambda file: _assigned(file["/"])(file), "leaves: no array"),
    "a type": (_assigned(np.dtype(np.uint8)), "leaves: no array"),
    "no leaves": (lambda file: None, "leaves: it is not there"),
}
"""What each does to the file, and how it is refused."""


def write_spoilt(path: Path, spoil: Spoil, **options: object) -> None:
    """A hostile file, by h5py, with the file it points to beside it."""
    (path.parent / SECRET).write_bytes(bytes(range(32)))
    with h5py.File(path, "w", **{"libver": "latest", **options}) as file:
        for name, array in vocabulary_arrays(TINY).items():
            if name != "leaves":
                file[name] = array
        spoil(file)


def hostile_contents() -> Mapping[str, bytes]:
    """Files that are hostile, or broken, as a whole."""
    good = good_content()
    noise = np.random.default_rng(3).bytes(4096)
    return {
        "random bytes after the signature": good[:8] + noise,
        "random bytes after the superblock": good[:48] + noise,
        "cut off": good[:-1],
        "only a superblock": good[:48],
        "nothing": b"",
        "no HDF5 file": noise,
    }
