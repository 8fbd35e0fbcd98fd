from __future__ import annotations

from math import log10

import cv2
import numpy as np
import pytest

from kpsearch.geometry import (
    Correspondences,
    Frames,
    find_homography,
    is_plausible,
    one_to_one,
    outline,
    project,
    projected_outline,
    refine,
    verify,
)
from kpsearch.geometry.evidence import effective_count, log10_false_alarms
from kpsearch.options import VerificationOptions
from kpsearch.synthetic import CameraOptions, aim
from kpsearch.types import ImageSize
from tests.candidates import agreeing, evidence_of_one, verify_one
from tests.textures import similarity, tilt

SIZE = ImageSize(640, 480)
PRIOR = 1e-3
OPTIONS = VerificationOptions()
FIELDS = ("xy", "scale", "angle_rad")
CHANCE_OF_HOMOGRAPHY = np.pi * OPTIONS.tolerance**2


def frames(rng: np.random.Generator, n: int, size: ImageSize = SIZE) -> Frames:
    """Keypoints anywhere, of any scale, any way up."""
    return Frames(
        (rng.random((n, 2)) * size - 0.5).astype(np.float32),
        np.exp2(rng.uniform(1, 5, n)).astype(np.float32),
        rng.uniform(0, 2 * np.pi, n).astype(np.float32),
    )


def moved(these: Frames, matrix: np.ndarray, noise_px: float, rng: np.random.Generator) -> Frames:
    """Keypoints as a similarity takes them."""
    zoom = np.sqrt(np.linalg.det(matrix[:2, :2]))
    turn = np.arctan2(matrix[1, 0], matrix[0, 0])
    xy = project(matrix, these.xy) + rng.normal(0, noise_px, these.xy.shape)
    return Frames(
        xy.astype(np.float32),
        (these.scale * zoom).astype(np.float32),
        ((these.angle_rad + turn) % (2 * np.pi)).astype(np.float32),
    )


def joined(one: Frames, other: Frames) -> Frames:
    return Frames(
        np.concatenate([one.xy, other.xy]),
        np.concatenate([one.scale, other.scale]),
        np.concatenate([one.angle_rad, other.angle_rad]),
    )


def weighed(query: Frames, hit: Frames, rng: np.random.Generator) -> Correspondences:
    alarms = 10 ** rng.uniform(-5, -1, len(query))
    return Correspondences(query, hit, np.log1p(PRIOR / alarms), alarms)


def planted(
    matrix: np.ndarray, inliers: int, outliers: int, *, seed: int = 0, noise_px: float = 0.5
) -> Correspondences:
    """Pairs that a similarity explains, and after them pairs of nothing in particular."""
    rng = np.random.default_rng(seed)
    true = frames(rng, inliers)
    query = joined(true, frames(rng, outliers))
    hit = joined(moved(true, matrix, noise_px, rng), frames(rng, outliers))
    return weighed(query, hit, rng)


TURNED = similarity(40, 0.7, about=(320, 240), to=(300, 260))


# One to one


def test_each_keypoint_keeps_its_heaviest_match():
    group = np.array([0, 0, 0, 1])
    query = np.array([1, 1, 2, 1])
    hit = np.array([7, 8, 8, 8])
    weight = np.array([1.0, 3.0, 2.0, 0.5])
    assert one_to_one(group, query, hit, weight).tolist() == [1, 3]


def test_no_matches_stay_none():
    nothing = np.empty(0, np.int64)
    kept = one_to_one(nothing, nothing, nothing, np.empty(0))
    assert kept.tolist() == []
    assert kept.dtype == np.intp


# Similarity


def test_no_pairs_have_no_similarity():
    none = planted(np.eye(3), 0, 0)
    assert agreeing(none, 10.0).shape == (0,)


@pytest.mark.parametrize("turn_deg", [0, 40, 180, 300])
@pytest.mark.parametrize("zoom", [0.2, 1.0, 4.0])
def test_a_planted_similarity_is_found_among_as_many_outliers(turn_deg, zoom):
    matrix = similarity(turn_deg, zoom, about=(320, 240), to=(300, 260))
    pairs = planted(matrix, 30, 30, seed=turn_deg)
    found = agreeing(pairs, 10.0)
    assert found[:30].all()
    assert found[30:].sum() <= 3


def test_pairs_that_turn_otherwise_do_not_agree_however_well_they_land():
    pairs = planted(TURNED, 40, 0)
    turned = pairs.hit.angle_rad.copy()
    turned[:10] += np.pi / 2
    hit = Frames(pairs.hit.xy, pairs.hit.scale, turned)
    found = agreeing(Correspondences(pairs.query, hit, pairs.weight, pairs.false_alarms), 10.0)
    assert not found[:10].any()
    assert found[10:].all()


def test_pairs_that_grow_otherwise_do_not_agree_however_well_they_land():
    pairs = planted(TURNED, 40, 0)
    scale = pairs.hit.scale.copy()
    scale[:10] *= 2.5
    hit = Frames(pairs.hit.xy, scale, pairs.hit.angle_rad)
    found = agreeing(Correspondences(pairs.query, hit, pairs.weight, pairs.false_alarms), 10.0)
    assert not found[:10].any()
    assert found[10:].all()


def test_orientations_either_side_of_a_full_turn_are_near():
    pairs = planted(np.eye(3), 20, 0, noise_px=0.0)
    query = Frames(pairs.query.xy, pairs.query.scale, np.full(20, 0.05, np.float32))
    hit = Frames(pairs.hit.xy, pairs.hit.scale, np.full(20, 2 * np.pi - 0.05, np.float32))
    found = agreeing(Correspondences(query, hit, pairs.weight, pairs.false_alarms), 100.0)
    assert found.all()


# Homography


def test_fewer_than_four_pairs_have_no_homography():
    points = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
    assert find_homography(points, points, 1.0) is None
    assert find_homography(points[:0], points[:0], 1.0) is None


@pytest.mark.parametrize("seed", range(6))
def test_a_planted_homography_is_recovered_within_a_pixel_among_as_many_outliers(seed):
    rng = np.random.default_rng(seed)
    matrix = tilt(640, 480, strength=rng.uniform(0.05, 0.3)) @ TURNED
    query = (rng.random((120, 2)) * SIZE).astype(np.float32)
    hit = project(matrix, query) + rng.normal(0, 0.4, (120, 2))
    hit[60:] = rng.random((60, 2)) * SIZE
    result = find_homography(query, hit.astype(np.float32), 5.0)
    assert result is not None
    found, inliers = result
    assert inliers.shape == (120,)
    assert inliers[:60].mean() > 0.95
    assert inliers[60:].sum() <= 3
    error = np.linalg.norm(project(found, query[:60]) - project(matrix, query[:60]), axis=1)
    assert error.max() < 1.0


def test_the_same_pairs_give_the_same_homography_whatever_was_asked_before():
    pairs = planted(TURNED, 40, 40)
    first = find_homography(pairs.query.xy, pairs.hit.xy, 5.0)
    other = planted(np.eye(3), 30, 30, seed=1)
    find_homography(other.query.xy, other.hit.xy, 5.0)
    cv2.setRNGSeed(99)
    again = find_homography(pairs.query.xy, pairs.hit.xy, 5.0)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((8, 2)),
        np.stack([np.arange(8.0), np.arange(8.0)], axis=1),
        np.repeat([[1.0, 2.0], [5.0, 9.0]], 4, axis=0),
    ],
    ids=["one place", "a line", "two places"],
)
def test_degenerate_points_give_no_error_and_nothing_that_is_not_finite(points):
    points = points.astype(np.float32)
    result = find_homography(points, points[::-1].copy(), 2.0)
    assert result is None or np.isfinite(result[0]).all()


def grid(size: ImageSize = SIZE) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, size.width - 1, 8), np.linspace(0, size.height - 1, 8))
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_what_a_camera_does_to_a_pack_is_plausible(severity):
    options = CameraOptions(severity=severity)
    for seed in range(40):
        view = aim((SIZE.height, SIZE.width), np.random.default_rng(seed), options)
        assert is_plausible(view.homography, grid())
        assert is_plausible(np.linalg.inv(view.homography), project(view.homography, grid()))


def test_plausibility_does_not_depend_on_the_scale_or_sign_of_the_matrix():
    for factor in (1.0, -1.0, 1e-6, -1e6):
        assert is_plausible(factor * tilt(640, 480), grid())
        assert not is_plausible(factor * np.diag([-1.0, 1, 1]), grid())


IMPLAUSIBLE = {
    "mirrored across": np.diag([-1.0, 1, 1]),
    "mirrored down": np.diag([1.0, -1, 1]),
    "mirrored and turned": TURNED @ np.diag([-1.0, 1, 1]),
    "collapsed to a line": np.diag([1.0, 0, 1]),
    "collapsed to a point": np.diag([0.0, 0, 1]),
    "squeezed": np.diag([1.0, 0.1, 1]),
    "shrunk to a speck": np.diag([0.02, 0.02, 1]),
    "blown up": np.diag([30.0, 30, 1]),
    "folded over the horizon": np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 320, 0, 1]]),
    "running to the horizon": np.array([[1.0, 0, 0], [0, 1, 0], [-0.97 / 639, 0, 1]]),
}


@pytest.mark.parametrize("matrix", IMPLAUSIBLE.values(), ids=IMPLAUSIBLE)
def test_what_no_camera_does_is_not_plausible(matrix):
    assert not is_plausible(matrix, grid())


# Outlines


def area(polygon: np.ndarray) -> float:
    return float(cv2.contourArea(polygon)) if len(polygon) else 0.0


def test_the_identity_projects_the_frame_to_itself():
    polygon = projected_outline(np.eye(3), SIZE, SIZE)
    np.testing.assert_allclose(polygon, outline(SIZE))
    assert area(polygon) == pytest.approx(640 * 480)
    assert polygon.dtype == np.float32


def test_a_shifted_picture_covers_what_is_left_of_the_frame():
    shift = np.array([[1.0, 0, 100], [0, 1, -80], [0, 0, 1]])
    polygon = projected_outline(shift, SIZE, SIZE)
    assert area(polygon) == pytest.approx(540 * 400)
    assert polygon.min(axis=0).tolist() == [99.5, -0.5]
    assert polygon.max(axis=0).tolist() == [639.5, 399.5]


def test_a_picture_turned_by_an_eighth_within_a_larger_frame_keeps_its_area():
    matrix = similarity(45, 0.5, about=(319.5, 239.5), to=(500, 500))
    polygon = projected_outline(matrix, SIZE, ImageSize(1000, 1000))
    assert polygon.shape == (4, 2)
    assert area(polygon) == pytest.approx(640 * 480 / 4, rel=1e-4)
    np.testing.assert_allclose(polygon.mean(axis=0), [500, 500], atol=1e-3)


def test_a_picture_beside_the_frame_covers_none_of_it():
    beside = np.array([[1.0, 0, 641], [0, 1, 0], [0, 0, 1]])
    assert projected_outline(beside, SIZE, SIZE).shape == (0, 2)


def test_a_picture_larger_than_the_frame_covers_all_of_it():
    larger = similarity(30, 5.0, about=(319.5, 239.5), to=(319.5, 239.5))
    assert area(projected_outline(larger, SIZE, SIZE)) == pytest.approx(640 * 480, rel=1e-5)


def test_a_picture_that_crosses_the_horizon_is_cut_there():
    # Columns right of x = 480 are behind the camera; what is before it reaches to infinity.
    matrix = np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 480, 0, 1]])
    polygon = projected_outline(matrix, SIZE, SIZE)
    assert np.isfinite(polygon).all()
    # x' = x / (1 - x / 480): the frame's right edge, 639.5, is where x is 274.
    seen = project(np.linalg.inv(matrix), polygon.astype(float))
    assert seen[:, 0].max() == pytest.approx(639.5 / (1 + 639.5 / 480), rel=1e-4)
    assert polygon[:, 0].max() == 639.5


def test_a_singular_map_gives_no_outline_or_a_finite_one():
    for matrix in (np.zeros((3, 3)), np.diag([0.0, 0, 1]), np.diag([1.0, 1, 0])):
        polygon = projected_outline(matrix, SIZE, SIZE)
        assert polygon.shape[1] == 2
        assert np.isfinite(polygon).all()
        assert area(polygon) == 0


# Verification


def is_verified(pairs: Correspondences, candidates: int = 1) -> bool:
    outcome = verify_one(pairs, SIZE, SIZE, PRIOR, OPTIONS)
    return outcome.log10_false_alarms <= log10(OPTIONS.false_alarms / candidates)


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_pairs_prove_nothing(n):
    outcome = verify_one(planted(TURNED, n, 0), SIZE, SIZE, PRIOR, OPTIONS)
    assert outcome.gain == 0
    assert outcome.log10_false_alarms == 0
    assert outcome.inliers == 0
    assert outcome.transform is None
    assert len(outcome.pairs) == 0


def test_a_planted_similarity_is_verified_with_its_transform_and_inliers():
    outcome = verify_one(planted(TURNED, 40, 60), SIZE, SIZE, PRIOR, OPTIONS)
    assert outcome.log10_false_alarms < -20
    assert outcome.gain > 50
    assert 30 <= outcome.inliers <= 44
    assert len(outcome.pairs) == outcome.inliers
    assert (outcome.pairs < 40).mean() > 0.9
    corners = outline(SIZE)
    error = project(outcome.transform, corners) - project(TURNED, corners)
    assert np.linalg.norm(error, axis=1).max() < 2.0


def test_more_inliers_are_more_evidence():
    outcomes = [
        verify_one(planted(TURNED, n, 50), SIZE, SIZE, PRIOR, OPTIONS) for n in (4, 8, 16, 32, 64)
    ]
    gains = [outcome.gain for outcome in outcomes]
    alarms = [outcome.log10_false_alarms for outcome in outcomes]
    assert gains == sorted(gains)
    assert alarms == sorted(alarms, reverse=True)
    assert alarms[0] == 0
    assert alarms[-1] < -50


def test_a_clump_of_keypoints_in_one_place_counts_once():
    spread = planted(TURNED, 40, 0)
    rows = np.concatenate([np.arange(5), np.full(35, 5)])
    clumped = spread.take(rows)
    assert verify_one(clumped, SIZE, SIZE, PRIOR, OPTIONS).inliers <= 6
    assert not is_verified(clumped, candidates=500)


def test_a_mirrored_picture_is_not_verified():
    rng = np.random.default_rng(3)
    query = frames(rng, 60)
    mirrored = query.xy * [-1, 1] + [639, 0]
    hit = Frames(mirrored.astype(np.float32), query.scale, query.angle_rad)
    assert not is_verified(weighed(query, hit, rng))


def test_unrelated_pairs_are_verified_no_more_often_than_promised():
    rng = np.random.default_rng(4)
    alone = in_a_shortlist = 0
    for _ in range(300):
        n = int(rng.integers(5, 200))
        pairs = weighed(frames(rng, n), frames(rng, n), rng)
        alone += is_verified(pairs)
        in_a_shortlist += is_verified(pairs, candidates=500)
    assert in_a_shortlist == 0
    # One in a hundred is promised: 3 of 300, and 10 has a chance of one in a thousand.
    assert alone <= 9


def test_unrelated_pairs_that_agree_loosely_are_not_verified():
    """A coarse similarity is common by chance, for pictures of one kind: text over a picture."""
    rng = np.random.default_rng(5)
    verified = 0
    for _ in range(100):
        query = frames(rng, 40)
        hit = moved(query, TURNED, 30.0, rng)
        verified += is_verified(weighed(query, hit, rng), candidates=500)
    assert verified == 0


def box(seed: int = 0) -> Correspondences:
    """Two faces of a thing, moved apart by more than a homography's tolerance."""
    left, right = planted(np.eye(3), 30, 0, seed=seed), planted(np.eye(3), 30, 0, seed=seed + 1)
    shifted = right.hit.xy + np.array([22, 14], np.float32)
    return Correspondences(
        joined(left.query, right.query),
        joined(left.hit, Frames(shifted, right.hit.scale, right.hit.angle_rad)),
        np.concatenate([left.weight, right.weight]),
        np.concatenate([left.false_alarms, right.false_alarms]),
    )


def test_a_second_homography_tells_of_a_second_face():
    both = verify_one(box(), SIZE, SIZE, PRIOR, OPTIONS)
    one = verify_one(box().take(np.arange(30)), SIZE, SIZE, PRIOR, OPTIONS)
    assert both.gain > 1.5 * one.gain
    assert both.inliers <= 35


def test_pairs_in_a_clump_are_few_effective_inliers_and_spread_ones_are_many():
    rng = np.random.default_rng(0)
    spread = rng.random((100, 2)) * 1000
    assert effective_count(spread, 1.0) == pytest.approx(100, rel=0.01)
    assert effective_count(np.tile([[5.0, 5.0]], (100, 1)), 1.0) == pytest.approx(1)
    assert 1 < effective_count(spread, 300.0) < 10
    assert effective_count(np.empty((0, 2)), 1.0) == 0
    two = np.repeat([[0.0, 0.0], [500.0, 500.0]], 40, axis=0)
    assert effective_count(two, 1.0) == pytest.approx(2)


def test_refining_a_homography_finds_the_inliers_it_was_not_told():
    pairs = planted(TURNED, 60, 40)
    some = pairs.take(np.concatenate([np.arange(15), np.arange(60, 100)]))
    rough = verify_one(some, SIZE, SIZE, PRIOR, OPTIONS)
    better = refine(rough, pairs, SIZE, np.array(SIZE), PRIOR, OPTIONS)
    assert better is not None
    assert better.inliers > 3 * rough.inliers
    assert better.gain > rough.gain
    assert better.log10_false_alarms <= rough.log10_false_alarms
    corners = outline(SIZE)
    error = project(better.transform, corners) - project(TURNED, corners)
    assert np.linalg.norm(error, axis=1).max() < 1.0


def test_there_is_nothing_to_refine_without_a_homography_or_more_pairs():
    nothing = verify_one(planted(TURNED, 2, 0), SIZE, SIZE, PRIOR, OPTIONS)
    pairs = planted(TURNED, 60, 0)
    assert refine(nothing, pairs, SIZE, np.array(SIZE), PRIOR, OPTIONS) is None
    found = verify_one(pairs, SIZE, SIZE, PRIOR, OPTIONS)
    assert refine(found, pairs.take(np.arange(3)), SIZE, np.array(SIZE), PRIOR, OPTIONS) is None


def test_evidence_leaves_out_the_pairs_that_fix_the_model():
    alarms = np.array([1e-4, 1e-3, 1e-2])
    terms = np.log1p(PRIOR / (alarms * 0.01)) - np.log1p(PRIOR / alarms)
    assert evidence_of_one(alarms, PRIOR, 0.01, 0) == pytest.approx(terms.sum())
    assert evidence_of_one(alarms, PRIOR, 0.01, 1) == pytest.approx(terms.sum() - terms.max())
    for fixed in (3, 4):
        assert evidence_of_one(alarms, PRIOR, 0.01, fixed) == 0
    assert evidence_of_one(np.empty(0), PRIOR, 0.01, 1) == 0


def test_false_alarms_follow_the_formula_counted_out():
    # (9 - 4) · C(9, 6) · C(6, 4) · p²
    expected = log10(5 * 84 * 15 * CHANCE_OF_HOMOGRAPHY**2)
    assert log10_false_alarms(9, 6, CHANCE_OF_HOMOGRAPHY) == pytest.approx(expected)


@pytest.mark.parametrize("inliers", range(5))
def test_four_inliers_prove_nothing(inliers):
    assert log10_false_alarms(100, inliers, CHANCE_OF_HOMOGRAPHY) == 0


def test_a_shortlist_is_verified_as_each_of_its_candidates_would_be_alone():
    cases = [planted(TURNED, n, noise) for n, noise in ((0, 3), (40, 60), (0, 0), (5, 200), (2, 0))]
    joined = Correspondences(
        *(
            Frames(*(np.concatenate([getattr(getattr(c, side), f) for c in cases]) for f in FIELDS))
            for side in ("query", "hit")
        ),
        np.concatenate([c.weight for c in cases]),
        np.concatenate([c.false_alarms for c in cases]),
    )
    start = np.cumsum([0, *(len(c) for c in cases)])
    sizes = np.tile(SIZE, (len(cases), 1))
    together = verify(joined, start, SIZE, sizes, PRIOR, OPTIONS)
    for case, outcome in zip(cases, together, strict=True):
        alone = verify_one(case, SIZE, SIZE, PRIOR, OPTIONS)
        assert outcome.gain == pytest.approx(alone.gain)
        assert outcome.log10_false_alarms == alone.log10_false_alarms
        assert outcome.loose_inliers == alone.loose_inliers
        np.testing.assert_array_equal(outcome.pairs, alone.pairs)
