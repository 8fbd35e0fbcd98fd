import math

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kpsearch.features import to_original_pixels
from kpsearch.features.encoding import by_sign, root_shares
from kpsearch.features.opencv import features_from_keypoints
from kpsearch.features.select import spread_keypoints
from kpsearch.types import Features, ImageSize

bins = st.just(0.0) | st.floats(2.0**-60, 255, width=32)
"""Empty, or of a mass that can be halved and is still a normal number."""
histograms = hnp.arrays(np.float32, st.tuples(st.integers(0, 4), st.just(128)), elements=bins)


def spread_one_by_one(xy, response, size, limit):
    """The rule in `spread_keypoints`, keypoint by keypoint."""
    cells = [
        (
            min(max(int((x + 0.5) / size.width * 8), 0), 7),
            min(max(int((y + 0.5) / size.height * 8), 0), 7),
        )
        for x, y in xy.astype(np.float32)
    ]
    strength = []
    for i, cell in enumerate(cells):
        rank = sum(
            other == cell and (response[j], -j) > (response[i], -i)
            for j, other in enumerate(cells)
            if j != i
        )
        strength.append(response[i] / (1 + rank / (limit / 64)))
    order = sorted(range(len(xy)), key=lambda i: (-strength[i], i))
    return sorted(order[:limit])


@st.composite
def crowds(draw):
    n = draw(st.integers(0, 60))
    size = ImageSize(draw(st.sampled_from([64, 400])), draw(st.sampled_from([64, 256])))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    crowd = rng.integers(0, draw(st.sampled_from([5, 64])), (n, 2)) + rng.choice([0.0, 0.25])
    # Powers of two and few of them: ties are common and every division is exact enough.
    response = 2.0 ** rng.integers(-6, 0, n)
    return crowd.astype(np.float32), response.astype(np.float32), size


@st.composite
def sums_and_magnitudes(draw):
    """Σd and Σ|d| of some numbers d: two descriptors, as rows."""
    shape = (2, draw(st.integers(1, 12)), draw(st.integers(1, 5)))
    d = draw(hnp.arrays(np.float32, shape, elements=st.floats(-100, 100, width=16)))
    return d.sum(axis=2), np.abs(d).sum(axis=2)


@given(histograms)
def test_root_shares_are_the_roots_of_the_share_of_each_bin(rows):
    found = root_shares(rows)
    assert found.shape == rows.shape
    for row, bytes_found in zip(rows.tolist(), found.tolist(), strict=True):
        mass = math.fsum(row)
        for value, byte in zip(row, bytes_found, strict=True):
            exact = math.sqrt(value / mass) * 512 if mass else 0.0
            assert abs(byte - min(exact, 255)) <= 0.51


@given(histograms, st.sampled_from([0.5, 2.0, 64.0]))
def test_root_shares_do_not_change_with_the_mass_of_the_histogram(rows, factor):
    np.testing.assert_array_equal(root_shares(rows), root_shares(rows * np.float32(factor)))


@given(sums_and_magnitudes())
def test_sums_by_sign_are_nowhere_negative_and_add_up_to_what_they_were(pair):
    sums, magnitudes = pair
    halves = by_sign(sums, magnitudes)
    positive, negative = halves[:, ::2], halves[:, 1::2]
    assert halves.min() >= 0
    np.testing.assert_allclose(positive - negative, sums, atol=1e-2)
    np.testing.assert_allclose(positive + negative, magnitudes, atol=1e-2)


@given(sums_and_magnitudes())
def test_sums_by_sign_are_as_far_apart_as_sums_and_magnitudes_but_for_a_constant_factor(pair):
    halves = by_sign(*pair)
    before = np.linalg.norm(np.diff(np.hstack(pair), axis=0))
    after = np.linalg.norm(np.diff(halves, axis=0))
    np.testing.assert_allclose(after * math.sqrt(2), before, rtol=1e-3, atol=1e-2)


@given(crowds(), st.integers(1, 70))
def test_spread_keypoints_follows_its_rule_with_ties_to_the_first(crowd, limit):
    xy, response, size = crowd
    kept = spread_keypoints(xy, response, size, limit)
    assert len(kept) == min(limit, len(xy))
    assert (np.diff(kept) > 0).all()
    if len(xy) > limit:
        assert kept.tolist() == spread_one_by_one(xy, response, size, limit)


@given(crowds(), st.integers(1, 70))
def test_the_strongest_keypoint_of_all_is_kept_at_any_limit(crowd, limit):
    xy, response, size = crowd
    kept = set(spread_keypoints(xy, response, size, limit).tolist())
    if kept:
        assert response[list(kept)].max() == response.max()


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_the_order_in_which_opencv_lists_keypoints_does_not_matter(order, seed):
    rng = np.random.default_rng(seed)
    places = rng.permutation(36)[:6]
    responses = rng.choice([0.25, 0.5], 6)
    points = [
        cv2.KeyPoint(float(place % 6), float(place // 6), 5.0, 30.0, float(response))
        for place, response in zip(places, responses, strict=True)
    ]
    descriptors = np.arange(6, dtype=np.uint8)[:, None]
    one = features_from_keypoints(points, descriptors, ImageSize(6, 6))
    other = features_from_keypoints(
        [points[i] for i in order], descriptors[list(order)], ImageSize(6, 6)
    )
    np.testing.assert_array_equal(one.xy, other.xy)
    np.testing.assert_array_equal(one.descriptors, other.descriptors)
    assert (np.diff(one.response) <= 0).all()


@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_keypoint_keeps_its_share_of_the_width_and_height(worked, original, share):
    place = np.array([share]) * worked - 0.5
    features = Features(
        xy=place.astype(np.float32),
        scale=np.ones(1, np.float32),
        angle_rad=np.zeros(1, np.float32),
        response=np.zeros(1, np.float32),
        descriptors=np.zeros((1, 4), np.uint8),
        image_size=ImageSize(*worked),
    )
    moved = to_original_pixels(features, ImageSize(*original))
    assert moved.xy.dtype == moved.scale.dtype == np.float32
    np.testing.assert_allclose((moved.xy[0] + 0.5) / original, share, atol=1e-5)
