"""The pairs of a job, found from what the index stores, without a picture being opened.

1. Candidates of every picture, by its rarest words, as it is and as in a mirror.
2. Pairs whose perceptual hashes are near.
3. Geometry of each pair, in whichever direction it was found, once.
4. Neighbours of neighbours: where geometry verifies a with b and b with c, it is asked about a
   and c, too.

Pictures of the same bytes as an earlier one are left out of all this: what holds for that one holds
for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.journal import in_chunks, joined
from kpsearch.dedup.matching.forward import write_forward
from kpsearch.dedup.matching.hash_neighbours import near_hashes, near_hashes_between
from kpsearch.dedup.matching.matcher import NO_CANDIDATES, NO_PAIRS, candidates, verified
from kpsearch.dedup.records import VerifiedPair

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.journal import Arrays, Journal
    from kpsearch.dedup.matching.catalogue import Catalogue
    from kpsearch.dedup.matching.matcher import Workplace

    Pairs = npt.NDArray[np.int64]

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""

PICTURES_A_CHUNK = 128
PAIRS_A_CHUNK = 512
ALL_FOUND = "all found"
"""A stage of the journal: what workers would need is not needed any more."""
NUMBER_BITS = 31
"""Of the number of a picture."""
CLOSEST = 8
"""Neighbours of a picture that are compared with each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found before any picture is opened."""

    pairs: list[VerifiedPair]
    """By a, then b; one that holds as it is and in a mirror comes twice."""
    alike: npt.NDArray[np.int64]
    """(m, 2) pairs a < b that only their perceptual hashes propose."""
    cut: npt.NDArray[np.bool_]
    """(n,) whether more candidates of a picture were found than are looked at."""
    candidates: int
    """Pairs that geometry was asked about."""


def find_pairs(
    catalogue: Catalogue, place: Workplace, journal: Journal, *, n_jobs: int, progress: Progress
) -> Found:
    """All pairs of a catalogue that geometry verifies, and those of its perceptual hashes."""
    for snapshot in catalogue.snapshots if not journal.done(ALL_FOUND) else ():
        write_forward(snapshot, Path(place.forward), partial(progress, "turning the index round"))
    chunks = [
        range(low, min(low + PICTURES_A_CHUNK, catalogue.asking))
        for low in range(0, catalogue.asking, PICTURES_A_CHUNK)
    ]
    work, told = partial(candidates, place), partial(progress, "looking for candidates")
    found = joined(
        in_chunks(journal, "candidates", work, chunks, n_jobs=n_jobs, progress=told),
        NO_CANDIDATES,
    )
    near = _near(catalogue, place)
    asked = _unique(np.concatenate([_rising(catalogue, found), _plain(near)]))
    verify = partial(_verified, place, journal, n_jobs=n_jobs, progress=progress)
    first = verify("verifying", asked)
    more = _unasked(_neighbours_of_neighbours(first, catalogue), asked)
    second = verify("verifying neighbours", more)
    both = joined([first, second], NO_PAIRS)
    if not journal.done(ALL_FOUND):
        journal.add(ALL_FOUND, 0, {})
    background = np.full(len(catalogue), np.nan)
    background[: catalogue.asking] = found["background"]
    cut = np.zeros(len(catalogue), np.bool_)
    cut[: catalogue.asking] = found["cut"]
    return Found(
        _pairs(both, background),
        _unasked(_plain(near), np.column_stack([both["a"], both["b"], both["mirrored"]]))[:, :2],
        cut,
        len(asked) + len(more),
    )


def _near(catalogue: Catalogue, place: Workplace) -> Pairs:
    """(m, 2) pairs of first pictures of their bytes with near perceptual hashes."""
    if not catalogue.keeps_sketches:
        return np.empty((0, 2), np.int64)
    hashes, first = catalogue.perceptual_hashes(), catalogue.first_alike
    within, most = place.options.hash_bits, place.options.most
    own = np.flatnonzero(first == np.arange(len(first)))
    if catalogue.fixed is None:
        return own[near_hashes(hashes[own], within, most=most)[0]]
    batch, fixed = own[own < catalogue.asking], own[own >= catalogue.asking]
    rows, _ = near_hashes_between(hashes[batch], hashes[fixed], within, most=most)
    return np.column_stack([batch[rows[:, 0]], fixed[rows[:, 1]]])


def _plain(pairs: Pairs) -> Pairs:
    """(m, 3) the pairs, not mirrored."""
    return np.column_stack([pairs, np.zeros(len(pairs), np.int64)])


def _rising(catalogue: Catalogue, found: Arrays) -> Pairs:
    """(m, 3) candidates as a < b, and whether mirrored, of first pictures of their bytes."""
    a, b = found["asked"], catalogue.numbers[found["slot"]]
    kept = np.flatnonzero(catalogue.first_alike[a] == a)
    a, b = a[kept], b[kept]
    return np.column_stack([np.minimum(a, b), np.maximum(a, b), found["mirrored"][kept]])


def _unique(pairs: Pairs) -> Pairs:
    """(m, 3) each pair once, rising by a, b and mirrored."""
    return _of_keys(np.unique(_keys(pairs)))


def _unasked(pairs: Pairs, asked: Pairs) -> Pairs:
    """(m, 3) those of ``pairs`` that are not among the ``asked``, each once, rising."""
    return _of_keys(np.setdiff1d(_keys(pairs), _keys(asked)))


def _keys(pairs: Pairs) -> npt.NDArray[np.int64]:
    """(m,) one number for a, b and mirrored, that rises as they do."""
    a, b, mirrored = pairs.T
    return np.asarray(a << NUMBER_BITS + 1 | b << 1 | mirrored)


def _of_keys(keys: npt.NDArray[np.int64]) -> Pairs:
    """The inverse of `_keys`."""
    b = keys >> 1 & (1 << NUMBER_BITS) - 1
    return np.column_stack([keys >> NUMBER_BITS + 1, b, keys & 1])


def _verified(
    place: Workplace,
    journal: Journal,
    stage: str,
    pairs: Pairs,
    *,
    n_jobs: int,
    progress: Progress,
) -> Arrays:
    chunks = [pairs[low : low + PAIRS_A_CHUNK] for low in range(0, len(pairs), PAIRS_A_CHUNK)]
    work = partial(verified, place)
    told = partial(progress, stage)
    return joined(in_chunks(journal, stage, work, chunks, n_jobs=n_jobs, progress=told), NO_PAIRS)


def _neighbours_of_neighbours(pairs: Arrays, catalogue: Catalogue) -> Pairs:
    """(m, 3) pairs of pictures that have one of their `CLOSEST` in common.

    Two in a mirror of a third are not in a mirror of each other.
    """
    if catalogue.fixed is not None:
        return np.empty((0, 3), np.int64)  # two of a batch, or two fixed ones, are not compared
    ends = np.concatenate([pairs["a"], pairs["b"]])
    others = np.concatenate([pairs["b"], pairs["a"]])
    mirrored, score = np.tile(pairs["mirrored"], 2), np.tile(pairs["score"], 2)
    order = np.lexsort((others, -score, ends))
    new: list[tuple[int, int, bool]] = []
    for rows in np.split(order, np.flatnonzero(np.diff(ends[order])) + 1):
        near = rows[:CLOSEST].tolist()
        for i, one in enumerate(near):
            for other in near[i + 1 :]:
                a, b = sorted((int(others[one]), int(others[other])))
                if a < b:
                    new.append((a, b, bool(mirrored[one] != mirrored[other])))
    return np.array(new, np.int64).reshape(-1, 3)


def _pairs(found: Arrays, background: npt.NDArray[np.float64]) -> list[VerifiedPair]:
    """Records, by a, b and mirrored; a fixed picture is supposed to have the other's background."""
    order = np.lexsort((found["mirrored"], found["b"], found["a"]))
    pairs = []
    for row in order.tolist():
        a, b = int(found["a"][row]), int(found["b"][row])
        own = float(background[a])
        theirs = float(background[b])
        pairs.append(
            VerifiedPair(
                a=a,
                b=b,
                score=float(found["score"][row]),
                background=(own, own if np.isnan(theirs) else theirs),
                inliers=int(found["inliers"][row]),
                effective_inliers=float(found["effective_inliers"][row]),
                log10_false_alarms=float(found["log10_false_alarms"][row]),
                overlap=(int(found["overlap"][row, 0]), int(found["overlap"][row, 1])),
                transform=found["transform"][row],
                mirrored=bool(found["mirrored"][row]),
            )
        )
    return pairs
