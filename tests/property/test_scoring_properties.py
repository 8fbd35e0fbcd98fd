import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.options import ScoringOptions
from kpsearch.scoring import (
    BURSTINESS,
    SCORERS,
    CollectionFacts,
    Votes,
    best,
    hamming_matches,
    recurrence,
)
from kpsearch.types import Words


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
    scorer = SCORERS.resolve("likelihood")(ScoringOptions(prior=prior), facts)
    match = np.array([word]), np.array([distance], np.uint8), np.array([image])
    found = scorer.weigh(*match, scorer.false_alarms(*match))
    n = max(int(facts.word_frequency.sum()), 1)
    expected = (
        int(facts.word_frequency[word])
        / n
        * int(facts.image_length[image])
        * float(facts.chance[distance])
    )
    assert found[0] == pytest.approx(math.log1p(prior / max(expected, 1e-300)), rel=1e-9)


@given(collections(), st.sampled_from(SCORERS.names()), st.data())
def test_a_nearer_match_in_a_shorter_image_of_a_rarer_word_never_weighs_less(facts, name, data):
    scorer = SCORERS.resolve(name)(ScoringOptions(scorer=name), facts)

    def ordered(top):
        return sorted(data.draw(st.tuples(st.integers(0, top), st.integers(0, top))))

    words = np.argsort(facts.word_frequency, kind="stable")[ordered(len(facts.word_frequency) - 1)]
    images = np.argsort(facts.image_length, kind="stable")[ordered(len(facts.image_length) - 1)]
    if name in ("hamming", "tfidf") and facts.word_frequency[words].min() == 0:
        return  # its idf is undefined where no keypoint has the word; it counts as 0
    matches = words, np.array(ordered(64), np.uint8), images
    weights = scorer.weigh(*matches, scorer.false_alarms(*matches))
    assert weights[0] >= weights[1] >= 0


matches = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0, 2.25])),
    max_size=40,
).map(sorted)


def votes_of(rows: list[tuple[int, int, float]]) -> Votes:
    query, slots, weights = (np.array([row[i] for row in rows]) for i in range(3))
    return Votes(query.astype(int), slots.astype(int), weights.astype(float))


def discounted(rows, group):
    """w · √(w / t) of each row, t the sum over its group."""
    total = {}
    for row in rows:
        total[group(row)] = total.get(group(row), 0.0) + row[2]
    return [(q, i, w * math.sqrt(w / total[group((q, i, w))]) if w else 0.0) for q, i, w in rows]


def heaviest(rows):
    kept = {}
    for query, image, weight in rows:
        kept[query, image] = max(weight, kept.get((query, image), 0.0))
    return [(*key, weight) for key, weight in kept.items()]


def within(rows):
    return discounted(rows, lambda row: row[:2])


def between(rows):
    return discounted(rows, lambda row: row[0])


PLAIN = {
    "none": list,
    "removal": heaviest,
    "within": within,
    "between": between,
    "both": lambda rows: between(within(rows)),
}


@given(matches, st.sampled_from(BURSTINESS.names()), st.randoms(use_true_random=False))
def test_bursts_are_discounted_as_in_a_plain_loop(rows, way, random):
    random.shuffle(rows)
    counted = PLAIN[way](rows)
    expected = [sum(w for _, image, w in counted if image == i) for i in range(5)]
    assert BURSTINESS.resolve(way)(votes_of(rows), 5).tolist() == pytest.approx(expected)


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


@given(collections(), st.data())
def test_recurrence_is_what_is_seen_over_what_chance_explains(facts, data):
    words = len(facts.word_frequency)
    ids = data.draw(st.lists(st.lists(st.integers(0, words - 1), min_size=2, max_size=2)))
    asked = np.array(ids, np.uint32).reshape(-1, 2)
    threshold = data.draw(st.integers(0, 64))
    pairs = st.tuples(st.integers(0, max(len(asked) - 1, 0)), st.integers(0, threshold))
    seen = data.draw(st.lists(pairs, max_size=30)) if len(asked) else []
    found = recurrence(
        np.array([q for q, _ in seen], np.intp),
        np.array([d for _, d in seen], np.uint8),
        Words(asked, np.zeros(asked.shape, np.uint64)),
        facts,
        threshold,
    )
    assert found.shape == (len(asked), 65)
    for row, own in enumerate(asked):
        compared = int(facts.word_frequency[own].sum())
        for distance in (0, threshold // 2, threshold, 64):
            at = min(distance, threshold)
            near = sum(q == row and d <= at for q, d in seen)
            expected = max(near / (1 + compared * float(facts.chance[at])), 1)
            assert found[row, distance] == pytest.approx(expected)
