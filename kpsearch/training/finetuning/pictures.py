"""The pictures of a training set, decoded once and kept small."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.errors import ImageRejected
from kpsearch.images import read_image
from kpsearch.training.finetuning.outcome import Sample
from kpsearch.types import Reject

Pixels = npt.NDArray[np.uint8]

_LONGEST = 2
"""Times the shorter side: up to this shape of a picture, a JPEG decoded reduced loses nothing."""


class Pictures:
    """BGR pictures (h, w, 3) by their number, with a shorter side of ``shorter_px`` at most.

    All are read once, to find those that cannot be; after that they come from memory as far as
    ``memory_bytes`` went, and from their files beyond that.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        shorter_px: int,
        memory_bytes: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._shorter_px = shorter_px
        self._kept: dict[int, Pixels] = {}
        readable: list[Sample] = []
        rejects: list[Reject] = []
        for number, sample in enumerate(samples):
            try:
                pixels = self._read(sample.path)
            except ImageRejected as error:
                rejects.append(Reject(error.path, error.code, error.text))
                continue
            memory_bytes -= pixels.nbytes
            if memory_bytes >= 0:
                self._kept[len(readable)] = pixels
            readable.append(sample)
            progress(number + 1, len(samples))
        self.samples = tuple(readable)
        """Those whose pictures can be read: numbers count these."""
        self.rejects = tuple(rejects)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, number: int) -> Pixels:
        kept = self._kept.get(number)
        return self._read(self.samples[number].path) if kept is None else kept

    def _read(self, path: str) -> Pixels:
        pixels = read_image(path, colour=True, at_least_px=_LONGEST * self._shorter_px).pixels
        factor = self._shorter_px / min(pixels.shape[:2])
        if factor >= 1:
            return pixels
        shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.uint8)
