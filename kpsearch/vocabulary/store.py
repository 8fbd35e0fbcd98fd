"""Vocabularies as arrays of an HDF5 file, and back."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.errors import IndexDamaged, KpsearchError
from kpsearch.vocabulary.bit_selection import BitSelection
from kpsearch.vocabulary.embedding import BITS, Embedding, HammingEmbedding
from kpsearch.vocabulary.flat_file import FlatFile, NotFlat
from kpsearch.vocabulary.tree import Metric, Tree
from kpsearch.vocabulary.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

FORMAT_VERSION = 2
Layout = dict[str, tuple[type[np.generic], int]]
"""Type and number of dimensions of each array."""
LAYOUT: Layout = {
    "branches": (np.uint8, 2),
    "leaves": (np.uint8, 2),
    "leaf_start": (np.uint32, 1),
    "chance": (np.float64, 1),
    "facts": (np.uint8, 1),
}
EMBEDDING_LAYOUT: dict[Metric, Layout] = {
    Metric.EUCLIDEAN: {"projection": (np.int8, 2), "thresholds": (np.int8, 2)},
    Metric.HAMMING: {"selected": (np.uint16, 2)},
}
EMBEDDINGS: dict[Metric, Callable[..., Embedding]] = {
    Metric.EUCLIDEAN: HammingEmbedding,
    Metric.HAMMING: BitSelection,
}


def vocabulary_arrays(vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a vocabulary; text and numbers are in ``facts``, as name=value lines."""
    tree = vocabulary.tree
    facts = {
        "format_version": FORMAT_VERSION,
        "extractor": vocabulary.extractor,
        "metric": tree.metric.value,
        "seed": vocabulary.seed,
        "words_asked": vocabulary.words_asked,
    }
    lines = "".join(f"{name}={value}\n" for name, value in facts.items())
    return {
        "branches": tree.branches,
        "leaves": tree.leaves,
        "leaf_start": tree.leaf_start,
        **{name: getattr(vocabulary.embedding, name) for name in EMBEDDING_LAYOUT[tree.metric]},
        "chance": vocabulary.chance,
        "facts": np.frombuffer(lines.encode(), np.uint8),
    }


def same_vocabulary(one: Vocabulary, other: Vocabulary) -> bool:
    """Whether both give every descriptor the same words and signatures."""
    own, theirs = vocabulary_arrays(one), vocabulary_arrays(other)
    return own.keys() == theirs.keys() and all(np.array_equal(own[n], theirs[n]) for n in own)


def unpack_vocabulary(array: Callable[[str], npt.NDArray[Any]]) -> Vocabulary:
    """A vocabulary from its arrays, asked for by name; raises `IndexDamaged` if they do not fit."""
    found = _checked(array, LAYOUT)
    try:
        facts = _facts(found["facts"])
        metric, extractor = Metric(facts["metric"]), facts["extractor"]
        seed, words_asked = int(facts["seed"]), int(facts["words_asked"])
    except (ValueError, KeyError) as error:
        raise IndexDamaged(f"vocabulary: its facts cannot be read ({error})") from error
    embedding = _checked(array, EMBEDDING_LAYOUT[metric])
    if not (_tree_fits(found) and _EMBEDDING_FITS[metric](embedding, found["leaves"])):
        raise IndexDamaged("vocabulary: its arrays do not fit each other")
    return Vocabulary(
        tree=Tree(found["branches"], found["leaves"], found["leaf_start"], metric),
        embedding=EMBEDDINGS[metric](**embedding),
        chance=found["chance"],
        extractor=extractor,
        seed=seed,
        words_asked=words_asked,
    )


def _checked(
    array: Callable[[str], npt.NDArray[Any]], layout: Layout
) -> dict[str, npt.NDArray[Any]]:
    found = {name: array(name) for name in layout}
    for name, (dtype, dimensions) in layout.items():
        if found[name].dtype != dtype or found[name].ndim != dimensions:
            raise IndexDamaged(f"vocabulary: {name} is not what it should be")
    return found


def _facts(text: npt.NDArray[np.uint8]) -> dict[str, str]:
    facts = dict(line.split("=", 1) for line in text.tobytes().decode().splitlines())
    if facts["format_version"] != str(FORMAT_VERSION):
        raise IndexDamaged(
            f"vocabulary of format version {facts['format_version']}, "
            f"this kpsearch reads {FORMAT_VERSION}"
        )
    return facts


def _tree_fits(found: Mapping[str, npt.NDArray[Any]]) -> bool:
    words, dimension = found["leaves"].shape
    branches = len(found["branches"])
    starts, chance = found["leaf_start"], found["chance"]
    return (
        branches > 0
        and found["branches"].shape == (branches, dimension)
        and starts.shape == (branches + 1,)
        and int(starts[0]) == 0
        and int(starts[-1]) == words
        and bool((np.diff(starts.astype(np.int64)) > 0).all())
        and chance.shape == (BITS + 1,)
        and bool(((chance >= 0) & (chance <= 1)).all())
    )


def _projection_fits(
    embedding: Mapping[str, npt.NDArray[Any]], leaves: npt.NDArray[np.uint8]
) -> bool:
    words, dimension = leaves.shape
    thresholds_fit = embedding["thresholds"].shape == (words, BITS)
    return thresholds_fit and embedding["projection"].shape == (BITS, dimension)


def _selection_fits(
    embedding: Mapping[str, npt.NDArray[Any]], leaves: npt.NDArray[np.uint8]
) -> bool:
    words, size_bytes = leaves.shape
    selected = embedding["selected"]
    return selected.shape == (words, BITS) and bool((selected < 8 * size_bytes).all())


_EMBEDDING_FITS = {Metric.EUCLIDEAN: _projection_fits, Metric.HAMMING: _selection_fits}


def load_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """A vocabulary from a file of its own, such as an index's ``vocabulary-….h5``.

    The file may be anybody's: it is refused with `KpsearchError` unless its arrays lie in it
    plainly, and are of the bytes that its name claims, if its name is that of an index's.
    """
    try:
        with FlatFile(path) as file:
            _require_named_hash(Path(path).name, file)
            return unpack_vocabulary(file.array)
    except FileNotFoundError:
        raise KpsearchError(f"{Path(path)}: no such vocabulary file") from None
    except (OSError, NotFlat, MemoryError, IndexDamaged) as error:
        reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise KpsearchError(f"{Path(path)}: not a kpsearch vocabulary ({reason})") from error


def _require_named_hash(name: str, file: FlatFile) -> None:
    """An index names its vocabulary by the xxh3-128 of the file; a bare file has no other check."""
    named = re.fullmatch(r"vocabulary-([0-9a-f]{16})\.h5", name)
    if named and not xxhash.xxh3_128_hexdigest(file.content()).startswith(named[1]):
        raise NotFlat("not the bytes that its name says")
