from __future__ import annotations

import math

import numpy as np
import pytest

from kpsearch.evaluation import measure_pair, resized_homography
from kpsearch.evaluation.pairs import (
    descriptor_distances,
    estimate_homography,
    homography_error,
    landing,
    ratio_matches,
    repeatability,
    within,
)
from kpsearch.geometry import inverse, project
from kpsearch.types import Features, ImageSize
from tests.textures import similarity, tilt

SIZE = ImageSize(320, 240)
TILTED = tilt(*SIZE, strength=0.2)
ZOOMED = similarity(20, 1.5, about=(100, 90), to=(160, 120))
"""Much of one picture is outside the other."""


def features(xy, descriptors, size=SIZE) -> Features:
    n = len(xy)
    return Features(
        xy=np.asarray(xy, np.float32).reshape(n, 2),
        scale=np.ones(n, np.float32),
        angle_rad=np.zeros(n, np.float32),
        response=np.ones(n, np.float32),
        descriptors=np.asarray(descriptors, np.uint8),
        image_size=size,
    )


def scattered(rng: np.random.Generator, n: int, d: int = 16) -> Features:
    """Keypoints anywhere, descriptors of anything."""
    xy = rng.random((n, 2)) * SIZE - 0.5
    return features(xy, rng.integers(256, size=(n, d)))


def seen_again(
    one: Features,
    homography: np.ndarray,
    rng: np.random.Generator,
    *,
    noise_px: float = 1.0,
    flips: float = 0.05,
) -> Features:
    """Keypoints as the other picture has them, somewhat off, and as many that mean nothing."""
    xy = project(homography, one.xy) + rng.normal(0, noise_px, one.xy.shape)
    flipped = np.packbits(rng.random((len(one), one.descriptors.shape[1] * 8)) < flips, axis=1)
    strangers = scattered(rng, len(one), one.descriptors.shape[1])
    moved = features(xy, one.descriptors ^ flipped)
    moved = moved.take(np.flatnonzero(within(moved.xy, SIZE)))
    return features(
        np.concatenate([moved.xy, strangers.xy]),
        np.concatenate([moved.descriptors, strangers.descriptors]),
    )


# The slow way: plain loops over points and descriptors.


def moved_by(homography, point):
    x, y, w = (row[0] * point[0] + row[1] * point[1] + row[2] for row in homography)
    return x / w, y / w


def shown(point, size=SIZE):
    return all(-0.5 <= place < side - 0.5 for place, side in zip(point, size, strict=True))


def nearest_of(rows, columns, distance):
    return {row: min(columns, key=lambda column: distance(row, column)) for row in rows}


def mutual(rows, columns, distance):
    forth = nearest_of(rows, columns, distance)
    back = nearest_of(columns, rows, lambda column, row: distance(row, column))
    return [(row, column) for row, column in forth.items() if back[column] == row]


def shared_by_loops(one, other, homography):
    back = inverse(homography)
    rows = [i for i, point in enumerate(one.xy) if shown(moved_by(homography, point))]
    columns = [j for j, point in enumerate(other.xy) if shown(moved_by(back, point))]
    return rows, columns


def descriptor_distance(one, other, binary):
    pairs = [(int(a), int(b)) for a, b in zip(one, other, strict=True)]
    if binary:
        return sum((a ^ b).bit_count() for a, b in pairs)
    return math.sqrt(sum((a - b) ** 2 for a, b in pairs))


def row_by_row(features):
    """From the top down, as ties are broken."""
    places = features.xy.tolist()
    return features.take(np.array(sorted(range(len(places)), key=lambda i: places[i][::-1])))


def measures_by_loops(one, other, homography, *, binary, tolerance_px=3.0, ratio=0.8):
    one, other = row_by_row(one), row_by_row(other)

    def apart(i, j):
        return math.dist(moved_by(homography, one.xy[i]), other.xy[j])

    def unlike(i, j):
        return descriptor_distance(one.descriptors[i], other.descriptors[j], binary)

    rows, columns = shared_by_loops(one, other, homography)
    smaller = min(len(rows), len(columns))
    repeated = sum(apart(*pair) <= tolerance_px for pair in mutual(rows, columns, apart))
    right = sum(apart(*pair) <= tolerance_px for pair in mutual(rows, columns, unlike))
    everything = range(len(other))
    matched = [
        (i, j)
        for i, j in mutual(range(len(one)), everything, unlike)
        if unlike(i, j) < ratio * sorted(unlike(i, k) for k in everything)[1]
    ]
    correct = sum(apart(*pair) <= tolerance_px for pair in matched)
    return repeated / smaller, right / smaller, len(matched), correct


@pytest.mark.parametrize("homography", [TILTED, ZOOMED], ids=["tilted", "zoomed"])
@pytest.mark.parametrize(("binary", "flips"), [(True, 0.33), (False, 0.2)], ids=["bits", "numbers"])
@pytest.mark.parametrize("seed", range(2))
def test_measures_equal_the_plain_loops(seed, binary, flips, homography):
    rng = np.random.default_rng(seed)
    one = scattered(rng, 35)
    other = seen_again(one, homography, rng, noise_px=2.0, flips=flips)
    measured = measure_pair(one, other, homography, binary=binary)
    expected = measures_by_loops(one, other, homography, binary=binary)
    assert (
        measured.repeatability,
        measured.matching_score,
        measured.matched,
        measured.correct,
    ) == pytest.approx(expected)
    assert 0.1 < measured.matching_score <= measured.repeatability < 1
    assert measured.correct > 0


@pytest.mark.parametrize("binary", [True, False])
def test_the_same_features_under_the_identity_are_all_repeated_and_matched(binary):
    one = scattered(np.random.default_rng(3), 60)
    measured = measure_pair(one, one, np.eye(3), binary=binary)
    assert (measured.repeatability, measured.matching_score, measured.precision) == (1, 1, 1)
    assert measured.homography_error_px == pytest.approx(0, abs=1e-3)


def test_unrelated_descriptors_match_no_better_than_chance():
    rng = np.random.default_rng(4)
    one = scattered(rng, 300)
    other = features(one.xy, rng.integers(256, size=one.descriptors.shape))
    measured = measure_pair(one, other, np.eye(3), binary=True)
    assert measured.repeatability == 1
    assert measured.matching_score < 0.03
    assert measured.correct <= 1


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0)])
def test_no_keypoints_give_zero_and_no_homography(n, m, binary):
    rng = np.random.default_rng(5)
    measured = measure_pair(scattered(rng, n), scattered(rng, m), TILTED, binary=binary)
    assert (measured.repeatability, measured.matching_score, measured.precision) == (0, 0, 0)
    assert (measured.matched, measured.correct) == (0, 0)
    assert measured.homography_error_px == np.inf


def test_pictures_that_share_nothing_give_zero():
    one = scattered(np.random.default_rng(6), 20)
    aside = np.array([[1.0, 0, 1000], [0, 1, 0], [0, 0, 1]])
    measured = measure_pair(one, one, aside, binary=True)
    assert (measured.repeatability, measured.matching_score, measured.precision) == (0, 0, 0)
    assert measured.homography_error_px == np.inf


@pytest.mark.parametrize("binary", [True, False])
def test_a_planted_homography_is_found_among_wrong_matches(binary):
    rng = np.random.default_rng(7)
    one = scattered(rng, 150, d=32)
    measured = measure_pair(one, seen_again(one, TILTED, rng, noise_px=0.5), TILTED, binary=binary)
    assert measured.precision > 0.9
    assert measured.homography_error_px < 0.5


def test_the_homography_found_owes_nothing_to_the_truth():
    rng = np.random.default_rng(8)
    one = scattered(rng, 150, d=32)
    other = seen_again(one, TILTED, rng, noise_px=0.1)
    off = np.array([[1.0, 0, 20], [0, 1, 0], [0, 0, 1]]) @ TILTED
    measured = measure_pair(one, other, off, binary=True)
    assert measured.correct == 0
    assert measured.homography_error_px == pytest.approx(20, abs=0.5)


def test_keypoints_that_the_other_picture_does_not_show_count_for_nothing():
    rng = np.random.default_rng(9)
    one = scattered(rng, 200)
    other = seen_again(one, ZOOMED, rng)
    rows = np.flatnonzero(within(landing(one.xy, ZOOMED, SIZE), SIZE))
    columns = np.flatnonzero(within(landing(other.xy, inverse(ZOOMED), SIZE), SIZE))
    assert len(rows) < 0.7 * len(one)
    assert len(columns) < len(other)
    whole = measure_pair(one, other, ZOOMED, binary=True)
    part = measure_pair(one.take(rows), other.take(columns), ZOOMED, binary=True)
    assert part.repeatability == whole.repeatability
    assert part.matching_score == whole.matching_score


def test_a_keypoint_beyond_the_horizon_lands_nowhere():
    tipped = np.array([[1.0, 0, 0], [0, 1, 0], [0.01, 0, -0.5]])  # horizon at x = 50
    landed = landing(np.array([[10.0, 5], [50, 5], [150, 30]]), tipped, SIZE)
    assert np.isnan(landed[:2]).all()
    assert landed[2] == pytest.approx([150, 30])
    same = landing(np.array([[10.0, 5], [50, 5], [150, 30]]), -tipped, SIZE)
    np.testing.assert_allclose(same, landed)


def test_the_edge_pixels_of_a_picture_are_within_it():
    xy = np.array([[-0.5, -0.5], [319.4, 239.4], [-0.6, 0], [0, 239.5], [np.nan, 0]])
    assert within(xy, SIZE).tolist() == [True, True, False, False, False]


def test_a_keypoint_at_the_tolerance_is_repeated_and_one_beyond_is_not():
    here, there = np.array([[10.0, 10], [100, 50]]), np.array([[13.0, 10], [100, 53.5]])
    assert repeatability(here, there, 3) == 0.5
    assert repeatability(here, there, 3.5) == 1


def test_two_keypoints_never_share_a_partner():
    here, there = np.array([[10.0, 10], [11, 10]]), np.array([[10.0, 10], [200, 100]])
    assert repeatability(here, there, 3) == 0.5


def test_a_place_described_in_two_orientations_is_repeated_once():
    here = np.array([[10.0, 10], [10, 10], [60, 60]])
    assert repeatability(here, here[:1], 3) == 1
    assert repeatability(here, np.array([[10.0, 10], [90, 90]]), 3) == 0.5


def test_distances_of_descriptors_worked_by_hand():
    one, other = np.array([[0, 255]], np.uint8), np.array([[255, 255], [1, 254]], np.uint8)
    assert descriptor_distances(one, other, binary=True).tolist() == [[8, 2]]
    numbers = descriptor_distances(one, other, binary=False)
    assert numbers.tolist() == [[255, math.sqrt(2)]]


def test_the_ratio_test_refuses_what_has_no_clear_second():
    assert ratio_matches(np.array([[1.0, 2]]), ratio=0.8).tolist() == [[0, 0]]
    assert ratio_matches(np.array([[4.0, 5]]), ratio=0.8).tolist() == []
    assert ratio_matches(np.array([[0.0, 0]]), ratio=0.8).tolist() == []
    assert ratio_matches(np.array([[1.0]]), ratio=0.8).tolist() == []


def test_three_matches_or_points_on_a_line_give_no_homography():
    line = np.arange(40, dtype=np.float32)[:, None] * [1, 2]
    assert estimate_homography(line[:3], line[:3], 3.0) is None
    found = estimate_homography(line, line, 3.0)
    assert homography_error(found, np.eye(3), SIZE, SIZE) > 3


def test_the_error_of_a_shift_is_its_length():
    shift = np.array([[1.0, 0, 3], [0, 1, 4], [0, 0, 1]])
    assert homography_error(shift, np.eye(3), SIZE, SIZE) == pytest.approx(5)


def test_the_error_is_measured_at_the_corners_of_the_shared_part():
    half = np.array([[1.0, 0, -160], [0, 1, 0], [0, 0, 1]])
    wider = half @ np.diag([1.1, 1, 1])
    # The other picture shows x from 159.5 to 319.5 of one; a tenth of that is the error.
    assert homography_error(wider, half, SIZE, SIZE) == pytest.approx((15.95 + 31.95) / 2)


def test_a_homography_that_folds_the_picture_has_no_finite_error():
    folded = np.array([[1.0, 0, 0], [0, 1, 0], [0.01, 0, -0.5]])
    assert homography_error(folded, np.eye(3), SIZE, SIZE) == np.inf
    assert homography_error(None, np.eye(3), SIZE, SIZE) == np.inf


def test_halving_both_pictures_keeps_the_corners_of_pixels_together():
    shift = np.array([[1.0, 0, 8], [0, 1, -6], [0, 0, 1]])
    sizes = (ImageSize(320, 240), ImageSize(160, 120))
    halved = resized_homography(shift, sizes, sizes)
    np.testing.assert_allclose(halved, [[1, 0, 4], [0, 1, -3], [0, 0, 1]], atol=1e-12)
    one_only = resized_homography(np.eye(3), sizes, (sizes[0], sizes[0]))
    np.testing.assert_allclose(project(one_only, np.array([[-0.5, -0.5]])), [[-0.5, -0.5]])
    np.testing.assert_allclose(project(one_only, np.array([[0.0, 0.0]])), [[0.5, 0.5]])
