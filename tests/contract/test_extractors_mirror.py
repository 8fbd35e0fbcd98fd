"""What an extractor says a mirror shows is what it finds in the mirror image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kpsearch.features import (
    extract_features,
    installed_extractors,
    make_extractor,
    mirrored_keypoints,
)
from kpsearch.images import mirror
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, ImageSize
from tests.contract.extraction import expectation
from tests.textures import Grey, as_image, flat, textured

MOST = 64


def differences(name: str, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, m) between descriptors, as the extractor's are compared."""
    if make_extractor(name).binary:
        return np.bitwise_count(rows[:, None] ^ others).sum(axis=2, dtype=np.int64)
    return np.linalg.norm(rows[:, None].astype(np.float32) - others.astype(np.float32), axis=2)


def places(features: Features, rows: np.ndarray, seen: Features) -> np.ndarray:
    """(n, m) pixels from where the mirror shows a keypoint to the keypoints found there."""
    there = features.xy[rows] * np.array([-1, 1]) + [features.image_size.width - 1, 0]
    return np.linalg.norm(there[:, None] - seen.xy, axis=2)


@pytest.mark.parametrize("seed", [2, 3])
def test_descriptors_in_the_mirror_are_those_of_the_mirror_image(name, seed):
    assert_seen_in_the_mirror(name, textured(seed), upright=False)


@pytest.mark.parametrize("name", [n for n in installed_extractors() if expectation(n).upright])
def test_so_are_those_of_upright_keypoints(name):
    assert_seen_in_the_mirror(name, textured(2), upright=True)


def assert_seen_in_the_mirror(name: str, pixels: Grey, *, upright: bool) -> None:
    options = FeatureOptions(name, max_keypoints=500, upright=upright)
    picture = as_image(pixels)
    features, seen = (extract_features(image, options) for image in (picture, mirror(picture)))
    found = mirrored_keypoints(picture, features, options, most=MOST)
    assert len(found.rows) == MOST
    beside = places(features, found.rows, seen)
    apart = differences(name, found.descriptors, seen.descriptors)
    again = beside.min(axis=1) < 2
    assert again.mean() > 0.8
    nearest = apart.argmin(axis=1)
    right = beside[np.arange(MOST), nearest] < 2
    assert right[again].mean() > 0.9
    unlike = differences(name, features.descriptors[found.rows], seen.descriptors)
    near = apart.min(axis=1)[again & right]
    assert np.median(near) < 0.25 * np.median(unlike)


def test_the_order_of_a_mirror_is_undone_by_another(name):
    for upright in (False, True):
        order = make_extractor(name).mirror_order(upright=upright)
        if order is not None:
            assert sorted(order.tolist()) == list(range(make_extractor(name).descriptor_size))
            assert order[order].tolist() == sorted(order.tolist())


def test_keypoints_of_a_mirror_are_spread_strongest_first_and_each_once(name):
    options = FeatureOptions(name, max_keypoints=500)
    picture = as_image(textured(5))
    features = extract_features(picture, options)
    found = mirrored_keypoints(picture, features, options, most=MOST)
    assert (np.diff(found.rows) > 0).all()
    assert (np.diff(features.response[found.rows]) <= 0).all()
    quarter = features.xy[found.rows] // [200, 150]
    assert len(np.unique(quarter, axis=0)) == 4
    assert len(mirrored_keypoints(picture, features, options, most=10_000).rows) > MOST


def test_a_picture_seen_reduced_has_its_mirror_in_original_pixels(name):
    options = FeatureOptions(name, max_keypoints=500, max_side_px=300)
    pixels = cv2.resize(textured(2), (800, 600))
    picture = as_image(pixels, ImageSize(1600, 1200))
    features = extract_features(picture, options)
    found = mirrored_keypoints(picture, features, options, most=MOST)
    seen = extract_features(mirror(picture), options)
    assert len(found.rows) > 0.5 * min(MOST, len(features))
    beside = places(features, found.rows, seen)
    nearest = differences(name, found.descriptors, seen.descriptors).argmin(axis=1)
    worked_px = 1600 / 300
    right = beside[np.arange(len(nearest)), nearest] < 2 * worked_px
    assert right.mean() > 0.7


def test_a_flat_picture_has_nothing_in_the_mirror(name):
    options = FeatureOptions(name)
    picture = as_image(flat())
    found = mirrored_keypoints(picture, extract_features(picture, options), options, most=MOST)
    size = make_extractor(name).descriptor_size
    assert (found.rows.shape, found.descriptors.shape) == ((0,), (0, size))
