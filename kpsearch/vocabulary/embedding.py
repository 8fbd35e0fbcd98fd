"""Hamming embedding: 64 bits that say where in its word's cell a descriptor lies.

Bit i of the signature of descriptor x in word w is [p_i·x > τ_{w,i}], with p_i an orthogonal
random projection and τ_w the median of the projected training descriptors of w (Jégou, Douze &
Schmid 2008, §3.2). Projection, descriptors and thresholds are whole numbers, so float32 sums
them exactly and a signature never depends on the machine or the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

BITS = 64

PROJECTION_UNIT = 256.0
"""Length of a projection's row, before rounding."""

THRESHOLD_STEP = 512.0
"""Thresholds are stored in steps of this, about a tenth of a cell's spread along a projection."""

PRIOR_DESCRIPTORS = 8.0
"""Training descriptors that the word's centroid counts for in its thresholds."""


class Embedding(Protocol):
    """What turns descriptors into signatures, word by word."""

    def signatures(
        self, descriptors: npt.NDArray[np.uint8], words: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.uint64]:
        """Signature of each descriptor in each of its words: (n, d), (n, m) -> (n, m) uint64."""
        ...


@dataclass(frozen=True, eq=False)
class HammingEmbedding:
    """The projection and each word's thresholds."""

    projection: npt.NDArray[np.int8]
    """(64, d), rows of length ``PROJECTION_UNIT``, orthogonal but for rounding."""
    thresholds: npt.NDArray[np.int8]
    """(k, 64) in steps of ``THRESHOLD_STEP``."""

    @cached_property
    def _columns(self) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(self.projection.T.astype(np.float32) / THRESHOLD_STEP)

    def project(self, descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, d) -> (n, 64) in steps of ``THRESHOLD_STEP``."""
        return descriptors.astype(np.float32) @ self._columns

    def signatures(
        self, descriptors: npt.NDArray[np.uint8], words: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.uint64]:
        """Signature of each descriptor in each of its words: (n, d), (n, m) -> (n, m) uint64."""
        if words.size == 0:
            return np.empty(words.shape, np.uint64)
        bits = self.project(descriptors)[:, None, :] > self.thresholds[words]
        return np.packbits(bits, axis=2, bitorder="little").view("<u8")[:, :, 0]


def random_projection(dimension: int, rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """(64, dimension): orthogonal rows, or as near to it as fewer than 64 dimensions allow."""
    gaussian = rng.standard_normal((max(dimension, BITS), BITS))
    orthogonal, _ = np.linalg.qr(gaussian)
    rows = orthogonal.T[:, :dimension] * PROJECTION_UNIT
    return np.clip(np.rint(rows), -127, 127).astype(np.int8)


def train_embedding(
    descriptors: npt.NDArray[np.uint8],
    words: npt.NDArray[np.uint32],
    centroids: npt.NDArray[np.uint8],
    rng: np.random.Generator,
) -> HammingEmbedding:
    """Thresholds from (n, d) descriptors, their (n,) words and the (k, d) centroids.

    A median of a handful of descriptors is mostly noise, so the projected centroid stands in
    for ``PRIOR_DESCRIPTORS`` of them.
    """
    blank = np.zeros((len(centroids), BITS), np.int8)
    embedding = HammingEmbedding(random_projection(descriptors.shape[1], rng), blank)
    thresholds = embedding.project(centroids)
    order = np.argsort(words, kind="stable")
    visited, starts, counts = np.unique(words[order], return_index=True, return_counts=True)
    for word, start, count in zip(visited, starts, counts, strict=True):
        projected = embedding.project(descriptors[order[start : start + count]])
        trust = np.float32(count / (count + PRIOR_DESCRIPTORS))
        thresholds[word] += trust * (np.median(projected, axis=0) - thresholds[word])
    steps = np.clip(np.rint(thresholds), -128, 127).astype(np.int8)
    return HammingEmbedding(embedding.projection, steps)
