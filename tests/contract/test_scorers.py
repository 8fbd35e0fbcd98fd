"""What every scorer promises, whatever it ranks by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.index import IndexWriter, Keypoints, Snapshot
from kpsearch.options import ScoringOptions
from kpsearch.scoring import BURSTINESS, SCORERS
from kpsearch.search import Searcher
from kpsearch.search.matching import match_query, score_images
from kpsearch.types import Words
from tests.indexes import WORDS, Indexed, random_keypoints, record, write_index
from tests.memory import MemoryStorage

PLANTED = np.random.default_rng(7).integers(0, 2**64, 5, dtype=np.uint64)

every_scorer = pytest.mark.parametrize("name", SCORERS.names())
few_examples = settings(max_examples=10, derandomize=True, deadline=None)


def near_planted(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Signatures that meet: one of five, with one or two bits flipped."""
    flips = np.uint64(1) << rng.integers(0, 64, (2, *shape), dtype=np.uint64)
    return rng.choice(PLANTED, shape) ^ flips[0] ^ flips[1]


def catalogue(counts: Sequence[int], seed: int) -> list[Indexed]:
    rng = np.random.default_rng(seed)
    return [
        (
            record(f"/{number}.jpg"),
            replace(random_keypoints(rng, count), signature=near_planted(rng, (count,))),
        )
        for number, count in enumerate(counts)
    ]


def query_words(count: int, seed: int, assignments: int = 2) -> Words:
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.permutation(WORDS)[:assignments] for _ in range(count)])
    return Words(ids.astype(np.uint32), near_planted(rng, (count, assignments)))


def no_words() -> Words:
    return Words(np.empty((0, 2), np.uint32), np.empty((0, 2), np.uint64))


def scores_of(
    snapshot: Snapshot,
    words: Words,
    options: ScoringOptions,
    *,
    excluded: Sequence[str] = (),
    groups: np.ndarray | None = None,
) -> dict[str, float]:
    """The score of every live image, by path."""
    searcher = Searcher(snapshot)
    scorer, facts = searcher.scorer(options), searcher.facts
    barred = ~snapshot.live
    barred[[snapshot.find(path) for path in excluded]] = True
    found, _ = match_query(snapshot, words, scorer, facts, barred)
    scores = score_images(found, words, scorer, barred, groups)
    assert scores.dtype == np.float64
    assert scores.shape == (snapshot.slots,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert not scores[barred].any()
    return {
        snapshot.record(slot).path: float(scores[slot]) for slot in np.flatnonzero(snapshot.live)
    }


def in_batches(images: list[Indexed], batches: int) -> list[list[Indexed]]:
    return [list(images[part::batches]) for part in range(batches)]


counts = st.lists(st.integers(0, 30), min_size=2, max_size=8)
seeds = st.integers(0, 2**31)
ways = st.sampled_from(BURSTINESS.names())


@every_scorer
@few_examples
@given(counts=counts, seed=seeds, batches=st.integers(1, 3), way=ways, grouped=st.booleans())
def test_neither_order_nor_segments_change_a_bit_of_a_score(
    name, counts, seed, batches, way, grouped
):
    options = ScoringOptions(scorer=name, burstiness=way)
    images, words = catalogue(counts, seed), query_words(12, seed)
    groups = np.arange(12) // 2 if grouped else None
    shuffled = [images[i] for i in np.random.default_rng(seed).permutation(len(images))]
    whole = write_index(MemoryStorage(), [images])
    spread = write_index(MemoryStorage(), in_batches(shuffled, batches))
    expected = scores_of(whole, words, options, groups=groups)
    assert scores_of(spread, words, options, groups=groups) == expected


@every_scorer
@few_examples
@given(counts=counts, seed=seeds, way=ways, data=st.data())
def test_a_deleted_image_counts_for_nothing(name, counts, seed, way, data):
    options = ScoringOptions(scorer=name, burstiness=way)
    images, words = catalogue(counts, seed), query_words(12, seed)
    gone = data.draw(st.sets(st.integers(0, len(images) - 1)))
    storage = MemoryStorage()
    write_index(storage, in_batches(images, 2))
    ids = [n // 2 + n % 2 * ((len(images) + 1) // 2) for n in gone]
    with IndexWriter(storage) as writer:
        writer.commit([], removed=ids)
    fresh = write_index(MemoryStorage(), [[x for n, x in enumerate(images) if n not in gone]])
    assert scores_of(Snapshot.of(storage), words, options) == scores_of(fresh, words, options)


@every_scorer
@pytest.mark.parametrize("way", BURSTINESS.names())
def test_an_excluded_image_scores_nothing(name, way):
    images, words = catalogue([20, 20, 20], 3), query_words(12, 3)
    options = ScoringOptions(scorer=name, burstiness=way)
    scores = scores_of(write_index(MemoryStorage(), [images]), words, options, excluded=["/1.jpg"])
    assert scores["/1.jpg"] == 0 < scores["/0.jpg"]


@every_scorer
@pytest.mark.parametrize("way", BURSTINESS.names())
def test_nothing_asked_and_nothing_indexed_score_nothing(name, way):
    options = ScoringOptions(scorer=name, burstiness=way)
    snapshot = write_index(MemoryStorage(), [catalogue([9, 0, 4], 1)])
    assert set(scores_of(snapshot, no_words(), options).values()) == {0.0}
    empty = write_index(MemoryStorage(), [])
    assert scores_of(empty, query_words(5, 1), options) == {}


def one_of_each_word(signatures: np.ndarray) -> Keypoints:
    points = random_keypoints(np.random.default_rng(0), WORDS)
    return replace(points, word=np.arange(WORDS, dtype=np.uint32), signature=signatures)


@every_scorer
@pytest.mark.parametrize("way", BURSTINESS.names())
def test_the_more_of_an_image_a_query_has_the_higher_it_scores(name, way):
    rng = np.random.default_rng(5)
    points = one_of_each_word(rng.integers(0, 2**64, WORDS, dtype=np.uint64))
    others = [(record(f"/other {n}.jpg"), random_keypoints(rng, 5)) for n in range(6)]
    snapshot = write_index(MemoryStorage(), [[(record("/shown.jpg"), points), *others]])
    options = ScoringOptions(scorer=name, burstiness=way)
    scores = []
    for count in range(WORDS + 1):
        words = Words(points.word[:count, None], points.signature[:count, None])
        scores.append(scores_of(snapshot, words, options)["/shown.jpg"])
    assert scores == sorted(scores)
    assert scores[0] == 0 < scores[1] < scores[-1]


@every_scorer
def test_a_group_of_copies_scores_as_one_of_them(name):
    snapshot = write_index(MemoryStorage(), [catalogue([30, 30, 30], 8)])
    options = ScoringOptions(scorer=name)
    words = query_words(4, 8)
    twice = Words(np.repeat(words.ids, 2, axis=0), np.repeat(words.signatures, 2, axis=0))
    expected = scores_of(snapshot, words, options)
    assert scores_of(snapshot, twice, options, groups=np.arange(8) // 2) == expected
    assert max(expected.values()) > 0


@every_scorer
def test_weights_and_false_alarms_of_every_distance_are_usable(name):
    snapshot = write_index(MemoryStorage(), [catalogue([5, 0, 30], 2)])
    scorer = Searcher(snapshot).scorer(ScoringOptions(scorer=name))
    distances = np.arange(65, dtype=np.uint8)
    words, slots = np.arange(65) % WORDS, np.full(65, 2)
    alarms = scorer.false_alarms(words, distances, slots)
    for values in (scorer.weigh(words, distances, slots, alarms), alarms):
        assert values.shape == (65,)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    one_word = np.zeros(65, int)
    alarms = scorer.false_alarms(one_word, distances, slots)
    same_word = scorer.weigh(one_word, distances, slots, alarms)
    assert (np.diff(same_word) <= 0).all()
    assert 0 <= scorer.hamming_threshold <= 64


def test_a_searcher_makes_a_scorer_once():
    searcher = Searcher(write_index(MemoryStorage(), [catalogue([5], 2)]))
    assert searcher.scorer(ScoringOptions()) is searcher.scorer(ScoringOptions())
    assert searcher.scorer(ScoringOptions()) is not searcher.scorer(ScoringOptions(scorer="asmk"))
