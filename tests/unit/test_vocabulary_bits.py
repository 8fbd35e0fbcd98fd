"""Vocabularies of binary descriptors."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kpsearch.vocabulary import Metric, Vocabulary
from kpsearch.vocabulary.kmeans import k_majority, train_tree
from tests.vocabularies import assert_same, bits_of, trained_on_bits


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return trained_on_bits(bits_of(3000), 64)


def hamming(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, d), (m, d) -> (n, m)"""
    return np.bitwise_count(one[:, None, :] ^ other[None]).sum(axis=2, dtype=np.int64)


def test_words_of_bits_are_as_long_as_the_descriptors(vocabulary):
    assert vocabulary.tree.metric is Metric.HAMMING
    assert vocabulary.tree.leaves.shape[1] == 32
    assert 32 <= len(vocabulary) <= 64


def test_most_bits_find_their_nearest_leaf_through_three_branches(vocabulary):
    descriptors = bits_of(500, seed=3)
    found = vocabulary.quantise(descriptors, assignments=3).ids[:, 0]
    distances = hamming(descriptors, vocabulary.tree.leaves)
    hit = distances[np.arange(500), found] == distances.min(axis=1)
    assert hit.mean() > 0.9


def test_training_on_bits_twice_or_in_several_processes_gives_the_same(vocabulary):
    assert_same(trained_on_bits(bits_of(3000), 64), vocabulary)
    assert_same(trained_on_bits(bits_of(3000), 64, n_jobs=2), vocabulary)
    with threadpool_limits(limits=1):
        assert_same(trained_on_bits(bits_of(3000), 64), vocabulary)


def test_another_seed_gives_another_vocabulary_of_bits(vocabulary):
    other = trained_on_bits(bits_of(3000), 64, seed=1)
    assert not np.array_equal(other.tree.branches, vocabulary.tree.branches)


def test_k_majority_lowers_the_error_of_random_centroids():
    points = bits_of(2000)
    moved = k_majority(points, 40, 10, seed=0)
    assert hamming(points, moved).min(axis=1).mean() < (
        0.9 * hamming(points, points[:40]).min(axis=1).mean()
    )


def test_planted_kinds_of_bits_have_a_leaf_each():
    kinds = np.random.default_rng(5).integers(0, 256, (6, 32), dtype=np.uint8)
    points = np.repeat(kinds, 200, axis=0)
    tree = train_tree(
        points, 36, metric=Metric.HAMMING, iterations=10, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(tree.leaves[tree.assign(points)[:, 0]], points)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_vocabulary_of_hardly_any_bits_still_quantises(n):
    vocabulary = trained_on_bits(bits_of(n).reshape(n, 32), 64)
    words = vocabulary.quantise(bits_of(10, seed=4), assignments=3)
    assert words.ids.shape == (10, 3)
    assert words.ids.max(initial=0) < len(vocabulary)


def test_near_bits_have_nearer_signatures_than_unrelated_ones_of_their_word(vocabulary):
    descriptors = bits_of(3000, seed=6)
    few = np.random.default_rng(7).random((3000, 256)) < 0.03
    noisy = descriptors ^ np.packbits(few, axis=1)
    word = vocabulary.quantise(descriptors).ids
    signature = vocabulary.embedding.signatures(descriptors, word)[:, 0]
    near = np.bitwise_count(signature ^ vocabulary.embedding.signatures(noisy, word)[:, 0])
    order = np.argsort(word[:, 0], kind="stable")
    same = word[order[:-1], 0] == word[order[1:], 0]
    far = np.bitwise_count(signature[order[:-1]] ^ signature[order[1:]])[same]
    assert np.percentile(near, 95) < np.percentile(far, 5)


def test_the_chance_of_a_distance_has_the_median_of_all_pairs_of_a_word(vocabulary):
    descriptors = bits_of(3000)
    word = vocabulary.quantise(descriptors).ids[:, 0]
    signature = vocabulary.embedding.signatures(descriptors, word[:, None])[:, 0]
    distances = [
        np.bitwise_count(own[:, None] ^ own[None])[np.triu_indices(len(own), 1)]
        for own in (signature[word == w] for w in range(len(vocabulary)))
    ]
    median = np.median(np.concatenate(distances))
    assert abs(np.searchsorted(vocabulary.chance, 0.5) - median) <= 2
