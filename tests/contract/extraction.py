"""Extracting pictures for the contract, and what each extractor is held to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from kpsearch.features import extract_features, make_extractor
from kpsearch.geometry import project
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, ImageSize
from tests.textures import Grey, Matrix, as_image


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a registered extractor is held to; one that cannot is in `EXPECTATIONS`."""

    accuracy_px: float = 1.0
    """Largest error, in original pixels, of a planted homography at the picture's corners."""
    repeated: float = 0.25
    """Least share of keypoints found again in a turned and zoomed picture."""
    growth: float = 0.1
    """Largest relative error of the growth of a keypoint's scale with the picture."""
    clearance: float = 2.0
    """Keypoints so many times their scale away from the border do not depend on where it is."""
    repeated_in_crop: float = 0.85
    """Least share of those that a crop has too."""
    same_under_full_mask: float = 1.0
    """Least share of keypoints that a mask of all True leaves as they are."""
    upright: bool = True
    """Whether keypoints can be described without being turned."""


CORNERS = {
    "accuracy_px": 1.5,  # whole pixels of a level, and 31 px of its border blind: 0.9 measured
    "repeated": 0.15,  # FAST's corners last over fewer scales than blobs: 0.22 to 0.42 measured
    "repeated_in_crop": 0.75,  # a crop's levels never have the whole's pixels: 0.83 to 0.90
    "same_under_full_mask": 0.9,  # a quota a level, which a mask's surplus of keypoints moves
}

EXPECTATIONS = {
    "akaze": Expectation(
        accuracy_px=1.25,  # no keypoints near the border (below), so corners are extrapolated
        repeated=0.2,  # the blind border takes most of a small picture: 0.24 to 0.83 measured
        growth=0.35,  # scales are its levels', 2^¼ or √2 apart; in the mean 1.24 of 0.6 measured
        clearance=10.0,  # it finds none whose descriptor might reach beyond the border
    ),
    "brisk": Expectation(
        repeated_in_crop=0.4,  # where a crop's border is off its levels' grid: 0.46; on it, 0.99
        upright=False,  # OpenCV's turns keypoints whatever angle they are given
    ),
    "orb": Expectation(**CORNERS),
    "orb-teblid": Expectation(**CORNERS),
    "surf-opencv": Expectation(
        repeated=0.15,  # of a picture 0.6 as large 0.19 to 0.28, else 0.57 to 0.66 (OpenCV 4.12)
    ),
}


def expectation(name: str) -> Expectation:
    return EXPECTATIONS.get(name, Expectation())


_EXTRACTED: dict[object, Features] = {}


def extract(
    name: str,
    pixels: Grey,
    *,
    max_keypoints: int = 500,
    max_side_px: int = 800,
    threshold: float | None = None,
    upright: bool = False,
    size: ImageSize | None = None,
    mask: np.ndarray | None = None,
) -> Features:
    """The features of a picture, remembered: what is asked for twice is extracted once."""
    options = FeatureOptions(name, max_side_px, max_keypoints, threshold, upright)
    bits = b"" if mask is None else np.packbits(mask).tobytes()
    key = (options, pixels.shape, size, hashlib.sha256(pixels.tobytes() + bits).digest())
    if key not in _EXTRACTED:
        _EXTRACTED[key] = extract_features(as_image(pixels, size), options, mask=mask)
    return _EXTRACTED[key]


def extract_afresh(name: str, pixels: Grey) -> Features:
    """The same as `extract`, and never remembered: for tests that extracting is repeatable."""
    return extract_features(as_image(pixels), FeatureOptions(name, 800, 500))


def digest(features: Features) -> str:
    summary = hashlib.sha256()
    for field in ("xy", "scale", "angle_rad", "response", "descriptors"):
        summary.update(np.ascontiguousarray(getattr(features, field)).tobytes())
    return summary.hexdigest()


def assert_well_formed(features: Features, name: str) -> None:
    n = len(features)
    assert features.xy.shape == (n, 2)
    assert features.descriptors.shape == (n, make_extractor(name).descriptor_size)
    assert features.descriptors.dtype == np.uint8
    for column in (features.scale, features.angle_rad, features.response):
        assert column.shape == (n,)
    for column in (features.xy, features.scale, features.angle_rad, features.response):
        assert column.dtype == np.float32
        assert np.isfinite(column).all()
    assert (features.scale > 0).all()
    assert ((features.angle_rad >= 0) & (features.angle_rad < 2 * np.pi)).all()
    assert (features.xy >= -0.5).all()
    assert (features.xy <= np.array(features.image_size) - 0.5).all()


def matched(name: str, one: Features, other: Features) -> np.ndarray:
    """(m, 2) rows of the pairs of keypoints that are each other's nearest by descriptor."""
    if make_extractor(name).binary:
        norm, numbers = cv2.NORM_HAMMING, np.uint8
    else:
        norm, numbers = cv2.NORM_L2, np.float32
    pairs = cv2.BFMatcher(norm, crossCheck=True).match(
        one.descriptors.astype(numbers), other.descriptors.astype(numbers)
    )
    return np.array([(pair.queryIdx, pair.trainIdx) for pair in pairs], np.intp).reshape(-1, 2)


def matched_rightly(
    name: str,
    one: Features,
    other: Features,
    planted: Matrix,
    *,
    within_px: float | np.ndarray = 3.0,
) -> np.ndarray:
    """Those pairs that lie where the planted homography has them, within so much a keypoint."""
    pairs = matched(name, one, other)
    beside = project(planted, one.xy[pairs[:, 0]]) - other.xy[pairs[:, 1]]
    tolerance = np.broadcast_to(within_px, len(one))[pairs[:, 0]]
    return pairs[np.linalg.norm(beside, axis=1) < tolerance]


def fitted(name: str, one: Features, other: Features, *, within_px: float = 2.0) -> Matrix:
    """The homography that most pairs agree on, then the best one for all that agree."""
    pairs = matched(name, one, other)
    here, there = one.xy[pairs[:, 0]].astype(np.float64), other.xy[pairs[:, 1]].astype(np.float64)
    matrix, _ = cv2.findHomography(here, there, cv2.RANSAC, ransacReprojThreshold=within_px)
    for _ in range(5):
        agree = np.linalg.norm(project(matrix, here) - there, axis=1) < within_px
        matrix, _ = cv2.findHomography(here[agree], there[agree], 0)
    return matrix
