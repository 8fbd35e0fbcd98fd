"""Which pictures a large catalogue has: strangers, copies, lines with a template, a crowd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

COPIED = 0.1
"""Share of the originals that have 1 to 3 copies."""
IN_LINES = 0.05
"""Share of the originals that are in lines of `LINE_SIZE`, which share a template."""
LINE_SIZE = 5
CROWD = 200
"""Pictures that are the same placeholder, encoded anew each."""
COPY_KINDS = ("similarity", "crop", "homography", "mirrored")
KIND_SHARES = (0.35, 0.35, 0.2, 0.1)


@dataclass(frozen=True)
class Population:
    """What each picture is, by its number; -1 is nothing of the kind."""

    original: npt.NDArray[np.int64]
    """(n,) the number of the picture that it is a copy of."""
    kind: npt.NDArray[np.int8]
    """(n,) of `COPY_KINDS`."""
    line: npt.NDArray[np.int64]
    """(n,) the line it is of."""
    crowd: npt.NDArray[np.bool_]
    """(n,) whether it is the placeholder."""
    seed: int

    def __len__(self) -> int:
        return len(self.original)

    @cached_property
    def families(self) -> npt.NDArray[np.int64]:
        """(n,) the original of each picture, itself if it is one."""
        return np.where(self.original < 0, np.arange(len(self)), self.original)

    def copy_pairs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
        """(m, 2) each copy with its original, rising, and the kinds of the copies."""
        copies = np.flatnonzero(self.original >= 0)
        ends = np.sort(np.column_stack([copies, self.original[copies]]), axis=1)
        return ends, self.kind[copies]

    def related(self, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """(m, 2) -> whether the two have anything in common."""
        a, b = ends.T
        root_a, root_b = self.families[a], self.families[b]
        in_line = (self.line[root_a] >= 0) & (self.line[root_a] == self.line[root_b])
        crowded = self.crowd[a] & self.crowd[b]
        return np.asarray((root_a == root_b) | in_line | crowded)


def draw_population(pictures: int, seed: int) -> Population:
    """A population of so many pictures, in an order that says nothing; a pure function."""
    rng = np.random.default_rng([seed, 1])
    crowd = min(CROWD, pictures // 10)
    copies = np.where(rng.random(pictures) < COPIED, rng.integers(1, 4, pictures), 0)
    originals = int(np.searchsorted(np.cumsum(1 + copies), pictures - crowd, side="right"))
    parent = np.repeat(np.arange(originals), copies[:originals])
    parent = parent[: pictures - crowd - originals]
    originals = pictures - crowd - len(parent)
    lines = int(originals * IN_LINES) // LINE_SIZE
    line = np.full(pictures, -1, np.int64)
    line[: lines * LINE_SIZE] = np.repeat(np.arange(lines), LINE_SIZE)
    place = rng.permutation(pictures)
    original = np.full(pictures, -1, np.int64)
    kind = np.full(pictures, -1, np.int8)
    made = place[originals : originals + len(parent)]
    original[made] = place[parent]
    kind[made] = rng.choice(len(COPY_KINDS), len(parent), p=KIND_SHARES)
    lined, crowded = np.empty_like(line), np.zeros(pictures, np.bool_)
    lined[place] = line
    crowded[place[pictures - crowd :]] = True
    return Population(original, kind, lined, crowded, seed)
