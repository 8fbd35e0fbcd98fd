"""What an index keeps of a picture so that its copies are found without reading it again.

A perceptual hash, and the strongest keypoints as a mirror shows them: a copy that was turned over
shares no visual word with its original, and all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.index.columns import SKETCH_COLUMNS, SKETCH_KEYPOINTS

if TYPE_CHECKING:
    import numpy.typing as npt

NO_WORD = 0xFFFFFFFF
NO_KEYPOINT = 0xFFFF
"""They fill the rows of pictures with fewer keypoints, at the end; the signature there is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Of one picture; ``word``, ``signature`` and ``keypoint`` are of m keypoints, 56 at most."""

    perceptual_hash: int
    """`kpsearch.features.perceptual_hash` of it."""
    word: npt.NDArray[np.uint32]
    """(m,) that the keypoint has in the mirror; the strongest keypoint first."""
    signature: npt.NDArray[np.uint64]
    """(m,) of its descriptor in the mirror, within that word."""
    keypoint: npt.NDArray[np.uint16]
    """(m,) its number among the keypoints of the image, each once."""

    def __post_init__(self) -> None:
        lengths = {len(self.word), len(self.signature), len(self.keypoint)}
        if len(lengths) > 1 or max(lengths) > SKETCH_KEYPOINTS:
            raise ValueError(f"a sketch of {sorted(lengths)} keypoints, not of {SKETCH_KEYPOINTS}")


def sketch_columns(sketches: Sequence[Sketch]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of ``SKETCH_COLUMNS``, a row a sketch."""
    hashes = np.array([sketch.perceptual_hash for sketch in sketches], np.uint64)
    padded = (
        _padded([sketch.word for sketch in sketches], NO_WORD),
        _padded([sketch.signature for sketch in sketches], 0),
        _padded([sketch.keypoint for sketch in sketches], NO_KEYPOINT),
    )
    arrays = dict(zip(SKETCH_COLUMNS, (hashes, *padded), strict=True))
    return {name: arrays[name].astype(dtype) for name, (dtype, _) in SKETCH_COLUMNS.items()}


def _padded(rows: Sequence[npt.NDArray[Any]], padding: int) -> npt.NDArray[np.uint64]:
    table = np.full((len(rows), SKETCH_KEYPOINTS), padding, np.uint64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table
