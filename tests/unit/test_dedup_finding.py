"""Pairs of a whole job: each once, neighbours of neighbours, copies in generated indexes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from kpsearch.dedup.finding import _neighbours_of_neighbours, _unasked, _unique
from kpsearch.dedup.job import Job, _best_of_each
from kpsearch.dedup.matching.catalogue import Catalogue
from kpsearch.dedup.records import Relation
from kpsearch.options import CandidateOptions
from tests.indexes import drawn_sketch, random_images, record, small_vocabulary, write_index
from tests.judged import link

PAIRS = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.booleans()))


def table(pairs) -> np.ndarray:
    return np.array(list(pairs), np.int64).reshape(-1, 3)


@given(PAIRS, PAIRS)
def test_pairs_come_once_rising_and_without_those_asked_before(pairs, asked):
    assert _unique(table(pairs)).tolist() == [list(p) for p in sorted(set(pairs))]
    new = [list(p) for p in sorted(set(pairs) - set(asked))]
    assert _unasked(table(pairs + asked[:2]), table(asked)).tolist() == new


@pytest.fixture
def catalogue(tmp_path):
    return Catalogue(write_index(tmp_path / "index", [random_images([3] * 6)]))


def verified(*pairs: tuple[int, int, bool]) -> dict[str, np.ndarray]:
    a, b, mirrored = (np.array(column) for column in zip(*pairs, strict=True))
    return {"a": a, "b": b, "mirrored": mirrored, "score": np.arange(len(a), dtype=np.float64)}


def test_two_neighbours_of_one_picture_are_compared_in_a_mirror_where_one_of_them_is(catalogue):
    found = verified((0, 1, False), (0, 2, True), (2, 5, True))
    expected = [[0, 5, 0], [1, 2, 1]]
    assert _unique(_neighbours_of_neighbours(found, catalogue)).tolist() == expected


def test_of_two_judgements_the_one_that_says_something_counts():
    variant = link(0, 1, -3.0, Relation.VARIANT)
    nothing = link(0, 1, -1.0, Relation.INSUFFICIENT)
    same = link(0, 1, 0.2, Relation.MIRRORED)
    assert _best_of_each([nothing, variant]) == [variant]
    assert _best_of_each([variant, same, nothing]) == [same]


def moved(keypoints, rng):
    """The keypoints as a copy has them: two thirds of them, shrunk into a corner, bits flipped."""
    rows = np.sort(rng.permutation(len(keypoints))[: 2 * len(keypoints) // 3])
    flips = np.uint64(1) << rng.integers(0, 64, len(rows), dtype=np.uint64)
    copy = replace(
        keypoints,
        word=keypoints.word[rows],
        signature=keypoints.signature[rows] ^ flips,
        x=(keypoints.x[rows] // 2 + 9000).astype(np.uint16),
        y=(keypoints.y[rows] // 2 + 5000).astype(np.uint16),
        scale=(keypoints.scale[rows].astype(np.int64) - 16).clip(0, 255).astype(np.uint8),
        angle=keypoints.angle[rows],
    )
    return replace(copy, sketch=drawn_sketch(copy))


def test_copies_are_found_among_pictures_that_share_nothing(tmp_path):
    rng = np.random.default_rng(5)
    images = random_images([200] * 40, seed=4)
    for number in (3, 17):
        images.append((record(f"/copy{number}.jpg"), moved(images[number][1], rng)))
    same = replace(images[8][0], path="/same.jpg")
    images.append((same, images[8][1]))
    chance = binom.cdf(np.arange(65), 64, 0.5)
    words = replace(small_vocabulary(), chance=chance)
    write_index(tmp_path / "index", [images[:30], images[30:]], vocabulary=words)
    with Job(tmp_path / "index", tmp_path / "job", options=CandidateOptions(most=5)) as job:
        found = job.found
        assert [(pair.a, pair.b) for pair in found.pairs] == [(3, 40), (17, 41)]
        assert all(pair.matched_share > 0.5 for pair in found.pairs)
        assert found.candidates < 5 * 43
        transform = found.pairs[0].transform
        np.testing.assert_allclose(transform[:2, :2], np.eye(2) / 2, atol=0.02)
