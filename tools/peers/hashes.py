"""Hashes of the whole picture: for copies, and what they miss shows what keypoints are for."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.errors import ImageRejected
from kpsearch.images import read_image
from peers.peer import Query, Ranked, Setting, Unavailable, best_first, timed


class _Hashes(ABC):
    """Pictures by the Hamming distance of their hashes."""

    package: str
    bits: int

    def __init__(self, setting: Setting) -> None:
        try:
            self.module: Any = import_module(self.package)
        except ImportError as error:
            raise Unavailable(f"pip install {self.package} ({error})") from error
        self.description = f"{self.package} {version(self.package)}, {self.bits} bits"

    @abstractmethod
    def hash(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """(bits,) of an RGB picture."""

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        started = time.perf_counter()
        self.references = list(references)
        self.table = np.packbits([self._of_file(path) for path in references], axis=1)
        return self.table.nbytes, time.perf_counter() - started

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        return [self._ranked(query.path) for query in queries]

    def _ranked(self, path: str) -> Ranked:
        with timed() as extraction:
            own = np.packbits(self._of_file(path))
        with timed() as search:
            distance = np.bitwise_count(self.table ^ own).sum(axis=1, dtype=np.int64)
            hits = best_first(self.references, -distance.astype(np.float64))
        return Ranked(hits, extraction.spent, search.spent)

    def _of_file(self, path: str) -> npt.NDArray[np.bool_]:
        try:
            pixels = read_image(path, colour=True, at_least_px=512).pixels
        except ImageRejected:
            return np.zeros(self.bits, bool)
        return self.hash(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8))


class PerceptualHash(_Hashes):
    """The signs of the lowest frequencies of a picture, by imagehash."""

    package = "imagehash"
    bits = 64

    def hash(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        from PIL import Image

        return np.asarray(self.module.phash(Image.fromarray(pixels)).hash).ravel()


class Pdq(_Hashes):
    """PDQ, by pdqhash."""

    package = "pdqhash"
    bits = 256

    def hash(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        bits, _quality = self.module.compute(pixels)
        return np.asarray(bits, bool)
