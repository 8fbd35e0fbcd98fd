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
NAMES = ("branches", "leaves", "leaf_start", "projection", "thresholds", "chance", "facts")


def vocabulary_arrays(vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    """The arrays that make up a vocabulary; text and numbers are in ``facts`` (name=value lines)."""
    facts = f"format_version={FORMAT_VERSION}\nextractor={vocabulary.extractor}\n"
    facts += f"seed={vocabulary.seed}\n"
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
    found = {name: array(name) for name in NAMES}
    lines = found["facts"].tobytes().decode().splitlines()
    facts = dict(line.split("=", 1) for line in lines)
    if facts.get("format_version") != str(FORMAT_VERSION):
        raise IndexDamaged(f"vocabulary of format version {facts.get('format_version')}")
    _check_shapes(found)
    return Vocabulary(
        tree=Tree(found["branches"], found["leaves"], found["leaf_start"]),
        embedding=HammingEmbedding(found["projection"], found["thresholds"]),
        chance=found["chance"],
        extractor=facts["extractor"],
        seed=int(facts["seed"]),
    )


def _check_shapes(found: Mapping[str, npt.NDArray[Any]]) -> None:
    words, dimension = found["leaves"].shape
    branches = len(found["branches"])
    starts = found["leaf_start"]
    fits = (
        found["branches"].shape == (branches, dimension)
        and starts.shape == (branches + 1,)
        and int(starts[0]) == 0
        and int(starts[-1]) == words
        and bool((np.diff(starts.astype(np.int64)) > 0).all())
        and found["projection"].shape == (64, dimension)
        and found["thresholds"].shape == (words, 64)
        and found["chance"].shape == (65,)
    )
    if not fits:
        raise IndexDamaged("vocabulary: its arrays do not fit each other")


def load_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """A vocabulary from a file of its own, such as an index's ``vocabulary-….h5``."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            plain = {name: np.asarray(file[name][()]) for name in NAMES}
        return unpack_vocabulary(plain.__getitem__)
    except FileNotFoundError:
        raise KpsearchError(f"{Path(path)}: no such vocabulary file") from None
    except (OSError, KeyError, ValueError, AttributeError, TypeError, IndexDamaged) as error:
        raise KpsearchError(f"{Path(path)}: not a kpsearch vocabulary ({error})") from error
