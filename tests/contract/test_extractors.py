"""What every registered extractor must do, whatever its method."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.features import EXTRACTORS, extract_features, make_extractor
from kpsearch.geometry import project
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, ImageSize
from tests.textures import as_image, encode, flat, similarity, textured, tilt, warp

SIZES = {
    "smallest": (16, 16),
    "one pixel high when shrunk": (4000, 2),
    "narrow": (16, 1200),
    "wide": (1200, 16),
    "odd": (17, 23),
}


@pytest.fixture(params=EXTRACTORS.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def extract(
    name: str,
    pixels: np.ndarray,
    *,
    max_keypoints: int = 500,
    max_side_px: int = 800,
    size: ImageSize | None = None,
) -> Features:
    options = FeatureOptions(name, max_side_px, max_keypoints)
    return extract_features(as_image(pixels, size), options)


def digest(features: Features) -> str:
    summary = hashlib.sha256()
    for field in ("xy", "scale", "angle_rad", "response", "descriptors"):
        summary.update(np.ascontiguousarray(getattr(features, field)).tobytes())
    return summary.hexdigest()


def assert_well_formed(features: Features, descriptor_size: int) -> None:
    n = len(features)
    assert features.xy.shape == (n, 2)
    assert features.descriptors.shape == (n, descriptor_size)
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


def matched(one: Features, other: Features) -> np.ndarray:
    """(m, 2) rows of the pairs of keypoints that are each other's nearest by descriptor."""
    pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(
        one.descriptors.astype(np.float32), other.descriptors.astype(np.float32)
    )
    return np.array([(pair.queryIdx, pair.trainIdx) for pair in pairs]).reshape(-1, 2)


def fitted(one: Features, other: Features) -> np.ndarray:
    pairs = matched(one, other)
    matrix, _ = cv2.findHomography(
        one.xy[pairs[:, 0]], other.xy[pairs[:, 1]], cv2.RANSAC, ransacReprojThreshold=2.0
    )
    return matrix


def corners(width: int, height: int) -> np.ndarray:
    return np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)


def assert_same_map(found: np.ndarray, planted: np.ndarray, points: np.ndarray) -> None:
    """Within a pixel, at each of the points."""
    error = np.linalg.norm(project(found, points) - project(planted, points), axis=1)
    assert error.max() < 1.0


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_flat_picture_has_no_keypoints(name, shade, size):
    features = extract(name, flat(shade, *size))
    assert len(features) == 0
    assert_well_formed(features, make_extractor(name).descriptor_size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_features_are_well_formed_for_a_picture_of_any_shape(name, size):
    noise = np.random.default_rng(1).integers(0, 256, size[::-1], dtype=np.uint8)
    features = extract(name, noise)
    assert features.image_size == size
    assert_well_formed(features, make_extractor(name).descriptor_size)


def test_features_of_a_rich_picture_are_well_formed_and_strongest_first(name):
    features = extract(name, textured(2))
    assert len(features) > 100
    assert_well_formed(features, make_extractor(name).descriptor_size)
    assert (np.diff(features.response) <= 0).all()


def test_keypoints_differ_in_their_descriptors(name):
    features = extract(name, textured(2))
    assert len(np.unique(features.descriptors, axis=0)) > 0.95 * len(features)


@pytest.mark.parametrize("max_keypoints", [1, 7, 64, 100_000])
def test_the_limit_on_keypoints_is_reached_by_a_rich_picture_and_never_passed(name, max_keypoints):
    everything = len(extract(name, textured(3), max_keypoints=100_000))
    found = extract(name, textured(3), max_keypoints=max_keypoints)
    assert len(found) == min(max_keypoints, everything)


def test_extracting_twice_gives_the_same_bytes(name):
    assert digest(extract(name, textured(4))) == digest(extract(name, textured(4)))


def test_the_picture_is_not_written_to(name):
    pixels = textured(4)
    pixels.flags.writeable = False
    before = pixels.copy()
    extract(name, pixels, max_side_px=200)
    np.testing.assert_array_equal(pixels, before)


def test_a_view_into_a_larger_picture_equals_its_copy(name):
    view = textured(5)[40:240, 30:330]
    assert digest(extract(name, view)) == digest(extract(name, view.copy()))


CHILD = """
import hashlib, sys
import cv2, numpy as np
from kpsearch.features import extract_features
from kpsearch.options import FeatureOptions
from kpsearch.types import FileFacts, Image, ImageSize
data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
size = ImageSize(pixels.shape[1], pixels.shape[0])
image = Image("picture", pixels, size, FileFacts(0, 0, bytes(16)), "PNG")
found = extract_features(image, FeatureOptions(sys.argv[1], 800, 500))
summary = hashlib.sha256()
for field in ("xy", "scale", "angle_rad", "response", "descriptors"):
    summary.update(np.ascontiguousarray(getattr(found, field)).tobytes())
print(summary.hexdigest())
"""


def test_another_process_finds_the_same_bytes(name):
    child = subprocess.run(
        [sys.executable, "-c", CHILD, name],
        input=encode(textured(6)),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout.decode().strip() == digest(extract(name, textured(6)))


@pytest.fixture
def cv_threads():
    """A function that sets OpenCV's threads; they are put back afterwards."""
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def test_the_number_of_opencv_threads_changes_nothing(name, cv_threads):
    found = set()
    for threads in (1, 2, 5):
        cv_threads(threads)
        found.add(digest(extract(name, textured(7, 640, 480))))
    assert len(found) == 1


def test_pictures_extracted_at_once_in_several_threads_do_not_mix(name):
    pictures = [textured(seed, 200, 150) for seed in range(8)]
    one_by_one = [digest(extract(name, pixels)) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda pixels: digest(extract(name, pixels)), pictures))
    assert at_once == one_by_one


@pytest.mark.parametrize("max_side_px", [800, 401, 300])
def test_a_planted_homography_is_recovered_in_original_pixels(name, max_side_px):
    original = textured(8, 1000, 760)
    planted = tilt(1000, 760)
    one = extract(name, original, max_side_px=max_side_px)
    other = extract(name, warp(original, planted, 1000, 760), max_side_px=max_side_px)
    assert_same_map(fitted(one, other), planted, corners(1000, 760))


def test_a_picture_and_its_enlargement_agree_on_where_pixel_centres_are(name):
    small = textured(9, 300, 220)
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    planted = np.array([[3.0, 0, 1], [0, 3.0, 1], [0, 0, 1]])
    found = fitted(extract(name, small), extract(name, large, max_side_px=300))
    assert_same_map(found, planted, corners(300, 220))


def test_a_picture_decoded_reduced_has_keypoints_in_pixels_of_its_original(name):
    original = textured(10, 800, 600)
    reduced = cv2.resize(original, (400, 300), interpolation=cv2.INTER_AREA)
    other = extract(name, reduced, size=ImageSize(800, 600))
    assert other.image_size == (800, 600)
    assert_same_map(fitted(extract(name, original), other), np.eye(3), corners(800, 600))


@pytest.mark.parametrize("turn_deg", [23, 90, 151, 180, 270])
@pytest.mark.parametrize("zoom", [0.6, 1.0, 1.6])
def test_a_turned_and_zoomed_picture_matches_with_the_change_in_its_keypoints(name, turn_deg, zoom):
    original = textured(11)
    side = int(520 * zoom)
    planted = similarity(turn_deg, zoom, about=(199.5, 149.5), to=(side / 2, side / 2))
    one = extract(name, original)
    other = extract(name, warp(original, planted, side, side))
    pairs = matched(one, other)
    landing = project(planted, one.xy[pairs[:, 0]])
    right = np.linalg.norm(landing - other.xy[pairs[:, 1]], axis=1) < 3
    assert right.sum() > 0.25 * len(one)
    good = pairs[right]
    growth = other.scale[good[:, 1]] / one.scale[good[:, 0]]
    assert np.median(growth) == pytest.approx(zoom, rel=0.1)
    turned = np.exp(1j * (other.angle_rad[good[:, 1]] - one.angle_rad[good[:, 0]]))
    off = np.angle(turned / np.exp(1j * np.deg2rad(turn_deg)))
    assert np.median(np.abs(off)) < np.deg2rad(5)


def test_two_unrelated_pictures_agree_on_no_homography(name):
    one, other = extract(name, textured(12)), extract(name, textured(13))
    pairs = matched(one, other)
    _, mask = cv2.findHomography(
        one.xy[pairs[:, 0]], other.xy[pairs[:, 1]], cv2.RANSAC, ransacReprojThreshold=3.0
    )
    assert mask is None or mask.sum() < 0.15 * len(pairs)
