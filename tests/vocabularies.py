"""Descriptors to train vocabularies on, and vocabularies to compare."""

from __future__ import annotations

import numpy as np

from kpsearch.features.encoding import root_shares
from kpsearch.options import VocabularyOptions
from kpsearch.vocabulary import Metric, Vocabulary, train_vocabulary, vocabulary_arrays
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.tree import Tree

TINY = Vocabulary(
    tree=Tree(
        branches=np.array([[0] * 8, [200] * 8], np.uint8),
        leaves=np.array([[0] * 8, [9] * 8, [190] * 8, [210] * 8], np.uint8),
        leaf_start=np.array([0, 2, 4], np.uint32),
    ),
    embedding=HammingEmbedding(np.ones((64, 8), np.int8), np.zeros((4, 64), np.int8)),
    chance=np.linspace(0, 1, 65),
    extractor="sift",
)
"""Four words of eight numbers, in two branches."""


def descriptors_of(n: int, seed: int = 0) -> np.ndarray:
    """(n, 128): as skewed as SIFT's histograms are."""
    histograms = np.random.default_rng(seed).gamma(0.6, size=(n, 128))
    return root_shares(histograms.astype(np.float32))


def trained(descriptors: np.ndarray, words: int, *, seed: int = 0, n_jobs: int = 1) -> Vocabulary:
    options = VocabularyOptions(iterations=4, seed=seed)
    return train_vocabulary(descriptors, words, options, extractor="sift", n_jobs=n_jobs)


def assert_same(one: Vocabulary, other: Vocabulary) -> None:
    theirs = vocabulary_arrays(other)
    for name, array in vocabulary_arrays(one).items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def bits_of(n: int, seed: int = 0, size_bytes: int = 32) -> np.ndarray:
    """(n, d) of 40 kinds; within a kind some bits are flipped at random, some bits never."""
    rng = np.random.default_rng(seed)
    kinds = np.random.default_rng(100).integers(0, 2, (40, 8 * size_bytes), dtype=np.uint8)
    loose = np.linspace(0, 0.4, 8 * size_bytes)
    flips = rng.random((n, 8 * size_bytes)) < loose
    return np.packbits(kinds[rng.integers(0, 40, n)] ^ flips, axis=1)


def trained_on_bits(
    descriptors: np.ndarray, words: int, *, seed: int = 0, n_jobs: int = 1
) -> Vocabulary:
    options = VocabularyOptions(iterations=4, seed=seed)
    return train_vocabulary(
        descriptors, words, options, extractor="orb", metric=Metric.HAMMING, n_jobs=n_jobs
    )
