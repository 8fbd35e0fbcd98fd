"""Keypoints as those of real pictures are, drawn at random, and those of their copies.

Measured on 750 real pictures (UKBench, and covers, paintings and packs as catalogues have them) by
kpsearch's defaults: the number of keypoints is lognormal, cut at the most that are kept; words are
not equally frequent (in a vocabulary of 16,321 the rarest tenth has a third of the mean, the
commonest hundredth 2.4 times as many); and signatures of unrelated keypoints of one word differ in
32 bits with a deviation of 5, not 4, as their bits are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kpsearch.types import ImageSize

MEAN_LOG_KEYPOINTS, DEVIATION_LOG_KEYPOINTS = 5.914, 0.789
FEWEST_KEYPOINTS, MOST_KEYPOINTS = 20, 1000
WORD_DEVIATION = 0.6
"""Of the logarithm of a word's frequency."""
FREE_BITS = 46
"""Independent bits of a signature; the other 18 repeat some of them."""
SMALLEST_SCALE_PX, OCTAVES = 4.0, 0.8
"""Diameters rise from the smallest by an exponential law of that mean in octaves."""
REPEATED = 0.6
"""Share of the keypoints that are found again in a copy, where it shows them."""
SAME_WORD = 0.7
"""Share of those that keep their word."""
FLIPPED_BITS = (0.08, 0.12)
"""Share of the bits of a signature that a copy changes."""
NOISE_PX, NOISE_OCTAVES, NOISE_RAD = 1.0, 0.1, 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """n keypoints of a picture, the strongest first, as it is and as a mirror shows them."""

    size: ImageSize
    word: npt.NDArray[np.uint32]
    signature: npt.NDArray[np.uint64]
    mirrored_word: npt.NDArray[np.uint32]
    mirrored_signature: npt.NDArray[np.uint64]
    xy: npt.NDArray[np.float64]
    """(n, 2) in pixels."""
    scale: npt.NDArray[np.float64]
    angle_rad: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.word)

    def take(self, rows: npt.NDArray[np.intp]) -> Drawn:
        """The keypoints at ``rows``."""
        return Drawn(self.size, *(array[rows] for array in self._arrays()))

    def and_also(self, other: Drawn, order: npt.NDArray[np.intp]) -> Drawn:
        """These keypoints and others of the same picture, in an order."""
        both = zip(self._arrays(), other._arrays(), strict=True)
        return Drawn(self.size, *(np.concatenate(pair)[order] for pair in both))

    def _arrays(self) -> list[npt.NDArray[Any]]:
        return [
            *(self.word, self.signature, self.mirrored_word, self.mirrored_signature),
            *(self.xy, self.scale, self.angle_rad),
        ]


@dataclass(frozen=True)
class WordLaw:
    """How frequent each of so many words is."""

    words: int
    seed: int

    @cached_property
    def cumulated(self) -> npt.NDArray[np.float64]:
        """(words,) rising to 1."""
        rng = np.random.default_rng([self.seed, 2])
        weight = rng.lognormal(0, WORD_DEVIATION, self.words)
        return np.asarray(np.cumsum(weight) / weight.sum())

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.uint32]:
        """(count,) words."""
        found = np.searchsorted(self.cumulated, rng.random(count), side="right")
        return np.minimum(found, self.words - 1).astype(np.uint32)


def chance_of_distance() -> npt.NDArray[np.float64]:
    """(65,) P(distance ≤ h) of two `random_signatures`: 28 bits alone, 18 that count twice."""
    doubled = 64 - FREE_BITS
    singles = _binomial(FREE_BITS - doubled)
    pairs = np.zeros(2 * doubled + 1)
    pairs[::2] = _binomial(doubled)
    return np.minimum(np.cumsum(np.convolve(singles, pairs)), 1.0)


def _binomial(trials: int) -> npt.NDArray[np.float64]:
    """(trials + 1,) of fair coins."""
    row = np.ones(1)
    for _ in range(trials):
        row = np.convolve(row, (0.5, 0.5))
    return row


def random_signatures(count: int, rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """(count,) whose last bits repeat their first."""
    free = rng.integers(0, 1 << FREE_BITS, count, dtype=np.uint64)
    return free | (free << np.uint64(FREE_BITS))


def flipped(
    signatures: npt.NDArray[np.uint64], share: float, rng: np.random.Generator
) -> npt.NDArray[np.uint64]:
    """Each bit changed with a probability."""
    noise = np.packbits(rng.random((len(signatures), 64)) < share, axis=1, bitorder="little")
    return signatures ^ noise.view("<u8")[:, 0].astype(np.uint64)


def draw_keypoints(law: WordLaw, size: ImageSize, count: int, rng: np.random.Generator) -> Drawn:
    """So many keypoints that are all over the picture."""
    return Drawn(
        size,
        law.draw(count, rng),
        random_signatures(count, rng),
        law.draw(count, rng),
        random_signatures(count, rng),
        rng.random((count, 2)) * size - 0.5,
        SMALLEST_SCALE_PX * 2 ** rng.exponential(OCTAVES, count),
        rng.random(count) * 2 * np.pi,
    )


def draw_count(rng: np.random.Generator) -> int:
    """Of the keypoints of a picture."""
    count = rng.lognormal(MEAN_LOG_KEYPOINTS, DEVIATION_LOG_KEYPOINTS)
    return int(np.clip(count, FEWEST_KEYPOINTS, MOST_KEYPOINTS))


def seen_again(
    drawn: Drawn, law: WordLaw, rng: np.random.Generator, *, same_word: float, flips: float
) -> Drawn:
    """The same keypoints of another file: some words change, and bits of all signatures."""
    kept = rng.random(len(drawn)) < same_word
    return Drawn(
        drawn.size,
        np.where(kept, drawn.word, law.draw(len(drawn), rng)),
        np.where(kept, flipped(drawn.signature, flips, rng), random_signatures(len(drawn), rng)),
        np.where(kept, drawn.mirrored_word, law.draw(len(drawn), rng)),
        np.where(
            kept,
            flipped(drawn.mirrored_signature, flips, rng),
            random_signatures(len(drawn), rng),
        ),
        drawn.xy,
        drawn.scale,
        drawn.angle_rad,
    )
