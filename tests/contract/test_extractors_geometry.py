"""Where every registered extractor must find what has moved, turned, shrunk or been cut out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kpsearch.errors import UsageError
from kpsearch.features import installed_extractors
from kpsearch.geometry import project
from kpsearch.types import ImageSize
from tests.contract.extraction import (
    assert_well_formed,
    expectation,
    extract,
    fitted,
    matched,
    matched_rightly,
)
from tests.textures import similarity, textured, tilt, warp

EVERYTHING = 100_000
"""More keypoints than any picture here has."""


def corners(width: int, height: int) -> np.ndarray:
    return np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)


def largest_error(found: np.ndarray, planted: np.ndarray, points: np.ndarray) -> float:
    """In pixels, at any of the points."""
    error = np.linalg.norm(project(found, points) - project(planted, points), axis=1)
    return float(error.max())


# Coordinates are those of the original


@pytest.mark.parametrize("max_side_px", [800, 401, 300])
def test_a_planted_homography_is_recovered_in_original_pixels(name, max_side_px):
    original = textured(8, 1000, 760)
    planted = tilt(1000, 760)
    one, other = (
        extract(name, pixels, max_side_px=max_side_px, max_keypoints=2000)
        for pixels in (original, warp(original, planted, 1000, 760))
    )
    found = fitted(name, one, other, within_px=2 * 1000 / max_side_px)
    assert largest_error(found, planted, corners(1000, 760)) < expectation(name).accuracy_px


def test_a_picture_and_its_enlargement_agree_on_where_pixel_centres_are(name):
    small = textured(9, 300, 220)
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    planted = np.array([[3.0, 0, 1], [0, 3.0, 1], [0, 0, 1]])
    found = fitted(name, extract(name, small), extract(name, large, max_side_px=300))
    assert largest_error(found, planted, corners(300, 220)) < expectation(name).accuracy_px


def test_a_picture_decoded_reduced_has_keypoints_in_pixels_of_its_original(name):
    original = textured(10, 800, 600)
    reduced = cv2.resize(original, (400, 300), interpolation=cv2.INTER_AREA)
    one = extract(name, original, max_keypoints=2000)
    other = extract(name, reduced, size=ImageSize(800, 600), max_keypoints=2000)
    assert other.image_size == (800, 600)
    found = fitted(name, one, other)
    assert largest_error(found, np.eye(3), corners(800, 600)) < expectation(name).accuracy_px


def test_keypoints_of_any_scale_lie_neither_left_nor_right_high_nor_low_of_their_place(name):
    """A picture turned half round has twice the shift; 799 × 601 divides by no pyramid's steps."""
    picture = textured(8, 799, 601)
    one = extract(name, picture, max_keypoints=2000)
    other = extract(name, np.ascontiguousarray(picture[::-1, ::-1]), max_keypoints=2000)
    half_round = np.array([[-1.0, 0, 798], [0, -1.0, 600], [0, 0, 1]])
    pairs = matched_rightly(name, one, other, half_round, within_px=8.0)
    beside = other.xy[pairs[:, 1]] - project(half_round, one.xy[pairs[:, 0]])
    for some in np.array_split(np.argsort(one.scale[pairs[:, 0]], kind="stable"), 5):
        assert len(some) > 40
        assert np.abs(np.median(beside[some], axis=0) / 2).max() < 0.25


# Turned and zoomed


@pytest.mark.parametrize("turn_deg", [23, 90, 151, 180, 270])
@pytest.mark.parametrize("zoom", [0.6, 1.0, 1.6])
def test_a_turned_and_zoomed_picture_matches_with_the_change_in_its_keypoints(name, turn_deg, zoom):
    original = textured(11)
    side = int(520 * zoom)
    planted = similarity(turn_deg, zoom, about=(199.5, 149.5), to=(side / 2, side / 2))
    one = extract(name, original, max_keypoints=1500)
    other = extract(name, warp(original, planted, side, side), max_keypoints=1500)
    good = matched_rightly(name, one, other, planted)
    assert len(good) > expectation(name).repeated * len(one)
    growth = other.scale[good[:, 1]] / one.scale[good[:, 0]]
    assert np.median(growth) == pytest.approx(zoom, rel=expectation(name).growth)
    turned = np.exp(1j * (other.angle_rad[good[:, 1]] - one.angle_rad[good[:, 0]]))
    off = np.angle(turned / np.exp(1j * np.deg2rad(turn_deg)))
    assert np.median(np.abs(off)) < np.deg2rad(5)


def test_two_unrelated_pictures_agree_on_no_homography(name):
    one, other = extract(name, textured(12)), extract(name, textured(13))
    pairs = matched(name, one, other)
    _, mask = cv2.findHomography(
        one.xy[pairs[:, 0]], other.xy[pairs[:, 1]], cv2.RANSAC, ransacReprojThreshold=3.0
    )
    assert mask is None or mask.sum() < 0.15 * len(pairs)


def test_a_lighter_picture_of_less_contrast_matches(name):
    dimmed = (textured(11).astype(np.float32) * 0.7 + 40).astype(np.uint8)
    one, other = extract(name, textured(11)), extract(name, dimmed)
    good = matched_rightly(name, one, other, np.eye(3))
    assert len(good) > 0.5 * min(len(one), len(other))


# A region cut out


@pytest.mark.parametrize("left_top", [(96, 72), (97, 67)], ids=["even", "odd"])
def test_a_crop_has_the_keypoints_that_the_whole_has_well_within_it(name, left_top):
    whole = textured(20, 640, 480)
    left, top = left_top
    crop = whole[top : top + 320, left : left + 400]
    seen = extract(name, whole, max_keypoints=EVERYTHING)
    clearance = np.maximum(expectation(name).clearance * seen.scale, 16)
    from_border = np.minimum(seen.xy - left_top, [left + 399, top + 319] - seen.xy).min(axis=1)
    inside = seen.take(np.flatnonzero(from_border > clearance))
    assert len(inside) > 50
    moved = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
    cut = extract(name, crop, max_keypoints=EVERYTHING)
    tolerance = np.maximum(1.5, 0.05 * inside.scale)
    good = matched_rightly(name, inside, cut, moved, within_px=tolerance)
    assert len(good) > expectation(name).repeated_in_crop * len(inside)
    growth = cut.scale[good[:, 1]] / inside.scale[good[:, 0]]
    assert np.median(np.abs(growth - 1)) < expectation(name).growth


# Upright

UPRIGHT = [name for name in installed_extractors() if expectation(name).upright]


def test_an_extractor_without_an_upright_mode_says_so():
    for name in set(installed_extractors()) - set(UPRIGHT):
        with pytest.raises(UsageError, match=f"{name} has no upright mode"):
            extract(name, textured(2), upright=True)


@pytest.mark.parametrize("name", UPRIGHT)
def test_upright_keypoints_have_no_angle(name):
    found = extract(name, textured(2), upright=True)
    assert len(found) > 100
    assert_well_formed(found, name)
    assert not found.angle_rad.any()


@pytest.mark.parametrize("name", UPRIGHT)
def test_an_upright_keypoint_is_listed_once_whatever_orientations_it_might_have(name):
    found = extract(name, textured(2), upright=True, max_keypoints=EVERYTHING)
    keypoints = np.column_stack([found.xy, found.scale])
    assert len(np.unique(keypoints, axis=0)) == len(found)


@pytest.mark.parametrize("name", UPRIGHT)
def test_upright_keypoints_lie_where_turned_ones_do(name):
    upright, turned = (
        extract(name, textured(2), upright=upright, max_keypoints=EVERYTHING)
        for upright in (True, False)
    )
    places = [set(map(tuple, found.xy.tolist())) for found in (upright, turned)]
    assert places[0] == places[1]


@pytest.mark.parametrize("name", UPRIGHT)
def test_upright_keypoints_match_a_picture_seen_from_the_side_and_not_a_turned_one(name):
    original = textured(11)
    aside = tilt(400, 300, 0.05)
    turned = similarity(90, 1.0, about=(199.5, 149.5), to=(149.5, 199.5))
    one = extract(name, original, upright=True)
    other = extract(name, warp(original, aside, 400, 300), upright=True)
    assert len(matched_rightly(name, one, other, aside)) > 0.5 * len(one)
    other = extract(name, warp(original, turned, 300, 400), upright=True)
    assert len(matched_rightly(name, one, other, turned)) < 0.05 * len(one)
