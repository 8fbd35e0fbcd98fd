from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kpsearch.errors import IndexDamaged, IndexMismatch, KpsearchError
from kpsearch.features.sift import root_sift
from kpsearch.index.container import pack
from kpsearch.indexing import build_index
from kpsearch.options import VocabularyOptions
from kpsearch.vocabulary import (
    Vocabulary,
    load_vocabulary,
    train_vocabulary,
    unpack_vocabulary,
    vocabulary_arrays,
    words_for,
)
from kpsearch.vocabulary.chance import chance_of_distance
from kpsearch.vocabulary.embedding import HammingEmbedding, random_projection, train_embedding
from kpsearch.vocabulary.kmeans import lloyd, train_tree
from kpsearch.vocabulary.tree import Tree
from tests.textures import encode, textured

ATTRIBUTES = {"kind": "kpsearch vocabulary", "format_version": 1}


def descriptors_of(n: int, seed: int = 0) -> np.ndarray:
    """(n, 128): as skewed as SIFT's histograms are."""
    histograms = np.random.default_rng(seed).gamma(0.6, size=(n, 128))
    return root_sift(histograms.astype(np.float32))


def trained(descriptors: np.ndarray, words: int, *, seed: int = 0, n_jobs: int = 1) -> Vocabulary:
    options = VocabularyOptions(iterations=4, seed=seed)
    return train_vocabulary(descriptors, words, options, extractor="sift", n_jobs=n_jobs)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return trained(descriptors_of(3000), 64)


def assert_same(one: Vocabulary, other: Vocabulary) -> None:
    theirs = vocabulary_arrays(other)
    for name, array in vocabulary_arrays(one).items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


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


# Files


def write(path: Path, vocabulary: Vocabulary, **changed: np.ndarray) -> Path:
    path.write_bytes(pack({**vocabulary_arrays(vocabulary), **changed}, ATTRIBUTES))
    return path


def test_a_vocabulary_read_back_is_the_same_and_quantises_the_same(tmp_path, vocabulary):
    read = load_vocabulary(write(tmp_path / "words.h5", vocabulary))
    assert_same(read, vocabulary)
    assert (read.extractor, read.seed, len(read)) == ("sift", 0, len(vocabulary))
    descriptors = descriptors_of(100, seed=10)
    one, other = (v.quantise(descriptors, assignments=3) for v in (read, vocabulary))
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.signatures, other.signatures)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(KpsearchError, match=r"gone\.h5: no such vocabulary file"):
        load_vocabulary(tmp_path / "gone.h5")
    with pytest.raises(KpsearchError, match="not a kpsearch vocabulary"):
        load_vocabulary(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"not hdf5" * 1000, bytes(range(256)) * 20], ids=range(4)
)
def test_garbage_is_refused_with_the_name_of_the_file(tmp_path, content):
    path = tmp_path / "garbage.h5"
    path.write_bytes(content)
    with pytest.raises(KpsearchError, match=r"garbage\.h5: not a kpsearch vocabulary"):
        load_vocabulary(path)


def test_a_file_cut_short_anywhere_is_refused(tmp_path, vocabulary):
    whole = write(tmp_path / "whole.h5", vocabulary).read_bytes()
    cut = tmp_path / "cut.h5"
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        cut.write_bytes(whole[:length])
        with pytest.raises(KpsearchError):
            load_vocabulary(cut)


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


def text(facts: str) -> np.ndarray:
    return np.frombuffer(facts.encode(), np.uint8)


NOT_FITTING = {
    "leaves of another length": {"leaves": np.zeros((4, 7), np.uint8)},
    "flat leaves": {"leaves": np.zeros(4, np.uint8)},
    "no branch": {
        "branches": np.zeros((0, 8), np.uint8),
        "leaves": np.zeros((0, 8), np.uint8),
        "thresholds": np.zeros((0, 64), np.int8),
        "leaf_start": np.zeros(1, np.uint32),
    },
    "a branch without leaves": {"leaf_start": np.array([0, 0, 4], np.uint32)},
    "starts that go back": {"leaf_start": np.array([0, 2**32 - 1, 4], np.uint32)},
    "starts beyond the leaves": {"leaf_start": np.array([0, 2, 5], np.uint32)},
    "fractional starts": {"leaf_start": np.array([0, 2.5, 4])},
    "floating leaves": {"leaves": np.zeros((4, 8))},
    "too few thresholds": {"thresholds": np.zeros((3, 64), np.int8)},
    "too many bits": {"projection": np.zeros((65, 8), np.int8)},
    "a wide projection": {"projection": np.zeros((64, 8), np.int64)},
    "no chance": {"chance": np.zeros(0)},
    "chance that is not a number": {"chance": np.full(65, np.nan)},
    "chance beyond one": {"chance": np.linspace(0, 2, 65)},
    "facts that are not text": {"facts": np.array([255, 254, 253], np.uint8)},
    "facts without values": {"facts": text("format_version")},
    "another format version": {"facts": text("format_version=2\nextractor=sift\nseed=0")},
    "no format version": {"facts": text("extractor=sift\nseed=0")},
    "no extractor": {"facts": text("format_version=1\nseed=0")},
    "a seed that is no number": {"facts": text("format_version=1\nextractor=sift\nseed=x")},
}


def test_the_tiny_vocabulary_that_is_spoilt_below_is_good_itself(tmp_path):
    assert_same(load_vocabulary(write(tmp_path / "tiny.h5", TINY)), TINY)


@pytest.mark.parametrize("changed", NOT_FITTING.values(), ids=NOT_FITTING)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changed):
    path = write(tmp_path / "odd.h5", TINY, **changed)
    with pytest.raises(KpsearchError, match=r"odd\.h5"):
        load_vocabulary(path)


@pytest.mark.parametrize("changed", NOT_FITTING.values(), ids=NOT_FITTING)
def test_arrays_that_do_not_fit_are_damage_to_an_index(changed):
    arrays = {**vocabulary_arrays(TINY), **changed}
    with pytest.raises(IndexDamaged):
        unpack_vocabulary(arrays.__getitem__)


def rewritten(change: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO(pack(vocabulary_arrays(TINY), ATTRIBUTES))
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def remove_leaves(file: h5py.File) -> None:
    del file["leaves"]


def make_leaves_a_group(file: h5py.File) -> None:
    del file["leaves"]
    file.create_group("leaves")


def make_leaves_text(file: h5py.File) -> None:
    del file["leaves"]
    file["leaves"] = "four words"


def claim_a_petabyte_of_leaves(file: h5py.File) -> None:
    del file["leaves"]
    file.create_dataset("leaves", (1 << 47, 8), np.uint8, chunks=(1, 8))


def link_leaves_to_nowhere(file: h5py.File) -> None:
    del file["leaves"]
    file["leaves"] = h5py.SoftLink("/nowhere")


@pytest.mark.parametrize(
    "change",
    [
        remove_leaves,
        make_leaves_a_group,
        make_leaves_text,
        claim_a_petabyte_of_leaves,
        link_leaves_to_nowhere,
    ],
)
def test_an_hdf5_file_made_to_mislead_is_refused(tmp_path, change):
    path = tmp_path / "hostile.h5"
    path.write_bytes(rewritten(change))
    with pytest.raises(KpsearchError, match=r"hostile\.h5: not a kpsearch vocabulary"):
        load_vocabulary(path)


def test_a_vocabulary_of_another_extractor_is_refused_for_an_index(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.png").write_bytes(encode(textured(0, 120, 90)))
    path = write(tmp_path / "orb.h5", replace(TINY, extractor="orb"))
    with pytest.raises(
        IndexMismatch, match=r"orb\.h5: a vocabulary of orb descriptors, not of sift"
    ):
        build_index([pictures], tmp_path / "index", vocabulary=path)
