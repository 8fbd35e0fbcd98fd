"""From candidates to hits: names, and geometry in the terms of the query's pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import inverse, projected_outline
from kpsearch.types import Hit, ImageSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kpsearch.index import Snapshot
    from kpsearch.search.shortlist import Candidate
    from kpsearch.search.view import Placement


def hit_of(
    rank: int,
    candidate: Candidate,
    *,
    odds: float,
    placements: Sequence[Placement],
    snapshot: Snapshot,
) -> Hit:
    """A candidate as the answer's hit at ``rank``, right with log-odds ``odds``.

    ``placements`` are those of the views.
    """
    record = snapshot.record(candidate.slot)
    placement = placements[candidate.view]
    geometry = candidate.verification
    transform = geometry.transform if geometry and candidate.verified else None
    hit = Hit(
        rank=rank,
        id=snapshot.id_of(candidate.slot),
        path=record.path,
        category=record.category,
        score=candidate.score,
        log_odds=odds,
        verified=candidate.verified,
        inliers=geometry.inliers if geometry else 0,
        effective_inliers=geometry.effective_inliers if geometry else 0.0,
        transform=None,
        region=None,
        query_region=None,
        matches=_in_picture(candidate, placement),
        picture=placement.picture,
        mirrored=placement.mirrored,
        cosine=candidate.cosine,
        via=None if candidate.via is None else snapshot.id_of(candidate.via),
    )
    if transform is None:
        return hit
    told = transform @ placement.matrix
    x, y, width, height = placement.region
    corner = told @ np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])
    return replace(
        hit,
        transform=told,
        region=projected_outline(corner, ImageSize(width, height), record.size),
        query_region=projected_outline(inverse(told), record.size, placement.size),
    )


def _in_picture(candidate: Candidate, placement: Placement) -> np.ndarray | None:
    """The candidate's matches, with the query's side in pixels of its picture."""
    matches = candidate.matches
    if matches is None:
        return None
    return np.hstack([placement.in_picture(matches[:, :2]), matches[:, 2:]]).astype(np.float32)
