"""Near hashes are those that comparing every two finds; in a crowd each picture gets its share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.dedup.matching import hash_neighbours
from kpsearch.dedup.matching.hash_neighbours import BITS, near_hashes, near_hashes_between

Found = dict[tuple[int, int], int]


@st.composite
def clusters(draw) -> np.ndarray:
    """(n,) hashes, many of them a few bits from a few others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 60))
    seeds = rng.integers(0, 2**64, draw(st.integers(1, 5)), dtype=np.uint64)
    hashes = seeds[rng.integers(0, len(seeds), count)]
    for _ in range(draw(st.integers(0, 12))):
        hashes = hashes ^ np.left_shift(np.uint64(1), rng.integers(0, BITS, count, dtype=np.uint64))
    return hashes


def nearest(one: np.ndarray, other: np.ndarray, within: int, most: int, *, itself: bool) -> Found:
    """By a plain loop: pairs of a row and each of its nearest, and the bits between."""
    found = {}
    for a, mine in enumerate(one.tolist()):
        near = sorted(
            ((mine ^ theirs).bit_count(), b)
            for b, theirs in enumerate(other.tolist())
            if (itself or a != b) and (mine ^ theirs).bit_count() <= within
        )
        found.update({(a, b): bits for bits, b in near[:most]})
    return found


def told(pairs: np.ndarray, distances: np.ndarray) -> Found:
    assert pairs.shape == (len(distances), 2)
    assert (pairs.dtype, distances.dtype) == (np.int64, np.uint8)
    rows = [(a, b) for a, b in pairs.tolist()]
    assert rows == sorted(set(rows))
    return dict(zip(rows, distances.tolist(), strict=True))


@settings(deadline=None, max_examples=40)
@given(clusters(), st.integers(0, 20), st.sampled_from([1, 2, 5, 100]))
def test_near_hashes_are_those_of_a_plain_loop(hashes, within, most):
    named = nearest(hashes, hashes, within, most, itself=False)
    expected = {(min(pair), max(pair)): bits for pair, bits in named.items()}
    assert told(*near_hashes(hashes, within, most=most)) == expected


@settings(deadline=None, max_examples=40)
@given(clusters(), clusters(), st.integers(0, 20), st.sampled_from([1, 2, 5, 100]))
def test_near_hashes_of_two_sets_are_those_of_a_plain_loop(batch, fixed, within, most):
    fixed = np.concatenate([fixed, batch[::2] ^ np.uint64(5)])
    found = told(*near_hashes_between(batch, fixed, within, most=most))
    assert found == nearest(batch, fixed, within, most, itself=True)


@pytest.mark.parametrize("parts", [3, 4, 7, 16])
@pytest.mark.parametrize("within", [3, 6])
def test_the_number_of_parts_changes_no_answer(parts, within, monkeypatch):
    monkeypatch.setattr(hash_neighbours, "_parts_for", lambda *_: parts)
    rng = np.random.default_rng(parts)
    hashes = np.repeat(rng.integers(0, 2**64, 100, dtype=np.uint64), 3)
    for _ in range(4):
        hashes[::2] ^= np.left_shift(np.uint64(1), rng.integers(0, BITS, 150, dtype=np.uint64))
    named = nearest(hashes, hashes, within, 500, itself=False)
    assert told(*near_hashes(hashes, within, most=500)) == {
        (min(pair), max(pair)): bits for pair, bits in named.items()
    }


def test_of_a_crowd_of_equal_hashes_each_names_the_first():
    hashes = np.full(1000, 7, np.uint64)
    hashes[500] = 6
    found = told(*near_hashes(hashes, 4, most=3))
    assert found == {
        (min(pair), max(pair)): bits
        for pair, bits in nearest(hashes, hashes, 4, 3, itself=False).items()
    }
    assert len(found) <= 3 * len(hashes)


def test_in_a_crowd_of_different_hashes_everybody_has_neighbours_and_no_more_than_asked_for():
    low = np.arange(1000, dtype=np.uint64)  # 10 bits: all within 10 of each other
    pairs, distances = near_hashes(low, 10, most=4)
    assert set(pairs.ravel().tolist()) == set(range(1000))
    assert len(pairs) <= 4 * 1000
    assert (distances == np.bitwise_count(low[pairs[:, 0]] ^ low[pairs[:, 1]])).all()


def test_no_hash_has_no_neighbour():
    nothing = np.empty(0, np.uint64)
    some = np.array([1, 2], np.uint64)
    for pairs, distances in (
        near_hashes(nothing, 5, most=3),
        near_hashes(some[:1], 5, most=3),
        near_hashes_between(nothing, some, 5, most=3),
        near_hashes_between(some, nothing, 5, most=3),
    ):
        assert (pairs.shape, distances.shape) == ((0, 2), (0,))


@pytest.mark.parametrize(("within", "most"), [(-1, 3), (64, 3), (4, 0)])
def test_what_cannot_be_asked_for_is_refused(within, most):
    with pytest.raises(ValueError, match=f"no {most} neighbours within {within} bits"):
        near_hashes_between(np.zeros(2, np.uint64), np.zeros(2, np.uint64), within, most=most)
