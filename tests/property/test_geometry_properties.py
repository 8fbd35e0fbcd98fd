import cv2
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from kpsearch.geometry import (
    Correspondences,
    Frames,
    one_to_one,
    project,
    projected_outline,
)
from kpsearch.geometry.evidence import log10_false_alarms
from kpsearch.options import VerificationOptions
from kpsearch.types import ImageSize
from tests.candidates import agreeing, evidence_of_one, verify_one

seeds = st.integers(0, 2**32 - 1)
small = st.integers(0, 4)
rows = st.lists(
    st.tuples(st.integers(0, 2), small, small, st.sampled_from([0.5, 1.0, 2.0])), max_size=40
)


def columns_of(matches):
    table = np.array(matches, np.float64).reshape(-1, 4)
    return (*table[:, :3].astype(np.int64).T, table[:, 3])


def heaviest_first(matches, kept, keypoint):
    """For each group and keypoint the first of the heaviest rows in ``kept``."""
    best = {}
    for i in kept:
        key = (matches[i][0], matches[i][keypoint])
        if key not in best or matches[i][3] > matches[best[key]][3]:
            best[key] = i
    return sorted(best.values())


@given(rows)
def test_one_to_one_equals_two_plain_passes(matches):
    kept = heaviest_first(matches, heaviest_first(matches, range(len(matches)), 1), 2)
    assert one_to_one(*columns_of(matches)).tolist() == kept


@given(rows)
def test_one_to_one_uses_no_keypoint_twice_and_keeps_the_heaviest_match_of_a_group(matches):
    kept = [matches[i] for i in one_to_one(*columns_of(matches))]
    assert len({(group, query) for group, query, _, _ in kept}) == len(kept)
    assert len({(group, hit) for group, _, hit, _ in kept}) == len(kept)
    for group in {match[0] for match in matches}:
        heaviest = max(match[3] for match in matches if match[0] == group)
        assert heaviest in [match[3] for match in kept if match[0] == group]


def random_frames(rng, n, span=500.0):
    return Frames(
        rng.uniform(0, span, (n, 2)).astype(np.float32),
        np.exp2(rng.uniform(1, 5, n)).astype(np.float32),
        rng.uniform(0, 2 * np.pi, n).astype(np.float32),
    )


def carried(frames, zoom, turn, shift):
    """Frames in a picture that is turned, then enlarged, then shifted."""
    rotation = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Frames(
        (frames.xy @ rotation.T + shift).astype(np.float32),
        (frames.scale * zoom).astype(np.float32),
        ((frames.angle_rad + turn) % (2 * np.pi)).astype(np.float32),
    )


@st.composite
def clear_correspondences(draw):
    """Inliers well within the tolerance of 20 px and outliers that no hypothesis joins."""
    rng = np.random.default_rng(draw(seeds))
    inliers, outliers = draw(st.integers(6, 20)), draw(st.integers(0, 12))
    query = random_frames(rng, inliers + outliers)
    hit = carried(query, 1.3, 0.7, np.array([40.0, 10.0]))
    angle = hit.angle_rad.copy()
    # Half a turn out each way, or three times too large: outliers whatever their position.
    angle[inliers:] += np.where(np.arange(outliers) % 2, 2.0, 4.0).astype(np.float32)
    scale = hit.scale.copy()
    scale[inliers:] *= 2.0 ** (3 * (1 + np.arange(outliers) % 4))
    weight = np.ones(inliers + outliers)
    hit = Frames(hit.xy, scale.astype(np.float32), angle)
    return Correspondences(query, hit, weight, np.full(len(weight), 1e-3)), inliers


changes = st.tuples(
    st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]),
    st.floats(0, 6.28),
    st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
)


@given(clear_correspondences(), changes, changes)
def test_similarity_inliers_do_not_depend_on_how_either_picture_lies(case, query_as, hit_as):
    pairs, inliers = case
    expected = np.arange(len(pairs)) < inliers
    np.testing.assert_array_equal(agreeing(pairs, 20.0), expected)
    lying_otherwise = Correspondences(
        carried(pairs.query, *query_as), carried(pairs.hit, *hit_as), pairs.weight,
        pairs.false_alarms,
    )  # fmt: skip
    found = agreeing(lying_otherwise, 20.0 * hit_as[0])
    np.testing.assert_array_equal(found, expected)


@given(seeds, st.integers(2, 40))
def test_similarity_inliers_hold_a_pair_and_all_that_agrees_with_it(seed, n):
    rng = np.random.default_rng(seed)
    pairs = Correspondences(
        random_frames(rng, n), random_frames(rng, n), rng.random(n) + 0.1, np.full(n, 1e-3)
    )
    found = set(np.flatnonzero(agreeing(pairs, 60.0)).tolist())

    def agreeing_with(i):
        zoom = pairs.hit.scale[i] / pairs.query.scale[i]
        turn = pairs.hit.angle_rad[i] - pairs.query.angle_rad[i]
        one = Frames(pairs.query.xy - pairs.query.xy[i], pairs.query.scale, pairs.query.angle_rad)
        landing = carried(one, zoom, turn, pairs.hit.xy[i])
        away = np.linalg.norm(landing.xy - pairs.hit.xy, axis=1)
        growth = np.abs(np.log2(pairs.hit.scale / landing.scale))
        turned = np.abs(np.angle(np.exp(1j * (pairs.hit.angle_rad - landing.angle_rad))))
        assume(not (np.abs(away - 60) < 1e-2).any())
        assume(not (np.abs(growth - 1) < 1e-4).any())
        assume(not (np.abs(turned - np.pi / 6) < 1e-4).any())
        return set(np.flatnonzero((away <= 60) & (growth <= 1) & (turned <= np.pi / 6)).tolist())

    sets = [agreeing_with(i) for i in range(n)]
    assert found in sets
    heaviest = max(sum(pairs.weight[list(agreed)]) for agreed in sets)
    assert sum(pairs.weight[list(found)]) >= heaviest - 1e-6


sizes = st.tuples(st.integers(1, 900), st.integers(1, 900)).map(lambda size: ImageSize(*size))


@st.composite
def homographies(draw):
    """Any map of the plane: mild, wild, mirrored or across its own horizon."""
    rng = np.random.default_rng(draw(seeds))
    kind = draw(st.sampled_from(["any", "perspective"]))
    if kind == "any":
        return rng.normal(0, 1, (3, 3)) * [1, 1, draw(st.sampled_from([1, 100, 1000]))]
    matrix = np.eye(3) + rng.normal(0, 0.4, (3, 3)) * [[1, 1, 300], [1, 1, 300], [0, 0, 0]]
    matrix[2, :2] = rng.normal(0, draw(st.sampled_from([1e-4, 1e-3, 1e-2])), 2)
    return matrix * draw(st.sampled_from([1.0, -1.0]))


@given(homographies(), sizes, sizes)
def test_an_outline_is_a_convex_polygon_inside_the_target(matrix, source, target):
    polygon = projected_outline(matrix, source, target)
    assert polygon.dtype == np.float32
    assert polygon.ndim == 2
    assert polygon.shape[1] == 2
    assert np.isfinite(polygon).all()
    assert (polygon >= -0.5 - 1e-3).all()
    assert (polygon <= np.array(target) - 0.5 + 1e-3).all()
    if len(polygon) > 2:
        hull = cv2.contourArea(cv2.convexHull(polygon))
        assert abs(hull - cv2.contourArea(polygon)) <= 1e-3 * hull + 0.1


@given(homographies(), sizes, sizes)
def test_a_pixel_is_in_the_outline_when_it_shows_a_point_of_the_source(matrix, source, target):
    singular = np.linalg.svd(matrix, compute_uv=False)
    assume(singular[2] > 1e-7 * singular[0])
    polygon = projected_outline(matrix, source, target)
    rng = np.random.default_rng(0)
    pixels = rng.random((60, 2)) * target - 0.5
    shown = project(np.linalg.inv(matrix), pixels)
    depth = shown @ matrix[2, :2] + matrix[2, 2]
    centre = matrix[2] @ [(source.width - 1) / 2, (source.height - 1) / 2, 1.0]
    share = depth / centre
    margin = np.minimum(shown + 0.5, np.array(source) - 0.5 - shown).min(axis=1)
    for pixel, inside, near in zip(pixels, margin, share, strict=True):
        if abs(inside) < 0.01 * max(source) or abs(near - 1e-3) < 1e-3 or not len(polygon):
            # Too near an edge, or the horizon, to say; an empty outline is checked below.
            assert len(polygon) or inside < 0.01 * max(source) or near < 2e-3
            continue
        away = cv2.pointPolygonTest(polygon, pixel.tolist(), True)
        if inside > 0 and near > 0:
            assert away > -0.1
        else:
            assert away < 0.1


@given(st.integers(5, 3000), st.floats(1e-6, 0.05))
def test_more_inliers_never_mean_more_false_alarms(pairs, chance):
    counts = range(min(pairs, 60) + 1)
    alarms = [log10_false_alarms(pairs, inliers, chance) for inliers in counts]
    assert alarms == sorted(alarms, reverse=True)
    assert max(alarms) <= 0


@given(
    st.lists(st.floats(1e-30, 1e3), max_size=20),
    st.floats(1e-6, 0.5),
    st.floats(1e-6, 1.0),
    st.integers(0, 5),
)
def test_evidence_is_never_negative_and_grows_with_another_inlier(alarms, prior, chance, fixed):
    worth = evidence_of_one(np.array(alarms), prior, chance, fixed)
    assert worth >= 0
    assert evidence_of_one(np.array([*alarms, 1e-3]), prior, chance, fixed) >= worth - 1e-9


@given(seeds, st.integers(0, 60))
def test_whatever_the_pairs_verification_is_well_formed(seed, n):
    rng = np.random.default_rng(seed)
    pairs = Correspondences(
        random_frames(rng, n),
        random_frames(rng, n, span=float(rng.choice([2.0, 500.0]))),
        rng.random(n),
        10 ** rng.uniform(-8, 0, n),
    )
    size = ImageSize(500, 500)
    outcome = verify_one(pairs, size, size, 1e-3, VerificationOptions())
    assert outcome.gain >= 0
    assert outcome.log10_false_alarms <= 0
    assert 0 <= outcome.inliers == len(outcome.pairs) == len(set(outcome.pairs.tolist()))
    assert (outcome.transform is None) == (outcome.inliers == 0)
    assert all(0 <= row < n for row in outcome.pairs.tolist())
    assert outcome.loose_inliers <= n
