from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kpsearch.vocabulary import Vocabulary, words_for
from kpsearch.vocabulary.chance import chance_of_distance
from kpsearch.vocabulary.embedding import random_projection, train_embedding
from kpsearch.vocabulary.kmeans import lloyd, train_tree
from kpsearch.vocabulary.tree import Tree
from tests.vocabularies import assert_same, descriptors_of, trained


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return trained(descriptors_of(3000), 64)


# Assignment


def test_no_descriptors_have_no_words():
    tree = Tree(np.zeros((1, 3), np.uint8), np.zeros((1, 3), np.uint8), np.array([0, 1], np.uint32))
    assert tree.assign(np.empty((0, 3), np.uint8), words=3, branches=2).shape == (0, 3)


def test_quantising_nothing_gives_well_formed_nothing(vocabulary):
    words = vocabulary.quantise(np.empty((0, 128), np.uint8), assignments=3)
    assert words.ids.shape == words.signatures.shape == (0, 3)
    assert words.ids.dtype == np.uint32
    assert words.signatures.dtype == np.uint64


def test_the_first_of_several_words_is_at_least_as_near_as_the_only_one(vocabulary):
    descriptors = descriptors_of(200, seed=1)
    one = vocabulary.quantise(descriptors, assignments=1).ids[:, 0]
    three = vocabulary.quantise(descriptors, assignments=3).ids

    def distance(words):
        leaves = vocabulary.tree.leaves[words].astype(int)
        return ((leaves - descriptors.astype(int)) ** 2).sum(axis=1)

    assert (distance(three[:, 0]) <= distance(one)).all()
    assert (distance(three[:, 0]) <= distance(three[:, 1])).all()
    assert (distance(three[:, 1]) <= distance(three[:, 2])).all()


def test_each_word_has_the_signature_of_the_descriptor_within_it(vocabulary):
    descriptors = descriptors_of(50, seed=2)
    words = vocabulary.quantise(descriptors, assignments=3)
    for column in range(3):
        alone = vocabulary.embedding.signatures(descriptors, words.ids[:, column : column + 1])
        np.testing.assert_array_equal(words.signatures[:, column], alone[:, 0])


def test_most_descriptors_find_their_nearest_leaf_through_three_branches(vocabulary):
    descriptors = descriptors_of(500, seed=3)
    found = vocabulary.tree.assign(descriptors, branches=3)[:, 0]
    exact = vocabulary.tree.assign(descriptors, branches=len(vocabulary.tree.branches))[:, 0]
    assert (found == exact).mean() > 0.6


# Training


def test_training_twice_gives_the_same_vocabulary():
    assert_same(trained(descriptors_of(600), 40), trained(descriptors_of(600), 40))


def test_another_seed_gives_another_vocabulary():
    one, other = trained(descriptors_of(600), 40), trained(descriptors_of(600), 40, seed=1)
    assert not np.array_equal(one.embedding.projection, other.embedding.projection)
    assert not np.array_equal(one.tree.leaves, other.tree.leaves)


def test_the_number_of_processes_changes_nothing():
    assert_same(trained(descriptors_of(1500), 40), trained(descriptors_of(1500), 40, n_jobs=2))


@pytest.mark.parametrize("threads", [2, 5])
def test_the_number_of_threads_changes_nothing(threads):
    with threadpool_limits(1):
        one = trained(descriptors_of(4000), 64)
    with threadpool_limits(threads):
        other = trained(descriptors_of(4000), 64)
    assert_same(one, other)


def test_a_tree_of_planted_clusters_has_a_leaf_in_each():
    rng = np.random.default_rng(8)
    centres = rng.integers(40, 216, (16, 32))
    points = (centres[:, None] + rng.integers(-3, 4, (16, 60, 32))).reshape(-1, 32)
    tree = train_tree(points.astype(np.uint8), 128, iterations=10, rng=np.random.default_rng(0))
    nearest = tree.assign(centres.astype(np.uint8), branches=len(tree.branches))[:, 0]
    away = np.abs(tree.leaves[nearest].astype(int) - centres).max(axis=1)
    assert (away <= 4).all()


@pytest.mark.parametrize("words", [16, 64, 200])
def test_the_number_of_words_is_about_what_was_asked_for(words):
    found = len(trained(descriptors_of(4000), words))
    assert 0.75 * words <= found <= 1.1 * words


def test_identical_descriptors_make_one_word():
    vocabulary = trained(np.repeat(descriptors_of(1), 500, axis=0), 64)
    assert len(vocabulary) == 1
    words = vocabulary.quantise(descriptors_of(3), assignments=3)
    np.testing.assert_array_equal(words.ids, 0)


def test_few_distinct_descriptors_make_as_many_words():
    distinct = descriptors_of(5)
    vocabulary = trained(np.tile(distinct, (100, 1)), 400)
    assert len(vocabulary) == 5
    np.testing.assert_array_equal(
        np.unique(vocabulary.tree.leaves, axis=0), np.unique(distinct, axis=0)
    )


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_vocabulary_of_hardly_any_descriptors_still_quantises(n):
    vocabulary = trained(descriptors_of(n).reshape(n, 128), 64)
    words = vocabulary.quantise(descriptors_of(10, seed=4), assignments=3)
    assert words.ids.shape == (10, 3)
    assert words.ids.max(initial=0) < len(vocabulary)
    assert np.isfinite(vocabulary.chance).all()


def test_lloyd_lowers_the_error_of_random_centroids():
    points = descriptors_of(2000)

    def error(centroids):
        gaps = points[:, None, :].astype(np.int32) - centroids[None].astype(np.int32)
        return (gaps**2).sum(axis=2).min(axis=1).mean()

    assert error(lloyd(points, 8, 10, seed=0)) < 0.75 * error(points[:8])


def test_words_follow_the_size_of_the_collection():
    assert words_for(0) == 16
    assert words_for(192 * 1000) == 1000
    assert words_for(10**9) == 65_536


# Signatures


def test_projections_are_orthogonal_but_for_rounding():
    rows = random_projection(128, np.random.default_rng(0)).astype(float)
    gram = rows @ rows.T / 256**2
    np.testing.assert_allclose(gram, np.eye(64), atol=0.02)


@pytest.mark.parametrize("dimension", [1, 32, 61])
def test_short_descriptors_have_a_projection_too(dimension):
    rows = random_projection(dimension, np.random.default_rng(0))
    assert rows.shape == (64, dimension)
    assert rows.dtype == np.int8


def test_each_bit_of_a_populous_word_is_set_for_about_half_of_its_descriptors():
    descriptors = descriptors_of(3000, seed=5)
    word = np.zeros(3000, np.uint32)
    centroid = np.rint(descriptors.mean(axis=0, keepdims=True)).astype(np.uint8)
    embedding = train_embedding(descriptors, word, centroid, np.random.default_rng(0))
    signatures = embedding.signatures(descriptors, word[:, None])[:, 0]
    shares = [float(((signatures >> np.uint64(bit)) & np.uint64(1)).mean()) for bit in range(64)]
    assert min(shares) > 0.4
    assert max(shares) < 0.6


def test_near_descriptors_have_nearer_signatures_than_unrelated_ones(vocabulary):
    descriptors = descriptors_of(400, seed=6)
    noise = np.random.default_rng(7).integers(-4, 5, descriptors.shape)
    noisy = np.clip(descriptors + noise, 0, 255).astype(np.uint8)
    word = vocabulary.quantise(descriptors).ids
    near = np.bitwise_count(
        vocabulary.embedding.signatures(descriptors, word)
        ^ vocabulary.embedding.signatures(noisy, word)
    )
    far = np.bitwise_count(
        vocabulary.embedding.signatures(descriptors, word)
        ^ vocabulary.embedding.signatures(descriptors[::-1].copy(), word)
    )
    assert near.max() < np.percentile(far, 5)


def test_the_measured_chance_is_close_to_that_of_all_pairs():
    descriptors = descriptors_of(1200, seed=8)
    word = np.zeros(1200, np.uint32)
    centroid = np.rint(descriptors.mean(axis=0, keepdims=True)).astype(np.uint8)
    embedding = train_embedding(descriptors, word, centroid, np.random.default_rng(0))
    chance = chance_of_distance(embedding, descriptors, word, np.random.default_rng(1))
    signatures = embedding.signatures(descriptors, word[:, None])[:, 0]
    upper = np.triu_indices(1200, 1)
    distances = np.bitwise_count(signatures[upper[0]] ^ signatures[upper[1]])
    measured = np.cumsum(np.bincount(distances, minlength=65)) / len(distances)
    assert np.abs(chance - measured).max() < 0.05
    assert (np.diff(chance) >= 0).all()


def test_true_matches_in_the_sample_do_not_make_small_distances_look_common():
    unrelated = descriptors_of(800, seed=9)
    word = np.zeros(800, np.uint32)
    centroid = np.rint(unrelated.mean(axis=0, keepdims=True)).astype(np.uint8)
    embedding = train_embedding(unrelated, word, centroid, np.random.default_rng(0))
    plain = chance_of_distance(embedding, unrelated, word, np.random.default_rng(1))
    few, many = unrelated[:80], np.repeat(unrelated[:80], 10, axis=0)
    assert len(many) == len(word)
    with_matches = chance_of_distance(embedding, many, word, np.random.default_rng(1))
    alone = chance_of_distance(embedding, few, word[:80], np.random.default_rng(1))
    assert with_matches[8] < 1e-3
    assert plain[8] < 1e-3
    assert abs(with_matches[24] - alone[24]) < 0.1
