"""What perceptual hashes say of all pairs of a set: minus the number of bits that differ.

The peers are Python's imagehash (Buchner; pHash after Zauner 2010) and PDQ (Facebook 2019) by
pdqhash, each used where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dedup_bench.labelled import LabelledSet
from dedup_bench.measures import ScoredPairs
from kpsearch.errors import ImageRejected
from kpsearch.images import read_image
from kpsearch.parallel import map_in_order

Bits = npt.NDArray[np.uint8]
Hash = Callable[[npt.NDArray[np.uint8]], Bits]
"""Of a picture (h, w, 3) RGB: its bits, packed to whole words of 64."""

WIDEST_PX = 1024
"""Pictures are decoded no larger than they need to be."""
BLOCK = 256


class NotInstalled(Exception):
    """The peer's package is missing."""


def _imagehash(name: str, pixels: npt.NDArray[np.uint8]) -> Bits:
    from PIL import Image

    bits = getattr(import_module("imagehash"), name)(Image.fromarray(pixels)).hash
    return np.packbits(np.asarray(bits, np.bool_).ravel())


def _pdq(pixels: npt.NDArray[np.uint8]) -> Bits:
    bits, _quality = import_module("pdqhash").compute(pixels)
    return np.packbits(np.asarray(bits, np.bool_))


PEERS: Mapping[str, tuple[str, Hash]] = MappingProxyType(
    {
        "phash": ("imagehash", partial(_imagehash, "phash")),
        "dhash": ("imagehash", partial(_imagehash, "dhash")),
        "whash": ("imagehash", partial(_imagehash, "whash")),
        "pdq": ("pdqhash", _pdq),
    }
)
"""Package and hash by name. imagehash's crop_resistant_hash is not among them: it takes a picture
several times as long as all of kpsearch's indexing does."""


def hash_scores(name: str, truth: LabelledSet, *, n_jobs: int = 1) -> ScoredPairs:
    """All pairs of a set; raises `NotInstalled`. A picture that cannot be read is 0 bits."""
    package, _ = PEERS[name]
    try:
        import_module(package)
    except ImportError as error:
        raise NotInstalled(f"pip install {package} ({error})") from error
    hashes = list(map_in_order(partial(_of_file, name), truth.paths, n_jobs=n_jobs))
    return all_pairs(truth, np.stack(hashes))


def all_pairs(truth: LabelledSet, hashes: Bits) -> ScoredPairs:
    """(n, bytes) -> every two of n pictures."""
    words = hashes.view(np.uint64)
    keys, scores = [], []
    for low in range(0, len(words), BLOCK):
        block = words[low : low + BLOCK]
        distance = np.bitwise_count(block[:, None] ^ words[None]).sum(axis=2, dtype=np.int64)
        a, b = np.nonzero(np.arange(low, low + len(block))[:, None] < np.arange(len(words)))
        keys.append(truth.keys_of(np.column_stack([a + low, b])))
        scores.append(-distance[a, b].astype(np.float64))
    return ScoredPairs(np.concatenate(keys), np.concatenate(scores))


def _of_file(name: str, path: str) -> Bits:
    try:
        pixels: Any = read_image(path, colour=True, at_least_px=WIDEST_PX).pixels
    except ImageRejected:
        pixels = np.zeros((64, 64, 3), np.uint8)
    _, made = PEERS[name]
    return made(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8))
