import math

import numpy as np
import pytest

from kpsearch.errors import UnknownName, UsageError
from kpsearch.options import ScoringOptions
from kpsearch.scoring import BURSTINESS, SCORERS, CollectionFacts, Votes, best, hamming_matches

EVERY_SCORER = pytest.mark.parametrize("name", SCORERS.names())


def facts() -> CollectionFacts:
    return CollectionFacts(
        word_frequency=np.array([1, 10, 200, 789], np.int64),
        image_length=np.array([20, 300, 680], np.int64),
        chance=np.linspace(1e-6, 1, 65),
        images=3,
    )


def weigh(name: str, words, distances, images, **options) -> list[float]:
    scorer = SCORERS.resolve(name)(ScoringOptions(scorer=name, **options), facts())
    matches = np.array(words), np.array(distances, np.uint8), np.array(images)
    found = scorer.weigh(*matches, scorer.false_alarms(*matches))
    assert found.dtype == np.float64
    return found.tolist()


def test_an_unknown_scorer_is_refused_with_the_names_of_the_known():
    with pytest.raises(UnknownName, match=r"'bm25'; known: .*likelihood"):
        SCORERS.resolve("bm25")


@EVERY_SCORER
def test_a_rarer_word_weighs_more(name):
    weights = weigh(name, [0, 1, 2, 3], [5] * 4, [1] * 4)
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[3]


@EVERY_SCORER
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
    scorer = SCORERS.resolve("tfidf")(ScoringOptions(hamming_threshold=10), facts())
    assert scorer.hamming_threshold == 64


@EVERY_SCORER
def test_no_matches_weigh_nothing(name):
    assert weigh(name, np.empty(0, int), np.empty(0), np.empty(0, int)) == []


@EVERY_SCORER
def test_weights_are_finite_and_never_negative_in_an_odd_collection(name):
    odd = CollectionFacts(
        word_frequency=np.array([0, 0, 5], np.int64),
        image_length=np.array([0, 5], np.int64),
        chance=np.zeros(65),
        images=2,
    )
    scorer = SCORERS.resolve(name)(ScoringOptions(), odd)
    words, images = np.array([0, 1, 2, 2]), np.array([0, 1, 0, 1])
    matches = words, np.array([0, 64, 30, 1], np.uint8), images
    weights = scorer.weigh(*matches, scorer.false_alarms(*matches))
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()


def test_false_alarms_are_the_share_of_the_word_by_the_length_by_the_chance():
    scorer = SCORERS.resolve("likelihood")(ScoringOptions(), facts())
    found = scorer.false_alarms(np.array([2]), np.array([32], np.uint8), np.array([1]))
    chance = 1e-6 + (1 - 1e-6) / 2
    assert found[0] == pytest.approx(200 / 1000 * 300 * chance)


def test_a_scorer_does_not_write_to_the_facts():
    before = facts()
    scorer = SCORERS.resolve("likelihood")(ScoringOptions(), before)
    matches = np.array([0, 3]), np.array([0, 64], np.uint8), np.array([0, 2])
    scorer.weigh(*matches, scorer.false_alarms(*matches))
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


def total(way: str, query, slots, weights, count: int) -> list[float]:
    votes = Votes(np.array(query, int), np.array(slots, int), np.array(weights, float))
    scores = BURSTINESS.resolve(way)(votes, count)
    assert scores.dtype == np.float64
    return scores.tolist()


BURST = ([0, 0, 0, 0, 1], [5, 5, 5, 6, 5], [1.0, 3.0, 3.0, 2.0, 0.5], 7)
"""One query keypoint matches three times in image 5 and once in image 6; another once in 5."""


def test_only_the_heaviest_match_of_a_keypoint_in_each_image_counts():
    assert total("removal", *BURST) == [0, 0, 0, 0, 0, 3.5, 2]
    assert total("none", *BURST) == [0, 0, 0, 0, 0, 7.5, 2]


def test_a_match_is_discounted_by_its_share_of_those_of_its_keypoint_in_its_image():
    in_five = (1 + 3 * math.sqrt(3) + 3 * math.sqrt(3)) / math.sqrt(7) + 0.5
    assert total("within", *BURST) == pytest.approx([0, 0, 0, 0, 0, in_five, 2])


def test_a_match_is_discounted_by_its_share_of_those_of_its_keypoint_in_all_images():
    five = (1 + 3 * math.sqrt(3) + 3 * math.sqrt(3)) / math.sqrt(9) + 0.5
    six = 2 * math.sqrt(2) / math.sqrt(9)
    assert total("between", *BURST) == pytest.approx([0, 0, 0, 0, 0, five, six])


def test_both_discounts_within_images_first():
    within = [w * math.sqrt(w / 7) for w in (1, 3, 3)]
    everywhere = sum(within) + 2
    five = sum(w * math.sqrt(w / everywhere) for w in within) + 0.5
    six = 2 * math.sqrt(2 / everywhere)
    assert total("both", *BURST) == pytest.approx([0, 0, 0, 0, 0, five, six])


@pytest.mark.parametrize("way", ["within", "between"])
def test_equal_matches_count_as_the_root_of_their_number(way):
    assert total(way, [0] * 9, [1] * 9, [2.0] * 9, 3) == pytest.approx([0, 2 * math.sqrt(9), 0])


@pytest.mark.parametrize("way", BURSTINESS.names())
def test_a_slot_without_matches_and_matches_without_weight_score_nothing(way):
    assert total(way, [0, 1, 2], [2, 0, 2], [1.0, 2.0, 4.0], 4) == [2, 0, 5, 0]
    assert total(way, [0, 0], [1, 2], [0.0, 0.0], 3) == [0, 0, 0]
    assert total(way, [], [], [], 3) == [0, 0, 0]
    assert total(way, [], [], [], 0) == []


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"similarity_threshold": 1.0}])
def test_a_selectivity_that_cannot_be_is_refused(bad):
    with pytest.raises(UsageError, match="selectivity"):
        ScoringOptions(**bad)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_best_are_the_highest_with_ties_as_told_and_never_a_score_of_nothing(count):
    scores = np.array([0.0, 2.0, 3.0, 2.0, 0.0, 2.0])
    tie = np.array([9, 30, 9, 2**63, 9, 7], np.uint64)
    assert best(scores, count, tie).tolist() == [2, 5, 1, 3][:count]


def test_nothing_is_best_of_nothing():
    assert best(np.empty(0), 5, np.empty(0, np.uint64)).tolist() == []
    assert best(np.zeros(3), 5, np.zeros(3, np.uint64)).tolist() == []
