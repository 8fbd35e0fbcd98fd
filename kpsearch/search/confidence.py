"""How likely a hit shows what the query shows, so that "no match" can be an answer.

A score in nats is evidence of how well a hit explains the query's matches, but not on a scale that
queries share: a photo full of print, or of leaves, gives every picture of the catalogue a higher
score than a plain one does. So a hit is judged by figures that each mean the same in any query:

- log(s / b): its score over the query's own background b, what pictures get that most likely are
  not of the item. Ranks 1 to 10 may be of it; b is the median of ranks 11 to 50.
- g / s: the share of the score that geometry adds. Matches that agree on nothing have none of it,
  however many they are: a page of print beside another.
- log((1 + e) / (1 + n)) of the n inliers and their effective number e
  (`kpsearch.geometry.evidence.effective_count`): a logo that two items share gives many inliers in
  one clump, and the rest of the pictures disagrees.

The number of false alarms of the homography (a-contrario) says whether chance explains the inliers.
That is settled by the score, in which the same evidence counts: fitted with it, it has slope 0.

The log-odds are linear in them (logistic regression), with slopes that are never negative, and
never rise down a ranking: nothing is surer than what is ranked above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from kpsearch.search.shortlist import Candidate

FOREGROUND = 10
"""Ranks that may be of the item."""
DEPTH = 50
"""The last rank of the background."""
USUAL_BACKGROUND = 15.0
"""Nats; at least so much is supposed where a gallery has fewer pictures than `DEPTH`."""
MANY_IMAGES = 500
"""In smaller galleries than were fitted to, with their small vocabularies, chance scores higher."""
LEAST_BACKGROUND = 1.0
"""Nats: in a query with few matches one more is no wonder."""


class Curve(NamedTuple):
    """log-odds = intercept + figures · slopes."""

    intercept: float
    slopes: tuple[float, float, float]
    """Of the figures, in the order of `figures`; none negative."""


VERIFIED = Curve(-8.72, (3.33, 6.11, 3.02))
SCORED = Curve(-5.98, (3.35, 0.0, 0.0))
"""Fitted by ``python tools/fit_confidence.py``, which prints them: without geometry, SCORED. Half
of the queries it is fitted to are of items that are not in the catalogue."""


def background(scores: npt.NDArray[np.float64], images: int) -> float:
    """What a query gives, in nats, to pictures that are most likely wrong.

    ``scores`` are those above 0 of a ranking, falling, as many as `DEPTH` where there are so many;
    the others of the gallery's ``images`` have 0. A gallery that does not reach down to `DEPTH` is
    not believed when it says less than `USUAL_BACKGROUND`, and up to ten pictures say nothing.
    """
    levels = np.zeros(min(max(images, len(scores)), DEPTH))
    levels[: len(scores)] = scores[: len(levels)]
    least = LEAST_BACKGROUND if len(levels) == DEPTH else USUAL_BACKGROUND
    if len(levels) <= FOREGROUND:
        return least
    return max(float(np.median(levels[FOREGROUND:])), least)


def figures(
    scores: npt.NDArray[np.float64],
    gains: npt.NDArray[np.float64],
    inliers: npt.NDArray[np.float64],
    effective_inliers: npt.NDArray[np.float64],
    level: float,
) -> npt.NDArray[np.float64]:
    """(n, 3) figures of n hits of one query with the background ``level``, see above.

    ``gains`` are what geometry added to the ``scores``. A hit that it never looked at has neither
    gain nor inliers.
    """
    return np.column_stack(
        [
            np.log(np.maximum(scores, LEAST_BACKGROUND) / level),
            np.minimum(gains / np.maximum(scores, LEAST_BACKGROUND), 1.0),
            np.log1p(effective_inliers) - np.log1p(inliers),
        ]
    )


def log_odds(values: npt.NDArray[np.float64], curve: Curve) -> npt.NDArray[np.float64]:
    """(n,) from (n, 3) `figures` of a ranking, best first; never rising."""
    odds = np.full(len(values), curve.intercept)
    for column, slope in zip(values.T, curve.slopes, strict=True):
        odds += slope * column  # a matrix product would round by its size
    return np.asarray(np.minimum.accumulate(odds))


def unproven(
    odds: npt.NDArray[np.float64], candidates: Sequence[Candidate], images: int
) -> npt.NDArray[np.float64]:
    """(n,) the log-odds, where a gallery of few ``images`` says too little of the background.

    There a hit that geometry was asked about and does not verify is rather wrong than right: its
    odds are at most its probability, which is less than 1 and keeps the order.
    """
    if images >= MANY_IMAGES:
        return odds
    proven = np.array([c.verified for c in candidates], np.bool_)
    doubted = np.minimum(-np.logaddexp(0.0, -odds), -1e-12)
    return np.asarray(np.minimum.accumulate(np.where(proven, odds, doubted)))


def figures_of(
    candidates: Sequence[Candidate],
    ranking: Sequence[Candidate],
    images: int,
    *,
    in_nats: bool,
    pictures: int = 1,
) -> npt.NDArray[np.float64]:
    """(n, 3) `figures` of n candidates, out of a ``ranking`` of a gallery of ``images``.

    Both are best first; the background is the ranking's. The scores are sums over so many
    ``pictures`` of the query, and judged by their mean. Scores that are not ``in_nats`` (those of
    other scorers, before geometry) have a background like all, but no usual one: a small gallery
    says nothing of them.
    """
    scores, levels = (
        np.array([c.score for c in listed], np.float64) / pictures
        for listed in (candidates, ranking)
    )
    if not in_nats and len(levels):
        full = images >= DEPTH
        unit = (1e3 if full else USUAL_BACKGROUND) / max(levels[0], 1e-300)
        scores, levels = scores * unit, levels * unit
    seen = [c.verification for c in candidates]
    gains = np.array([v.gain if v else 0.0 for v in seen], np.float64)
    inliers = np.array([v.inliers if v else 0 for v in seen], np.float64)
    effective = np.array([v.effective_inliers if v else 0.0 for v in seen], np.float64)
    return figures(scores, gains, inliers, effective, background(levels, images))
