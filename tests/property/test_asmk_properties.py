"""ASMK* against a plain reading of the paper, over dictionaries and bits."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.index import Keypoints, Snapshot
from kpsearch.options import ScoringOptions
from kpsearch.scoring import Votes
from kpsearch.scoring.aggregation import majority
from kpsearch.scoring.asmk import selectivity
from kpsearch.search import Searcher
from kpsearch.types import Words
from tests.indexes import WORDS, random_keypoints, record, write_index
from tests.memory import MemoryStorage

NO_VOTES = Votes(np.empty(0, int), np.empty(0, int), np.empty(0))


def plain_majority(signatures: list[int]) -> int:
    merged = 0
    for bit in range(64):
        votes = sum(1 if s >> bit & 1 else -1 for s in signatures)
        if votes > 0 or (votes == 0 and signatures[0] >> bit & 1):
            merged |= 1 << bit
    return merged


def aggregates(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """One signature a word, of (word, signature) pairs."""
    runs = defaultdict(list)
    for word, signature in pairs:
        runs[word].append(signature)
    return {word: plain_majority(run) for word, run in runs.items()}


def plain_asmk(
    query: list[tuple[int, int]],
    images: list[list[tuple[int, int]]],
    alpha: float,
    threshold: float,
) -> list[float]:
    """K of the query and each image: Tolias, Avrithis & Jégou 2013."""
    indexed = [aggregates(pairs) for pairs in images]
    containing = Counter(word for image in indexed for word in image)
    idf = {word: math.log(len(images) / n) ** 2 for word, n in containing.items()}

    def norm(words):
        return math.sqrt(sum(idf.get(word, 0.0) for word in words))

    asked = aggregates(query)
    scores = []
    for image in indexed:
        total = 0.0
        for word in asked.keys() & image.keys():
            similar = 1 - 2 * (asked[word] ^ image[word]).bit_count() / 64
            total += idf[word] * similar**alpha if similar > threshold else 0.0
        scores.append(total / (norm(asked) * norm(image)) if total else 0.0)
    return scores


def clumped(rng: np.random.Generator, count: int) -> Keypoints:
    """Signatures near one of two, so that aggregates are like and unlike; three of the words."""
    centres = np.array([0x0123456789ABCDEF, 0xFEDCBA9876543210], np.uint64)
    noise = rng.integers(0, 2**64, (3, count), dtype=np.uint64)
    signatures = rng.choice(centres, count) ^ (noise[0] & noise[1] & noise[2])
    words = rng.permutation(WORDS).astype(np.uint32)[rng.integers(0, 3, count)]
    return replace(random_keypoints(rng, count), word=words, signature=signatures)


def pairs_of(points: Keypoints) -> list[tuple[int, int]]:
    return list(zip(points.word.tolist(), points.signature.tolist(), strict=True))


def catalogue(counts: list[int], seed: int) -> tuple[Snapshot, list[Keypoints]]:
    rng = np.random.default_rng(seed)
    points = [clumped(rng, count) for count in counts]
    images = [(record(f"/{n}.jpg"), p) for n, p in enumerate(points)]
    return write_index(MemoryStorage(), [images[:2], images[2:]]), points


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 60), min_size=3, max_size=6),
    st.integers(0, 2**31),
    st.integers(1, 3),
    st.sampled_from([(3.0, 0.0), (1.0, 0.0), (3.0, 0.5)]),
)
def test_scores_are_those_of_a_plain_loop(counts, seed, assignments, chosen):
    snapshot, points = catalogue(counts, seed)
    rng = np.random.default_rng(seed + 1)
    asked = clumped(rng, 15 * assignments)
    words = Words(asked.word.reshape(-1, assignments), asked.signature.reshape(-1, assignments))
    alpha, threshold = chosen
    options = ScoringOptions(scorer="asmk", alpha=alpha, similarity_threshold=threshold)
    found = Searcher(snapshot).scorer(options).score(NO_VOTES, words)
    expected = plain_asmk(pairs_of(asked), [pairs_of(p) for p in points], alpha, threshold)
    assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_an_image_is_as_similar_to_itself_as_can_be():
    snapshot, points = catalogue([40, 30, 6], 4)
    scorer = Searcher(snapshot).scorer(ScoringOptions(scorer="asmk"))
    for slot, own in enumerate(points):
        scores = scorer.score(NO_VOTES, Words(own.word[:, None], own.signature[:, None]))
        assert scores[slot] == pytest.approx(1.0)
        assert scores[slot] == scores.max()


def test_where_a_block_of_postings_ends_changes_no_bit_of_a_score():
    snapshot, points = catalogue([50, 60, 70, 5], 11)
    words = Words(points[3].word[:, None], points[3].signature[:, None])
    whole = Searcher(snapshot).scorer(ScoringOptions(scorer="asmk")).score(NO_VOTES, words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kpsearch.search.matching.BLOCK_POSTINGS", 1)
        pieces = Searcher(snapshot).scorer(ScoringOptions(scorer="asmk")).score(NO_VOTES, words)
    assert pieces.tolist() == whole.tolist()
    assert whole.max() > 0


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(0, 2**31))
def test_a_majority_is_taken_bit_by_bit_and_a_tie_goes_to_the_first(lengths, seed):
    rng = np.random.default_rng(seed)
    signatures = rng.integers(0, 2**64, sum(lengths), dtype=np.uint64)
    starts = np.cumsum([0, *lengths], dtype=int)[:-1]
    expected = [
        plain_majority(signatures[low : low + length].tolist())
        for low, length in zip(starts, lengths, strict=True)
    ]
    assert majority(signatures, starts).tolist() == expected


@pytest.mark.parametrize("length", [254, 255, 256, 257, 65_535, 65_536, 70_001])
def test_a_run_longer_than_a_byte_counts_is_counted_right(length):
    rng = np.random.default_rng(length)
    signatures = rng.integers(0, 2**64, length + 3, dtype=np.uint64)
    signatures[3:] |= np.uint64(0xFF)
    starts = np.array([0, 3])
    bits = np.unpackbits(signatures[3:].astype("<u8").view(np.uint8).reshape(-1, 8), axis=1)
    twice = 2 * bits.sum(axis=0, dtype=np.int64)
    expected = np.where(twice == length, bits[0], twice > length).astype(np.uint8)
    found = majority(signatures, starts)
    assert found[1] == np.packbits(expected).view("<u8")[0]
    assert found[0] == plain_majority(signatures[:3].tolist())


def test_selectivity_is_zero_from_the_threshold_down_and_a_power_above():
    table = selectivity(3.0, 0.25)
    assert table[0] == 1
    assert table[16] == pytest.approx(0.5**3)
    assert table[24] == 0
    assert table[23] > 0
    assert selectivity(3.0, 0.0)[31:34].tolist() == [pytest.approx((1 / 32) ** 3), 0, 0]
