import math

import numpy as np
import pytest

from kpsearch.errors import UnknownName
from kpsearch.options import ScoringOptions
from kpsearch.scoring import (
    WEIGHTINGS,
    CollectionFacts,
    best,
    hamming_matches,
    sum_by_image,
    sum_heaviest,
)

EVERY_WEIGHTING = pytest.mark.parametrize("name", WEIGHTINGS.names())


NONE = np.empty(0, np.int64)


def facts() -> CollectionFacts:
    return CollectionFacts(
        word_frequency=np.array([1, 10, 200, 789], np.int64),
        image_length=np.array([20, 300, 680], np.int64),
        chance=np.linspace(1e-6, 1, 65),
        images=3,
    )


def weigh(name: str, words, distances, images, **options) -> list[float]:
    weighting = WEIGHTINGS.resolve(name)(ScoringOptions(weighting=name, **options), facts())
    found = weighting.weigh(np.array(words), np.array(distances, np.uint8), np.array(images))
    assert found.dtype == np.float64
    return found.tolist()


def test_an_unknown_weighting_is_refused_with_the_names_of_the_known():
    with pytest.raises(UnknownName, match=r"'bm25'; known: .*likelihood"):
        WEIGHTINGS.resolve("bm25")


@EVERY_WEIGHTING
def test_a_rarer_word_weighs_more(name):
    weights = weigh(name, [0, 1, 2, 3], [5] * 4, [1] * 4)
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[3]


@EVERY_WEIGHTING
def test_a_match_in_a_shorter_image_weighs_more(name):
    weights = weigh(name, [2] * 3, [5] * 3, [0, 1, 2])
    assert weights[0] > weights[1] > weights[2] > 0


@pytest.mark.parametrize("name", ["likelihood", "hamming"])
def test_a_smaller_distance_weighs_more(name):
    weights = weigh(name, [2] * 65, range(65), [1] * 65)
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 65


def test_tf_idf_takes_every_posting_of_a_word_whatever_its_distance():
    assert len(set(weigh("tfidf", [2] * 65, range(65), [1] * 65))) == 1
    weighting = WEIGHTINGS.resolve("tfidf")(ScoringOptions(hamming_threshold=10), facts())
    assert weighting.hamming_threshold == 64


@EVERY_WEIGHTING
def test_no_matches_weigh_nothing(name):
    assert weigh(name, np.empty(0, int), np.empty(0), np.empty(0, int)) == []


@EVERY_WEIGHTING
def test_weights_are_finite_and_never_negative_in_an_odd_collection(name):
    odd = CollectionFacts(
        word_frequency=np.array([0, 0, 5], np.int64),
        image_length=np.array([0, 5], np.int64),
        chance=np.zeros(65),
        images=2,
    )
    weighting = WEIGHTINGS.resolve(name)(ScoringOptions(), odd)
    words, images = np.array([0, 1, 2, 2]), np.array([0, 1, 0, 1])
    weights = weighting.weigh(words, np.array([0, 64, 30, 1], np.uint8), images)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()


def test_false_alarms_are_the_share_of_the_word_by_the_length_by_the_chance():
    weighting = WEIGHTINGS.resolve("likelihood")(ScoringOptions(), facts())
    found = weighting.false_alarms(np.array([2]), np.array([32], np.uint8), np.array([1]))
    chance = 1e-6 + (1 - 1e-6) / 2
    assert found[0] == pytest.approx(200 / 1000 * 300 * chance)


def test_a_weighting_does_not_write_to_the_facts():
    before = facts()
    weighting = WEIGHTINGS.resolve("likelihood")(ScoringOptions(), before)
    weighting.weigh(np.array([0, 3]), np.array([0, 64], np.uint8), np.array([0, 2]))
    for name in ("word_frequency", "image_length", "chance"):
        np.testing.assert_array_equal(getattr(before, name), getattr(facts(), name))


def test_hamming_with_sigma_is_a_gaussian():
    near, far = weigh("hamming", [2, 2], [0, 16], [1, 1], sigma=16.0)
    assert near == pytest.approx(math.log(0.2) ** 2 / math.sqrt(300))
    assert far / near == pytest.approx(math.exp(-1))


def test_no_lists_and_empty_lists_have_no_matches():
    signatures = np.arange(4, dtype=np.uint64)
    for starts in (np.empty(0, np.uint32), np.array([0, 2, 4], np.uint32)):
        asked = np.zeros(len(starts), np.uint64)
        found = hamming_matches(signatures, starts, starts, asked, 64)
        assert len(found) == len(found.postings) == len(found.distances) == 0


def test_the_threshold_is_inclusive_and_all_bits_count():
    signatures = np.array([0, 1, 1 << 63, 2**64 - 1], np.uint64)
    starts, stops = np.array([0], np.uint32), np.array([4], np.uint32)
    asked = np.zeros(1, np.uint64)
    assert hamming_matches(signatures, starts, stops, asked, 0).postings.tolist() == [0]
    assert hamming_matches(signatures, starts, stops, asked, 1).postings.tolist() == [0, 1, 2]
    found = hamming_matches(signatures, starts, stops, asked, 64)
    assert found.distances.tolist() == [0, 1, 1, 64]


def test_a_list_longer_than_a_block_is_read_whole():
    rng = np.random.default_rng(0)
    signatures = rng.integers(0, 2**64, 200_000, dtype=np.uint64)
    starts, stops = np.array([7, 0, 150_000], np.uint32), np.array([190_000, 3, 199_999], np.uint32)
    asked = rng.integers(0, 2**64, 3, dtype=np.uint64)
    found = hamming_matches(signatures, starts, stops, asked, 24)
    expected = [
        (i, int(low) + int(j))
        for i, (low, high) in enumerate(zip(starts, stops, strict=True))
        for j in np.flatnonzero(np.bitwise_count(signatures[low:high] ^ asked[i]) <= 24)
    ]
    assert list(zip(found.lists.tolist(), found.postings.tolist(), strict=True)) == expected
    assert len(expected) > 1000


def test_only_the_heaviest_match_of_a_keypoint_in_each_image_counts():
    query = np.array([0, 0, 0, 0, 1])
    images = np.array([5, 5, 5, 6, 5])
    weights = np.array([1.0, 3.0, 3.0, 2.0, 0.5])
    assert sum_heaviest(query, images, weights, 7).tolist() == [0, 0, 0, 0, 0, 3.5, 2]
    assert sum_by_image(query, images, weights, 7).tolist() == [0, 0, 0, 0, 0, 7.5, 2]


def test_a_slot_without_matches_scores_nothing():
    scores = sum_by_image(np.zeros(3, int), np.array([2, 0, 2]), np.array([1.0, 2.0, 4.0]), 4)
    assert scores.tolist() == [2, 0, 5, 0]
    assert scores.dtype == np.float64
    assert sum_by_image(NONE, NONE, np.empty(0), 3).tolist() == [0, 0, 0]
    assert sum_heaviest(NONE, NONE, np.empty(0), 0).tolist() == []


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_best_are_the_highest_with_ties_as_told_and_never_a_score_of_nothing(count):
    scores = np.array([0.0, 2.0, 3.0, 2.0, 0.0, 2.0])
    tie = np.array([9, 30, 9, 2**63, 9, 7], np.uint64)
    assert best(scores, count, tie).tolist() == [2, 5, 1, 3][:count]


def test_nothing_is_best_of_nothing():
    assert best(np.empty(0), 5, np.empty(0, np.uint64)).tolist() == []
    assert best(np.zeros(3), 5, np.zeros(3, np.uint64)).tolist() == []
