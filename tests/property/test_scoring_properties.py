import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.options import ScoringOptions
from kpsearch.scoring import (
    WEIGHTINGS,
    CollectionFacts,
    best,
    hamming_matches,
    sum_by_image,
    sum_heaviest,
)


@st.composite
def posting_lists(draw):
    """Signatures, lists in them that may be empty, overlap or repeat, and what is asked for."""
    n = draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    planted = rng.integers(0, 2**64, 3, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, n, dtype=np.uint64)
    signatures = rng.choice(planted, n) ^ flips if n else np.empty(0, np.uint64)
    bounds = draw(st.lists(st.tuples(st.integers(0, n), st.integers(0, n)), max_size=12))
    starts = np.array([min(pair) for pair in bounds], np.uint32)
    stops = np.array([max(pair) for pair in bounds], np.uint32)
    return signatures, starts, stops, rng.choice(planted, len(bounds)).astype(np.uint64)


@given(posting_lists(), st.integers(0, 64), st.sampled_from([1, 7, 16, 1 << 16]))
def test_matches_are_all_postings_within_the_threshold_in_order(lists, threshold, block):
    signatures, starts, stops, asked = lists
    expected = [
        (i, j, distance)
        for i in range(len(starts))
        for j in range(int(starts[i]), int(stops[i]))
        if (distance := (int(signatures[j]) ^ int(asked[i])).bit_count()) <= threshold
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kpsearch.scoring.kernels.BLOCK_POSTINGS", block)
        found = hamming_matches(signatures, starts, stops, asked, threshold)
    columns = (found.lists.tolist(), found.postings.tolist(), found.distances.tolist())
    assert list(zip(*columns, strict=True)) == expected
    assert found.distances.dtype == np.uint8


@st.composite
def collections(draw):
    words = draw(st.integers(1, 6))
    frequency = draw(st.lists(st.integers(0, 1000), min_size=words, max_size=words))
    length = draw(st.lists(st.integers(0, 2000), min_size=1, max_size=5))
    steps = draw(st.lists(st.floats(0, 1), min_size=65, max_size=65))
    chance = np.cumsum(steps) / max(sum(steps), 1.0)
    return CollectionFacts(np.array(frequency), np.array(length), chance, len(length))


@given(collections(), st.floats(1e-6, 0.5), st.data())
def test_the_likelihood_is_the_formula_of_its_docstring(facts, prior, data):
    word = data.draw(st.integers(0, len(facts.word_frequency) - 1))
    image = data.draw(st.integers(0, len(facts.image_length) - 1))
    distance = data.draw(st.integers(0, 64))
    weighting = WEIGHTINGS.resolve("likelihood")(ScoringOptions(prior=prior), facts)
    found = weighting.weigh(np.array([word]), np.array([distance], np.uint8), np.array([image]))
    n = max(int(facts.word_frequency.sum()), 1)
    expected = (
        int(facts.word_frequency[word])
        / n
        * int(facts.image_length[image])
        * float(facts.chance[distance])
    )
    assert found[0] == pytest.approx(math.log1p(prior / max(expected, 1e-300)), rel=1e-9)


@given(collections(), st.sampled_from(WEIGHTINGS.names()), st.data())
def test_a_nearer_match_in_a_shorter_image_of_a_rarer_word_never_weighs_less(facts, name, data):
    weighting = WEIGHTINGS.resolve(name)(ScoringOptions(weighting=name), facts)

    def ordered(top):
        return sorted(data.draw(st.tuples(st.integers(0, top), st.integers(0, top))))

    words = np.argsort(facts.word_frequency, kind="stable")[ordered(len(facts.word_frequency) - 1)]
    images = np.argsort(facts.image_length, kind="stable")[ordered(len(facts.image_length) - 1)]
    if name != "likelihood" and facts.word_frequency[words].min() == 0:
        return  # its idf is undefined where no keypoint has the word; it counts as 0
    weights = weighting.weigh(words, np.array(ordered(64), np.uint8), images)
    assert weights[0] >= weights[1] >= 0


matches = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0, 2.25])),
    max_size=40,
).map(sorted)


@given(matches, st.randoms(use_true_random=False))
def test_an_image_scores_the_heaviest_match_of_each_keypoint(rows, random):
    random.shuffle(rows)
    query, images, weights = (np.array([row[i] for row in rows]) for i in range(3))
    found = sum_heaviest(query.astype(int), images.astype(int), weights.astype(float), 5).tolist()
    heaviest = {}
    for keypoint, image, weight in rows:
        heaviest[keypoint, image] = max(weight, heaviest.get((keypoint, image), 0.0))
    expected = [sum(w for (_, image), w in heaviest.items() if image == i) for i in range(5)]
    assert found == expected


@given(matches, st.integers(5, 8))
def test_a_score_is_the_sum_of_the_weights_of_an_image(rows, slots):
    images = np.array([row[1] for row in rows], np.int64)
    weights = np.array([row[2] for row in rows], np.float64)
    expected = [sum(row[2] for row in rows if row[1] == slot) for slot in range(slots)]
    assert sum_by_image(images, images, weights, slots).tolist() == expected


@given(
    st.lists(st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(0, 100)), max_size=40),
    st.integers(1, 45),
    st.integers(0, 2**32),
)
def test_the_best_equal_the_start_of_a_full_sort(scores, count, seed):
    tie = np.random.default_rng(seed).permutation(len(scores)).astype(np.uint64)
    positive = [i for i, score in enumerate(scores) if score > 0]
    ranked = sorted(positive, key=lambda i: (-scores[i], tie[i]))
    assert best(np.array(scores, np.float64), count, tie).tolist() == ranked[:count]
