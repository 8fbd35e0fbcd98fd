"""Keypoints of pictures, each read once, with what that took."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kpsearch.errors import ImageRejected
from kpsearch.features import extract_features
from kpsearch.images import read_image
from kpsearch.options import FeatureOptions
from peers.peer import Spent, timed


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """The keypoints of a picture: positions (n, 2) in its pixels, RootSIFT (n, 128) of norm 1."""

    xy: npt.NDArray[np.float32]
    rows: npt.NDArray[np.uint8]
    """(n, 128) as kpsearch keeps them."""
    longest_px: int
    spent: Spent

    @property
    def descriptors(self) -> npt.NDArray[np.float32]:
        """(n, 128) of norm 1; the bytes are rounded, so their norm is not quite one."""
        rows = self.rows.astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


@dataclass(slots=True)
class KeypointReader:
    """Reads pictures as ``kpsearch index`` does; one read before is not read again.

    A picture that cannot be read has no keypoints.
    """

    options: FeatureOptions = field(default_factory=FeatureOptions)
    _read: dict[str, Described] = field(default_factory=dict)

    def __call__(self, path: str) -> Described:
        if path not in self._read:
            self._read[path] = self._describe(path)
        return self._read[path]

    def _describe(self, path: str) -> Described:
        with timed() as watch:
            try:
                picture = read_image(path, at_least_px=self.options.max_side_px)
                features = extract_features(picture, self.options)
                found = (features.xy, features.descriptors, max(picture.size))
            except ImageRejected:
                found = (np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8), 1)
        return Described(*found, spent=watch.spent)
