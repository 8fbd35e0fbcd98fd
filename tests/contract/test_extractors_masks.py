"""What every registered extractor must do with a mask."""

from __future__ import annotations

import cv2
import numpy as np

from kpsearch.types import Features
from tests.contract.extraction import assert_well_formed, digest, expectation, extract
from tests.textures import textured

EVERYTHING = 100_000
"""More keypoints than any picture here has."""


def ellipse(width: int, height: int) -> np.ndarray:
    """True within an ellipse that leaves out every border but touches none."""
    mask = np.zeros((height, width), np.uint8)
    axes = (width * 2 // 5, height * 2 // 5)
    cv2.ellipse(mask, (width // 2, height // 2), axes, 15, 0, 360, 1, -1)
    return mask.astype(bool)


def at_keypoints(mask: np.ndarray, features: Features) -> np.ndarray:
    """(n,) the mask at the pixel that each keypoint is in."""
    column, row = np.rint(features.xy).astype(int).T
    return mask[row, column]


def keypoints(features: Features) -> set[tuple[float, ...]]:
    return set(map(tuple, np.column_stack([features.xy, features.scale]).tolist()))


def test_a_mask_keeps_just_the_keypoints_within_it_as_they_are(name):
    mask = ellipse(400, 300)
    whole = extract(name, textured(2), max_keypoints=EVERYTHING)
    within = whole.take(np.flatnonzero(at_keypoints(mask, whole)))
    found = extract(name, textured(2), max_keypoints=EVERYTHING, mask=mask)
    assert 0 < len(found) < len(whole)
    assert digest(found) == digest(within)


def test_within_the_limit_all_keypoints_lie_in_the_mask(name):
    mask = ellipse(400, 300)
    found = extract(name, textured(2), max_keypoints=50, mask=mask)
    assert len(found) == 50
    assert_well_formed(found, name)
    assert at_keypoints(mask, found).all()


def test_a_mask_that_hides_everything_leaves_well_formed_nothing(name):
    found = extract(name, textured(2), mask=np.zeros((300, 400), bool))
    assert len(found) == 0
    assert found.image_size == (400, 300)
    assert_well_formed(found, name)


def test_a_mask_that_hides_nothing_changes_nothing_where_all_keypoints_are_kept(name):
    masked = extract(name, textured(2), max_keypoints=EVERYTHING, mask=np.ones((300, 400), bool))
    assert digest(masked) == digest(extract(name, textured(2), max_keypoints=EVERYTHING))


def test_a_mask_that_hides_nothing_leaves_the_choice_of_the_strongest_as_it_is(name):
    masked = extract(name, textured(2), max_keypoints=200, mask=np.ones((300, 400), bool))
    plain = extract(name, textured(2), max_keypoints=200)
    assert len(masked) == len(plain)
    shared = keypoints(masked) & keypoints(plain)
    assert len(shared) >= expectation(name).same_under_full_mask * len(keypoints(plain))


def test_the_limit_is_reached_within_a_mask_though_the_strongest_keypoints_lie_outside(name):
    faint = (textured(2).astype(np.float32) * 0.5 + 64).astype(np.uint8)
    picture = np.hstack([textured(15), faint])
    mask = np.zeros(picture.shape, bool)
    mask[:, 400:] = True
    found = extract(name, picture, max_keypoints=40, mask=mask)
    assert len(found) == 40
    assert (found.xy[:, 0] > 399).all()


def test_half_a_rich_picture_has_about_half_its_keypoints(name):
    mask = np.zeros((300, 400), bool)
    mask[:, :200] = True
    whole = len(extract(name, textured(2), max_keypoints=EVERYTHING))
    half = len(extract(name, textured(2), max_keypoints=EVERYTHING, mask=mask))
    assert 0.35 * whole < half < 0.65 * whole


def test_a_mask_larger_than_the_working_size_is_met_within_a_working_pixel(name):
    mask = ellipse(1200, 900)
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    found = extract(name, textured(16, 1200, 900), max_side_px=400, mask=mask)
    whole = extract(name, textured(16, 1200, 900), max_side_px=400)
    assert at_keypoints(grown, found).all()
    assert len(found) > 0.3 * len(whole)
