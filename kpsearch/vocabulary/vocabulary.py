"""A vocabulary: visual words, signatures within them, and what chance looks like in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.types import Words
from kpsearch.vocabulary.bit_selection import select_bits
from kpsearch.vocabulary.chance import chance_of_distance
from kpsearch.vocabulary.embedding import Embedding, train_embedding
from kpsearch.vocabulary.kmeans import train_tree
from kpsearch.vocabulary.tree import Metric, Tree

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import VocabularyOptions

MAX_WORDS = 65_536
KEYPOINTS_A_WORD = 192
"""Keeps a vocabulary of 196 bytes a word at about a byte a keypoint of a small catalogue."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Trained once, shared by every segment of an index and by any index that asks for it."""

    tree: Tree
    embedding: Embedding
    chance: npt.NDArray[np.float64]
    """(65,): P(distance ≤ h) for two unrelated descriptors of one word."""
    extractor: str
    """The extractor whose descriptors it was trained on."""
    seed: int = 0
    words_asked: int = 0
    """What training was asked for; as many are found but for rounding and repeats."""

    def __len__(self) -> int:
        return len(self.tree.leaves)

    def quantise(self, descriptors: npt.NDArray[np.uint8], *, assignments: int = 1) -> Words:
        """Visual words and signatures of (n, d) descriptors.

        With several ``assignments`` as many branches are searched, and their nearest words
        are given, nearest first.
        """
        ids = self.tree.assign(descriptors, words=assignments, branches=assignments)
        return Words(ids, self.embedding.signatures(descriptors, ids))


EMBEDDERS: dict[Metric, Callable[..., Embedding]] = {
    Metric.EUCLIDEAN: train_embedding,
    Metric.HAMMING: select_bits,
}
"""What the signatures of each metric's descriptors are made by."""


def words_for(keypoints: int) -> int:
    """The number of words for a collection of so many keypoints."""
    return int(np.clip(keypoints // KEYPOINTS_A_WORD, 16, MAX_WORDS))


def train_vocabulary(
    descriptors: npt.NDArray[np.uint8],
    words: int,
    options: VocabularyOptions,
    *,
    extractor: str,
    metric: Metric = Metric.EUCLIDEAN,
    n_jobs: int = 1,
) -> Vocabulary:
    """A vocabulary of at most ``words`` words from (n, d) descriptors, compared by ``metric``.

    The same descriptors and seed give the same vocabulary, whatever ``n_jobs``.
    """
    rng = np.random.default_rng(options.seed)
    if len(descriptors) == 0:
        descriptors = np.zeros((1, max(descriptors.shape[1], 1)), np.uint8)
    tree = train_tree(
        descriptors, words, metric=metric, iterations=options.iterations, rng=rng, n_jobs=n_jobs
    )
    word = np.concatenate(
        [tree.assign(block)[:, 0] for block in _blocks(descriptors)], dtype=np.uint32
    )
    embedding = EMBEDDERS[metric](descriptors, word, tree.leaves, rng)
    chance = chance_of_distance(embedding, descriptors, word, rng)
    return Vocabulary(tree, embedding, chance, extractor, options.seed, words)


def _blocks(descriptors: npt.NDArray[np.uint8], size: int = 16384) -> list[npt.NDArray[np.uint8]]:
    return [descriptors[low : low + size] for low in range(0, len(descriptors), size)]
