"""Exact nearest neighbours by brute force, in blocks: memory grows with n, never with n²."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError

Distance = Literal["cosine", "l2"]
"""Scores are the cosine, or the Euclidean distance with its sign turned: more is nearer."""
DISTANCES: tuple[Distance, ...] = get_args(Distance)

_QUERY_ROWS = 256
_GALLERY_ROWS = 8192

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

    Candidates are compared in float32 (`_coarse_scores`), the ``depth`` best of them scored again
    in float64, so that equal vectors score equally; ties go by the row, but which of many equal
    vectors are among the ``depth`` best is not settled. Memory: the vectors, and
    some tens of MB. Under the cosine no vector may have length zero (`first_zero`). Raises
    `UsageError` for an unknown distance.
    """
    if distance not in DISTANCES:
        raise UsageError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    depth = min(depth, len(gallery))
    for start in range(0, len(queries), _QUERY_ROWS):
        block = queries[start : start + _QUERY_ROWS]
        rows = _candidates(block, gallery, depth, distance)
        for query, candidates in zip(block, rows, strict=True):
            scores = exact_scores(query, gallery[candidates], distance=distance)
            order = np.lexsort((candidates, -scores))
            yield candidates[order], scores[order]
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


def _candidates(
    queries: Vectors, gallery: Vectors, depth: int, distance: Distance
) -> npt.NDArray[np.intp]:
    """(q, depth) rows of the best of the gallery by float32 scores, in no order."""
    origin = _block(gallery[:_GALLERY_ROWS]).mean(axis=0)
    best = np.full((len(queries), 0), 0, np.float32)
    rows = np.full((len(queries), 0), 0, np.intp)
    for start in range(0, len(gallery), _GALLERY_ROWS):
        block = gallery[start : start + _GALLERY_ROWS]
        scores = _coarse_scores(_block(queries), _block(block), origin, distance)
        number = np.broadcast_to(np.arange(start, start + len(block)), scores.shape)
        best, rows = _kept(np.hstack([best, scores]), np.hstack([rows, number]), depth)
    return rows


def _coarse_scores(
    queries: npt.NDArray[np.float32],
    gallery: npt.NDArray[np.float32],
    origin: npt.NDArray[np.float32],
    distance: Distance,
) -> npt.NDArray[np.float32]:
    """(q, g) scores that order as the exact ones do, but for the rounding of float32.

    Cosine: q·g / |q||g|. L2: q·g − |g|²/2, about ``origin``, which leaves less to cancel.
    """
    if distance == "l2":
        queries, gallery = queries - origin, gallery - origin
        products = queries @ gallery.T
        return np.asarray(products - np.square(gallery).sum(axis=1) / 2, np.float32)
    return np.asarray(_unit(queries) @ _unit(gallery).T, np.float32)


def _kept(
    scores: npt.NDArray[np.float32], rows: npt.NDArray[np.intp], depth: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    if scores.shape[1] <= depth:
        return scores, rows
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    return np.take_along_axis(scores, top, axis=1), np.take_along_axis(rows, top, axis=1)


def _block(vectors: Vectors) -> npt.NDArray[np.float32]:
    return np.asarray(vectors, np.float32)


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of length one; scaled by their largest entry first, so that no square overflows."""
    scaled = vectors / np.abs(vectors).max(axis=1, keepdims=True)
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True), np.float32)


def first_zero(vectors: Vectors) -> int | None:
    """The row of the first vector of length zero, which has no direction; None without any."""
    for start in range(0, len(vectors), _GALLERY_ROWS):
        zero = ~np.any(vectors[start : start + _GALLERY_ROWS], axis=1)
        if zero.any():
            return start + int(zero.argmax())
    return None
