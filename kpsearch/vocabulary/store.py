"""Vocabularies as arrays of an HDF5 file, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.errors import IndexDamaged, KpsearchError
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.tree import Tree
from kpsearch.vocabulary.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

FORMAT_VERSION = 1
LAYOUT: dict[str, tuple[type[np.generic], int]] = {
    "branches": (np.uint8, 2),
    "leaves": (np.uint8, 2),
    "leaf_start": (np.uint32, 1),
    "projection": (np.int8, 2),
    "thresholds": (np.int8, 2),
    "chance": (np.float64, 1),
    "facts": (np.uint8, 1),
}
"""Type and number of dimensions of each array."""


def vocabulary_arrays(vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a vocabulary; text and numbers are in ``facts``, as name=value lines."""
    facts = f"format_version={FORMAT_VERSION}\nextractor={vocabulary.extractor}\n"
    facts += f"seed={vocabulary.seed}\nwords_asked={vocabulary.words_asked}\n"
    return {
        "branches": vocabulary.tree.branches,
        "leaves": vocabulary.tree.leaves,
        "leaf_start": vocabulary.tree.leaf_start,
        "projection": vocabulary.embedding.projection,
        "thresholds": vocabulary.embedding.thresholds,
        "chance": vocabulary.chance,
        "facts": np.frombuffer(facts.encode(), np.uint8),
    }


def unpack_vocabulary(array: Callable[[str], npt.NDArray[Any]]) -> Vocabulary:
    """A vocabulary from its arrays, asked for by name; raises `IndexDamaged` if they do not fit."""
    found = {name: array(name) for name in LAYOUT}
    for name, (dtype, dimensions) in LAYOUT.items():
        if found[name].dtype != dtype or found[name].ndim != dimensions:
            raise IndexDamaged(f"vocabulary: {name} is not what it should be")
    try:
        facts = _facts(found["facts"])
        extractor, seed = facts["extractor"], int(facts["seed"])
        words_asked = int(facts["words_asked"])
    except (ValueError, KeyError) as error:
        raise IndexDamaged(f"vocabulary: its facts cannot be read ({error})") from error
    _check_shapes(found)
    return Vocabulary(
        tree=Tree(found["branches"], found["leaves"], found["leaf_start"]),
        embedding=HammingEmbedding(found["projection"], found["thresholds"]),
        chance=found["chance"],
        extractor=extractor,
        seed=seed,
        words_asked=words_asked,
    )


def _facts(text: npt.NDArray[np.uint8]) -> dict[str, str]:
    facts = dict(line.split("=", 1) for line in text.tobytes().decode().splitlines())
    if facts["format_version"] != str(FORMAT_VERSION):
        raise IndexDamaged(f"vocabulary of format version {facts['format_version']}")
    return facts


def _check_shapes(found: Mapping[str, npt.NDArray[Any]]) -> None:
    words, dimension = found["leaves"].shape
    branches = len(found["branches"])
    starts, chance = found["leaf_start"], found["chance"]
    fits = (
        branches > 0
        and found["branches"].shape == (branches, dimension)
        and starts.shape == (branches + 1,)
        and int(starts[0]) == 0
        and int(starts[-1]) == words
        and bool((np.diff(starts.astype(np.int64)) > 0).all())
        and found["projection"].shape == (64, dimension)
        and found["thresholds"].shape == (words, 64)
        and chance.shape == (65,)
        and bool(((chance >= 0) & (chance <= 1)).all())
    )
    if not fits:
        raise IndexDamaged("vocabulary: its arrays do not fit each other")


def load_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """A vocabulary from a file of its own, such as an index's ``vocabulary-….h5``."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            plain = {name: np.asarray(file[name][()]) for name in LAYOUT}
        return unpack_vocabulary(plain.__getitem__)
    except FileNotFoundError:
        raise KpsearchError(f"{Path(path)}: no such vocabulary file") from None
    except (
        OSError,
        KeyError,
        ValueError,
        AttributeError,
        TypeError,
        RuntimeError,
        MemoryError,
        IndexDamaged,
    ) as error:
        raise KpsearchError(f"{Path(path)}: not a kpsearch vocabulary ({error})") from error
