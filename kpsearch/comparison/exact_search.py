"""Exact nearest neighbours by brute force, in blocks: memory grows with n, never with n²."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError

Distance = Literal["cosine", "l2"]
"""Scores are the cosine, or the Euclidean distance with its sign turned: more is nearer."""
DISTANCES: tuple[Distance, ...] = get_args(Distance)

_QUERY_ROWS = 1024
_GALLERY_ROWS = 8192
_ROUNDING = 2.0**-24
"""Of one operation in 32 bits, relative."""
_MORE_STEPS = 16
"""Operations of a coarse score besides the sum over d products; amply counted."""

Vectors = npt.NDArray[Any]
"""(n, d), any real type."""


def nearest(
    queries: Vectors,
    gallery: Vectors,
    *,
    depth: int,
    distance: Distance,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    """For each query the rows of its ``depth`` nearest vectors, nearest first, and their scores.

    The same as `exact_scores` of the whole gallery, sorted: equal scores go by the row, also where
    they straddle the ``depth``. Only what may be among the nearest is scored so, in float64; a
    comparison in float32, whose error has a known bound, leaves the rest out. Memory: the vectors,
    and some 130 MB at 512 dimensions. Under the cosine no vector may have length zero
    (`first_zero`). Raises `UsageError` for an unknown distance.
    """
    if distance not in DISTANCES:
        raise UsageError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    for start in range(0, len(queries), _QUERY_ROWS):
        yield from _nearest(queries[start : start + _QUERY_ROWS], gallery, depth, distance)
        if progress is not None:
            progress(min(start + _QUERY_ROWS, len(queries)), len(queries))


def exact_scores(
    query: Vectors, vectors: Vectors, *, distance: Distance
) -> npt.NDArray[np.float64]:
    """The scores of (n, d) ``vectors`` for a (d,) ``query``, in float64, each row by itself."""
    q, v = np.asarray(query, np.float64), np.asarray(vectors, np.float64)
    if distance == "l2":
        v = v - q
        return np.asarray(-np.sqrt(_dot(v, v)))
    return np.asarray(np.einsum("nd,d->n", v, q) / np.sqrt(_dot(v, v) * np.square(q).sum()))


def _dot(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Not by BLAS, whose rounding of a row may depend on where in the matrix it stands.
    return np.asarray(np.einsum("nd,nd->n", a, b))


@dataclass(frozen=True, slots=True, eq=False)
class _Best:
    """The nearest rows so far, in order, and their exact scores."""

    rows: npt.NDArray[np.intp]
    scores: npt.NDArray[np.float64]

    def merged(self, other: _Best, depth: int) -> _Best:
        rows = np.concatenate([self.rows, other.rows])
        scores = np.concatenate([self.scores, other.scores])
        order = np.lexsort((rows, -scores))[:depth]
        return _Best(rows[order], scores[order])


def _nearest(
    queries: Vectors, gallery: Vectors, depth: int, distance: Distance
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    best = [_Best(np.zeros(0, np.intp), np.zeros(0))] * len(queries)
    for start in range(0, len(gallery), _GALLERY_ROWS):
        block = gallery[start : start + _GALLERY_ROWS]
        coarse = _COARSE[distance](queries, block)
        for at, query in enumerate(queries):
            rows = coarse.candidates(at, best[at].scores, depth)
            found = _Best(start + rows, exact_scores(query, block[rows], distance=distance))
            best[at] = best[at].merged(found, depth)
    yield from ((one.rows, one.scores) for one in best)


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Scores of one block of the gallery in float32, which order as the exact ones do but for
    rounding."""

    scores: npt.NDArray[np.float32]
    """(q, g)"""
    error: npt.NDArray[np.float64]
    """(q,): no score is further from what it would be without rounding."""
    of_exact: Callable[[int, float], float]
    """What a coarse score would be without rounding, from the query and its exact score."""

    def candidates(
        self, at: int, known: npt.NDArray[np.float64], depth: int
    ) -> npt.NDArray[np.intp]:
        """Rows of the block that may be among the ``depth`` best of the ``at``-th query.

        ``known`` are the exact scores that it has already, falling.
        """
        scores, error = self.scores[at], float(self.error[at])
        least = -np.inf
        if len(scores) > depth:
            least = float(np.partition(scores, -depth)[-depth]) - 2 * error
        if len(known) >= depth:
            least = max(least, self.of_exact(at, float(known[-1])) - error)
        return np.flatnonzero(scores >= least)


def _cosines(queries: Vectors, gallery: Vectors) -> _Coarse:
    """q·g / |q||g|."""
    scores = _unit(queries) @ _unit(gallery).T
    error = np.full(len(queries), _error_share(gallery))
    return _Coarse(scores, error, lambda _, exact: exact)


def _half_squares(queries: Vectors, gallery: Vectors) -> _Coarse:
    """q·g − |g|²/2, which is (|q|² − distance²) / 2, about the block's mean.

    That leaves less to cancel; and in units of the largest number there is, so that no square
    overflows.
    """
    origin = gallery.mean(axis=0, dtype=np.float64)
    q, g = queries - origin, gallery - origin
    unit = max(float(np.abs(q).max()), float(np.abs(g).max())) or 1.0
    q /= unit
    g /= unit
    squares, of_gallery = _dot(q, q), _dot(g, g)
    scores = q.astype(np.float32) @ g.astype(np.float32).T
    scores -= (of_gallery / 2).astype(np.float32)
    return _Coarse(
        scores,
        _error_share(gallery) * np.square(np.sqrt(squares) + np.sqrt(of_gallery.max())),
        lambda at, exact: float(squares[at] - np.square(exact / unit)) / 2,
    )


_COARSE: dict[Distance, Callable[[Vectors, Vectors], _Coarse]] = {
    "cosine": _cosines,
    "l2": _half_squares,
}


def _error_share(vectors: Vectors) -> float:
    """Of a product of lengths: what rounding may add to a sum of d products of their entries.

    Each operation errs by `_ROUNDING`, and an entry's way goes through d sums at most (Higham
    2002, §3.1).
    """
    return float((vectors.shape[1] + _MORE_STEPS) * _ROUNDING)


def _unit(vectors: Vectors) -> npt.NDArray[np.float32]:
    """Rows of length one; scaled by their largest entry first, so that no square overflows."""
    wide = np.array(vectors, np.float64)
    wide /= np.abs(wide).max(axis=1, keepdims=True)
    wide /= np.sqrt(_dot(wide, wide))[:, None]
    return wide.astype(np.float32)


def first_zero(vectors: Vectors, rows: npt.NDArray[np.intp]) -> int | None:
    """The first of the (n,) ``rows`` whose vector has no direction, None without any.

    Its length is zero in 32 bits, where numbers below 1e-45 are.
    """
    for start in range(0, len(rows), _GALLERY_ROWS):
        block = rows[start : start + _GALLERY_ROWS]
        zero = ~np.any(np.asarray(vectors[block], np.float32), axis=1)
        if zero.any():
            return int(block[zero.argmax()])
    return None
