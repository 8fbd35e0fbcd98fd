from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.evaluation import measure_pair, resized_homography
from kpsearch.evaluation.pairs import descriptor_distances, matching_score, repeatability
from kpsearch.geometry import inverse, project
from kpsearch.types import Features, ImageSize
from tests.textures import similarity, tilt

SIZE = ImageSize(64, 48)
HOMOGRAPHIES = (np.eye(3), tilt(*SIZE), similarity(30, 0.8, about=(30, 20), to=(32, 24)))

homographies = st.sampled_from(HOMOGRAPHIES)
seeds = st.integers(0, 2**32 - 1)
sizes = st.builds(ImageSize, st.integers(1, 3000), st.integers(1, 3000))


def crowded(rng: np.random.Generator) -> Features:
    """Keypoints on whole pixels with few descriptors between them: full of ties."""
    n = int(rng.integers(0, 40))
    return Features(
        xy=rng.integers(0, 40, (n, 2)).astype(np.float32),
        scale=np.ones(n, np.float32),
        angle_rad=np.zeros(n, np.float32),
        response=np.ones(n, np.float32),
        descriptors=rng.integers(0, 4, (n, 2)).astype(np.uint8),
        image_size=SIZE,
    )


@st.composite
def pairs(draw):
    rng = np.random.default_rng(draw(seeds))
    return crowded(rng), crowded(rng)


def scored(pair, homography, tolerance_px):
    """Repeatability and matching score of everything, as if all of it were shared."""
    one, other = pair
    landed = project(homography, one.xy)
    distances = descriptor_distances(one.descriptors, other.descriptors, binary=True)
    return (
        repeatability(landed, other.xy, tolerance_px),
        matching_score(landed, other.xy, distances, tolerance_px),
    )


@settings(max_examples=60)
@given(pairs(), homographies, st.booleans(), seeds)
def test_the_order_of_keypoints_changes_nothing(pair, homography, binary, seed):
    rng = np.random.default_rng(seed)
    shuffled = [each.take(rng.permutation(len(each))) for each in pair]
    assert measure_pair(*shuffled, homography, binary=binary) == measure_pair(
        *pair, homography, binary=binary
    )


@given(pairs(), homographies, st.booleans())
def test_shares_lie_between_zero_and_one_and_correct_matches_are_matches(pair, homography, binary):
    measured = measure_pair(*pair, homography, binary=binary)
    shares = (measured.repeatability, measured.matching_score, measured.precision)
    assert all(0 <= share <= 1 for share in shares)
    assert 0 <= measured.correct <= measured.matched <= min(map(len, pair))
    assert measured.homography_error_px >= 0


@given(pairs(), homographies, st.floats(0, 50), st.floats(0, 50))
def test_a_wider_tolerance_never_lowers_a_score(pair, homography, one_px, other_px):
    narrow, wide = sorted([one_px, other_px])
    before, after = scored(pair, homography, narrow), scored(pair, homography, wide)
    assert before[0] <= after[0]
    assert before[1] <= after[1]


@settings(max_examples=40)
@given(pairs(), homographies, st.floats(0.1, 50))
def test_the_scale_of_the_homographys_numbers_does_not_matter(pair, homography, factor):
    measured = measure_pair(*pair, homography, binary=True)
    for scale in (factor, -factor):
        other = measure_pair(*pair, homography * scale, binary=True)
        assert (other.matched, other.correct) == (measured.matched, measured.correct)
        assert other.repeatability == pytest.approx(measured.repeatability)


@given(pairs(), st.booleans())
def test_distances_are_exactly_those_of_the_plain_loops(pair, binary):
    one, other = (each.descriptors * np.uint8(85) for each in pair)
    found = descriptor_distances(one, other, binary=binary)
    assert found.shape == (len(one), len(other))
    for i, a in enumerate(one.astype(int)):
        for j, b in enumerate(other.astype(int)):
            bits = sum(int(x ^ y).bit_count() for x, y in zip(a, b, strict=True))
            root = math.sqrt(int(((a - b) ** 2).sum()))
            assert found[i, j] == (bits if binary else root)


def resized(points, before, after):
    factor = np.array(after) / np.array(before)
    return (points + 0.5) * factor - 0.5


@settings(max_examples=50)
@given(homographies, sizes, sizes, sizes, sizes, seeds)
def test_resizing_and_projecting_may_change_places(
    homography, one_before, one_after, other_before, other_after, seed
):
    points = np.random.default_rng(seed).random((5, 2)) * SIZE
    changed = resized_homography(homography, (one_before, one_after), (other_before, other_after))
    there = resized(project(homography, points), other_before, other_after)
    found = project(changed, resized(points, one_before, one_after))
    np.testing.assert_allclose(found, there, rtol=1e-6, atol=1e-6)


@given(homographies, sizes, sizes)
def test_resizing_back_gives_the_homography_again(homography, one, other):
    there = resized_homography(homography, (SIZE, one), (SIZE, other))
    back = resized_homography(there, (one, SIZE), (other, SIZE))
    np.testing.assert_allclose(back @ inverse(homography), np.eye(3), atol=1e-6)
