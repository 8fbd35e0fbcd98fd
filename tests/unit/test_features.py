import numpy as np
import pytest

from kpsearch.errors import UnknownName
from kpsearch.features import (
    extract_features,
    make_extractor,
    settled,
    shrink,
    to_original_pixels,
)
from kpsearch.features.encoding import by_sign, root_shares
from kpsearch.features.extractor import shrink_mask
from kpsearch.features.select import candidates_for, spread_keypoints
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, ImageSize
from tests.textures import as_image, textured


def features_at(xy: list[tuple[float, float]], size: ImageSize) -> Features:
    n = len(xy)
    return Features(
        xy=np.array(xy, np.float32).reshape(-1, 2),
        scale=np.full(n, 4, np.float32),
        angle_rad=np.linspace(0, 6, n, dtype=np.float32),
        response=np.ones(n, np.float32),
        descriptors=np.arange(n * 3, dtype=np.uint8).reshape(n, 3),
        image_size=size,
    )


def test_an_unknown_extractor_is_refused_with_the_names_of_the_known():
    with pytest.raises(UnknownName, match=r"'shift'; known: .*sift"):
        make_extractor("shift")


@pytest.mark.parametrize("threshold", [None, 3.0])
def test_an_unknown_extractor_is_refused_when_its_pictures_come(threshold):
    options = FeatureOptions("shift", threshold=threshold)
    with pytest.raises(UnknownName, match="'shift'"):
        extract_features(as_image(textured(0)), options)


def test_settling_the_threshold_leaves_the_other_options():
    options = FeatureOptions("orb", 123, 45, upright=True)
    assert settled(options) == FeatureOptions(
        "orb", 123, 45, make_extractor("orb").default_threshold, upright=True
    )
    assert settled(settled(options)) == settled(options)


# Descriptors as bytes


def test_no_descriptors_have_no_root_shares():
    found = root_shares(np.empty((0, 128), np.float32))
    assert found.shape == (0, 128)
    assert found.dtype == np.uint8


def test_a_histogram_of_zeros_stays_zeros():
    assert not root_shares(np.zeros((2, 128), np.float32)).any()


def test_the_root_share_of_a_single_full_bin_saturates_a_byte():
    histogram = np.zeros((1, 128), np.float32)
    histogram[0, 5] = 200
    expected = np.zeros(128)
    expected[5] = 255
    np.testing.assert_array_equal(root_shares(histogram)[0], expected)


def test_root_shares_do_not_write_to_the_histograms():
    histograms = np.random.default_rng(0).uniform(0, 200, (5, 128)).astype(np.float32)
    before = histograms.copy()
    root_shares(histograms)
    np.testing.assert_array_equal(histograms, before)


def test_no_sums_are_no_sums_by_sign():
    nothing = np.empty((0, 32), np.float32)
    assert by_sign(nothing, nothing).shape == (0, 64)


def test_sums_by_sign_come_in_pairs_positive_first():
    found = by_sign(np.float32([[3, -2]]), np.float32([[5, 2]]))
    np.testing.assert_array_equal(found, [[4, 1, 0, 2]])
    assert found.dtype == np.float32


# Which keypoints are kept


@pytest.mark.parametrize("max_keypoints", [1, 2, 7, 500])
def test_there_are_at_least_as_many_candidates_as_keypoints_kept(max_keypoints):
    assert max_keypoints <= candidates_for(max_keypoints) <= 1.2 * max_keypoints


def test_few_keypoints_are_all_kept():
    xy = np.zeros((5, 2), np.float32)
    kept = spread_keypoints(xy, np.zeros(5, np.float32), ImageSize(10, 10), 5)
    np.testing.assert_array_equal(kept, np.arange(5))


def test_a_lone_weak_keypoint_outlives_stronger_ones_in_a_crowd():
    rng = np.random.default_rng(3)
    crowd = rng.uniform(0, 100, (999, 2))
    xy = np.vstack([crowd, [[750, 550]]]).astype(np.float32)
    response = np.append(rng.uniform(0.5, 1.0, 999), 0.2).astype(np.float32)
    kept = spread_keypoints(xy, response, ImageSize(800, 600), 200)
    strongest = np.argsort(-response, kind="stable")[:200]
    assert 999 not in strongest
    assert 999 in kept
    assert len(kept) == 200


def test_within_one_cell_the_strongest_are_kept():
    response = np.random.default_rng(4).permutation(100).astype(np.float32) + 1
    xy = np.full((100, 2), 3, np.float32)
    kept = spread_keypoints(xy, response, ImageSize(800, 800), 30)
    np.testing.assert_array_equal(kept, np.flatnonzero(response > 70))


def test_evenly_spread_keypoints_of_equal_strength_keep_an_equal_share_of_each_cell():
    centres = np.arange(8) * 100 + 50
    xy = np.array([(x, y) for x in centres for y in centres] * 10, np.float32)
    kept = spread_keypoints(xy, np.ones(640, np.float32), ImageSize(800, 800), 128)
    cell = (xy[kept] // 100).astype(int)
    counts = np.bincount(cell[:, 1] * 8 + cell[:, 0], minlength=64)
    assert (counts == 2).all()


# Pictures made smaller


def test_a_picture_within_the_limit_is_not_touched():
    pixels = textured(0, 80, 60)
    assert shrink(pixels, 80) is pixels
    assert shrink(pixels, 4000) is pixels


@pytest.mark.parametrize("size", [(1600, 900), (900, 1600), (801, 5), (20_000, 16)])
def test_the_longest_side_is_shrunk_to_the_limit_and_the_other_in_proportion(size):
    width, height = size
    height_found, width_found = shrink(np.zeros((height, width), np.uint8), 800).shape
    assert max(width_found, height_found) == 800
    factor = 800 / max(size)
    assert min(width_found, height_found) == max(1, round(min(size) * factor))


def test_shrinking_by_a_whole_factor_averages_blocks():
    pixels = np.random.default_rng(5).integers(0, 256, (60, 90), dtype=np.uint8)
    means = pixels.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    assert np.abs(shrink(pixels, 30) - means).max() <= 0.5 + 1e-4


def test_a_fine_checkerboard_shrinks_to_grey_without_moire():
    board = (np.indices((600, 800)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = shrink(board, 317).astype(float)
    assert np.ptp(small[2:-2, 2:-2]) < 90
    assert abs(small.mean() - 127.5) < 2


def test_a_mask_of_the_right_size_is_not_touched():
    mask = np.random.default_rng(6).random((30, 40)) < 0.5
    assert shrink_mask(mask, (30, 40)) is mask


def test_a_mask_shrunk_by_a_whole_factor_is_true_where_most_of_a_block_was():
    mask = np.random.default_rng(7).random((60, 90)) < 0.5
    share = mask.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    found = shrink_mask(mask, (20, 30))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, share > 0.5)


@pytest.mark.parametrize("value", [True, False])
def test_a_mask_of_one_value_is_of_that_value_at_any_size(value):
    for shape in ((1, 1), (7, 311), (200, 3), (999, 1000)):
        assert (shrink_mask(np.full((1000, 1001), value), shape) == value).all()


# Coordinates


def test_the_centre_of_a_pixel_is_the_centre_of_the_block_it_stands_for():
    worked = features_at([(0, 0), (1, 0), (0.5, 1), (-0.5, -0.5)], ImageSize(2, 2))
    moved = to_original_pixels(worked, ImageSize(8, 4))
    np.testing.assert_allclose(moved.xy, [(1.5, 0.5), (5.5, 0.5), (3.5, 2.5), (-0.5, -0.5)])
    assert moved.image_size == (8, 4)
    np.testing.assert_allclose(moved.scale, 4 * np.sqrt(4 * 2))
    np.testing.assert_array_equal(moved.descriptors, worked.descriptors)
    np.testing.assert_array_equal(moved.angle_rad, worked.angle_rad)


def test_a_blob_is_found_at_its_place_in_the_original_whatever_the_working_size():
    y, x = np.indices((900, 1200))
    blob = np.exp(-((x - 823.25) ** 2 + (y - 377.5) ** 2) / (2 * 24.0**2))
    pixels = (40 + 200 * blob).astype(np.uint8)
    for max_side_px in (1200, 600, 400, 331):
        found = extract_features(as_image(pixels), FeatureOptions("sift", max_side_px, 10))
        away = np.linalg.norm(found.xy - np.array([823.25, 377.5]), axis=1)
        assert away.min() < 1.0
        assert 36 < found.scale[away.argmin()] < 60
