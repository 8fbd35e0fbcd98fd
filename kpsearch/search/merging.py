"""The candidates of several views of one query, as one list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.search.shortlist import Candidate, reordered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from kpsearch.search.view import Placement


def merged(lists: Sequence[list[Candidate]], placements: Sequence[Placement]) -> list[Candidate]:
    """The candidates of all views, list i being those of a view at ``placements[i]``; best first.

    A picture and its mirror image are one question, answered by the better: a candidate counts
    once for them. Several pictures of a thing are evidence each, and it adds up. The geometry that
    is kept is that of the view with the most evidence.
    """
    if len(lists) == 1:
        return lists[0]
    best: dict[int, dict[int, Candidate]] = {}
    for view, (candidates, placement) in enumerate(zip(lists, placements, strict=True)):
        for candidate in candidates:
            of_pictures = best.setdefault(candidate.slot, {})
            before = of_pictures.get(placement.picture)
            if before is None or candidate.score > before.score:
                of_pictures[placement.picture] = replace(candidate, view=view)
    return reordered([_together(list(of_pictures.values())) for of_pictures in best.values()])


def merged_scores(
    scores: Sequence[npt.NDArray[np.float64]], placements: Sequence[Placement]
) -> npt.NDArray[np.float64]:
    """(slots,) the same for the scores of all images, an array of them a view."""
    of_pictures: dict[int, npt.NDArray[np.float64]] = {}
    for own, placement in zip(scores, placements, strict=True):
        before = of_pictures.get(placement.picture)
        of_pictures[placement.picture] = own if before is None else np.maximum(before, own)
    return np.asarray(np.sum(list(of_pictures.values()), axis=0))


def _together(candidates: list[Candidate]) -> Candidate:
    """One image, as several pictures find it."""
    strongest = max(candidates, key=lambda c: (c.verified, c.score, -c.view))
    return replace(strongest, score=sum(c.score for c in candidates))
