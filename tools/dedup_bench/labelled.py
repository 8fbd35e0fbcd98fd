"""Pictures, and what any two of them are known to be to each other."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kpsearch.dedup.records import Relation
from kpsearch.synthetic import CatalogueSpec
from kpsearch.synthetic.copies import IGNORE, DedupSpec, write_dedup_set

LINES_A_BRAND = 3
"""They share a logo, and each of their pairs is looked at."""
ITEMS_A_SHARED_PART = 12
LOOK_ALIKE = "look-alike"
"""Of one shelf or one line, and not to be merged, whatever else they are to each other."""
DIFFERENT = "different"
"""What pairs are that no truth lists."""


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two pictures by number; a is less than b."""

    a: int
    b: int
    relation: str
    """Of a to b: a `Relation`, `LOOK_ALIKE` or `IGNORE`."""
    transformation: str
    strength: float

    @property
    def merges(self) -> bool:
        """Whether it is right to merge the two."""
        return self.relation in set(Relation) and Relation(self.relation).merges


@dataclass(frozen=True)
class LabelledSet:
    """Pictures with the truth about all pairs of them."""

    name: str
    paths: tuple[str, ...]
    pairs: tuple[LabelledPair, ...]
    """Those that are not plainly different, each two pictures once."""

    @cached_property
    def keys(self) -> npt.NDArray[np.int64]:
        """(p,) of the listed pairs."""
        return self.keys_of(np.array([(pair.a, pair.b) for pair in self.pairs], np.int64))

    @cached_property
    def merging(self) -> npt.NDArray[np.bool_]:
        """(p,) whether it is right to merge the pictures of a listed pair."""
        return np.array([pair.merges for pair in self.pairs], np.bool_)

    @cached_property
    def ignored(self) -> npt.NDArray[np.bool_]:
        """(p,) whether a listed pair is neither right nor wrong."""
        return np.array([pair.relation == IGNORE for pair in self.pairs], np.bool_)

    def keys_of(self, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """A number for each two pictures, (m, 2) in any order -> (m,)."""
        low, high = np.sort(ends.reshape(-1, 2), axis=1).T
        return np.asarray(low * len(self.paths) + high)


def labelled_pair(
    a: int, b: int, relation: str, transformation: str, strength: float
) -> LabelledPair:
    """The pair with the lower number first, and the relation that way round."""
    if a > b:
        known = relation in set(Relation)
        relation = Relation(relation).reverse.value if known else relation
        a, b = b, a
    return LabelledPair(a, b, relation, transformation, strength)


def generated_set(folder: Path, items: int, *, seed: int, n_jobs: int) -> LabelledSet:
    """A catalogue of so many items with copies, variants and look-alikes, written to ``folder``."""
    catalogue = CatalogueSpec(items, seed=seed, lines_per_brand=LINES_A_BRAND)
    spec = DedupSpec(catalogue, shared_parts=-(-items // ITEMS_A_SHARED_PART))
    return read_dedup_set(write_dedup_set(spec, folder, n_jobs=n_jobs))


def read_dedup_set(folder: Path) -> LabelledSet:
    """What `kpsearch.synthetic.copies.write_dedup_set` has written."""
    with (folder / "pictures.csv").open(encoding="utf-8", newline="") as sheet:
        names = [row["path"] for row in csv.DictReader(sheet)]
    number = {name: i for i, name in enumerate(names)}
    with (folder / "pairs.csv").open(encoding="utf-8", newline="") as sheet:
        pairs = tuple(
            labelled_pair(
                number[row["path_a"]],
                number[row["path_b"]],
                row["relation"],
                row["transformation"],
                float(row["strength"]),
            )
            for row in csv.DictReader(sheet)
        )
    return LabelledSet("synthetic", tuple(str(folder / name) for name in names), pairs)
