"""What a worker does of a job: candidates of some pictures, geometry of some pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.matching.candidates import Candidates, candidates_of
from kpsearch.dedup.matching.catalogue import Catalogue
from kpsearch.dedup.matching.forward import Forward
from kpsearch.dedup.matching.points import points_of, sketch_of
from kpsearch.dedup.matching.verifying import Found, Verifier
from kpsearch.index import Snapshot
from kpsearch.options import CandidateOptions
from kpsearch.search import Searcher

if TYPE_CHECKING:
    import numpy.typing as npt

Arrays = dict[str, "npt.NDArray[np.generic]"]


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a job's own snapshots and forward files lie, and how it looks for pairs."""

    indexes: tuple[str, ...]
    """Folders: of the batch's index, and of the one it is compared with, if there is one."""
    forward: str
    """Folder of the files of `kpsearch.dedup.matching.forward`."""
    options: CandidateOptions
    identity: str
    """Of what lies there: workers outlive a job, and another may use the same folders."""


def candidates(place: Workplace, numbers: range) -> Arrays:
    """The candidates of some pictures, by picture, best first, in a mirror last.

    ``asked``, ``slot``, ``mirrored``, ``score``: one a candidate; ``background`` and ``cut``: one a
    picture.
    """
    matcher = _matcher(place)
    return _candidate_arrays(numbers, [matcher.candidates(number) for number in numbers])


def verified(place: Workplace, pairs: npt.NDArray[np.int64]) -> Arrays:
    """Those of some pairs, (p, 3) rising a < b and whether mirrored, that geometry verifies."""
    matcher = _matcher(place)
    first = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    found: list[tuple[int, Found]] = []
    for rows in np.split(pairs, first[1:]):
        number = int(rows[0, 0])
        others = [(int(b), bool(mirrored)) for _, b, mirrored in rows]
        found += [(number, f) for f in matcher.verifier.verified(number, others)]
    return _pair_arrays(found)


class Matcher:
    """The indexes of a job, open."""

    def __init__(self, place: Workplace) -> None:
        self.catalogue = Catalogue(*map(Snapshot.open, place.indexes))
        gallery = self.catalogue.gallery
        self._options = place.options
        self._facts = Searcher(gallery).facts
        forwards = {id(s): Forward(s, Path(place.forward)) for s in self.catalogue.snapshots}
        self._forward = forwards[id(self.catalogue.batch)]
        self.verifier = Verifier(
            self.catalogue, (self._forward, forwards[id(gallery)]), self._facts, place.options
        )

    def candidates(self, number: int) -> tuple[Candidates, Candidates]:
        """Of a picture as it is, and as in a mirror."""
        snapshot, slot = self.catalogue.place(number)
        barred = self.catalogue.barred
        own = slot if self.catalogue.fixed is None else None
        if own is not None:
            barred = barred.copy()
            barred[own] = True
        views = [points_of(snapshot, self._forward, slot)]
        if self.catalogue.keeps_sketches:
            views.append(sketch_of(snapshot, slot))
        else:
            views.append(views[0].take(np.empty(0, np.intp)))
        plain, mirrored = (
            candidates_of(view, self.catalogue.gallery, self._facts, barred, self._options)
            for view in views
        )
        return plain, mirrored


@lru_cache(maxsize=1)
def _matcher(place: Workplace) -> Matcher:
    return Matcher(place)


def _candidate_arrays(numbers: range, found: list[tuple[Candidates, Candidates]]) -> Arrays:
    pairs = [c for both in found for c in both]
    counts = [len(c.slots) for c in pairs]
    return {
        "asked": np.repeat(np.repeat(numbers, 2), counts).astype(np.int64),
        "slot": np.concatenate([np.empty(0, np.int64), *(c.slots for c in pairs)]),
        "mirrored": np.repeat(np.tile([False, True], len(found)), counts),
        "score": np.concatenate([np.empty(0), *(c.scores for c in pairs)]),
        "background": np.array([plain.background for plain, _ in found], np.float64),
        "cut": np.array([plain.cut for plain, _ in found], np.bool_),
    }


def _pair_arrays(found: list[tuple[int, Found]]) -> Arrays:
    geometry = [f.geometry for _, f in found]
    transforms = [g.transform for g in geometry if g.transform is not None]
    return {
        "a": np.array([a for a, _ in found], np.int64),
        "b": np.array([f.other for _, f in found], np.int64),
        "mirrored": np.array([f.mirrored for _, f in found], np.bool_),
        "score": np.array([f.score for _, f in found], np.float64),
        "inliers": np.array([g.inliers for g in geometry], np.int64),
        "effective_inliers": np.array([g.effective_inliers for g in geometry], np.float64),
        "log10_false_alarms": np.array([g.log10_false_alarms for g in geometry], np.float64),
        "overlap": np.array([f.overlap for _, f in found], np.int64).reshape(-1, 2),
        "transform": np.array(transforms, np.float64).reshape(-1, 3, 3),
    }


NO_CANDIDATES: Arrays = _candidate_arrays(range(0), [])
NO_PAIRS: Arrays = _pair_arrays([])
