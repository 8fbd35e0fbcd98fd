"""What every registered extractor must do, whatever its method. Where one cannot, the table in
`tests.contract.extraction` says so and why; geometry and masks have files of their own."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.errors import NotInstalled
from kpsearch.features import EXTRACTORS, installed_extractors, make_extractor, settled
from kpsearch.options import FeatureOptions
from tests.contract.extraction import (
    EXPECTATIONS,
    assert_well_formed,
    digest,
    extract,
    extract_afresh,
)
from tests.textures import encode, flat, textured

EVERYTHING = 100_000
"""More keypoints than any picture here has."""

SIZES = {
    "one pixel": (1, 1),
    "three by five pixels": (3, 5),
    "smallest": (16, 16),
    "one pixel high when shrunk": (4000, 2),
    "one pixel wide when shrunk": (2, 4000),
    "narrow": (16, 1200),
    "wide": (1200, 16),
    "odd": (17, 23),
}


def test_an_extractor_is_installed_or_says_what_to_do():
    missing = set(EXTRACTORS.names()) - set(installed_extractors())
    for name in missing:
        with pytest.raises(NotInstalled, match=rf"OpenCV {cv2.__version__} .*: \w+"):
            make_extractor(name)


def test_extractors_that_need_only_the_declared_dependencies_are_installed():
    assert set(EXTRACTORS.names()) - {"surf-opencv"} <= set(installed_extractors())


def test_every_exception_to_the_contract_is_for_a_registered_extractor():
    assert set(EXPECTATIONS) <= set(EXTRACTORS.names())


# Well-formed features for every picture


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_flat_picture_has_no_keypoints(name, shade, size):
    features = extract(name, flat(shade, *size))
    assert len(features) == 0
    assert features.image_size == size
    assert_well_formed(features, name)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_features_are_well_formed_for_a_picture_of_any_shape(name, size):
    noise = np.random.default_rng(1).integers(0, 256, size[::-1], dtype=np.uint8)
    features = extract(name, noise)
    assert features.image_size == size
    assert_well_formed(features, name)


def test_features_of_a_rich_picture_are_well_formed_and_strongest_first(name):
    features = extract(name, textured(2))
    assert len(features) > 100
    assert_well_formed(features, name)
    assert (np.diff(features.response) <= 0).all()


@pytest.mark.parametrize("ground", [0, 255])
def test_features_of_a_thing_on_a_plain_ground_lie_on_it(name, ground):
    picture = flat(ground, 500, 400)
    picture[120:300, 130:370] = textured(14, 240, 180)
    features = extract(name, picture)
    assert len(features) > 30
    assert_well_formed(features, name)
    beyond = np.maximum([130, 120] - features.xy, features.xy - [369, 299]).max(axis=1)
    assert (beyond < features.scale).all()


def test_keypoints_differ_in_their_descriptors(name):
    features = extract(name, textured(2))
    assert len(np.unique(features.descriptors, axis=0)) > 0.95 * len(features)


def test_no_keypoint_is_listed_twice(name):
    found = extract(name, textured(2), max_keypoints=EVERYTHING)
    keypoints = np.column_stack([found.xy, found.scale, found.angle_rad])
    assert len(np.unique(keypoints, axis=0)) == len(found)


# Limit and threshold


@pytest.mark.parametrize("max_keypoints", [1, 7, 64, EVERYTHING])
def test_the_limit_on_keypoints_is_reached_by_a_rich_picture_and_never_passed(name, max_keypoints):
    everything = len(extract(name, textured(2), max_keypoints=EVERYTHING))
    found = extract(name, textured(2), max_keypoints=max_keypoints)
    assert len(found) == min(max_keypoints, everything)


def test_a_threshold_that_is_not_given_is_settled_on_the_default(name):
    default = make_extractor(name).default_threshold
    assert default > 0
    assert settled(FeatureOptions(name)) == FeatureOptions(name, threshold=default)
    found = extract(name, textured(2), threshold=default)
    assert digest(found) == digest(extract(name, textured(2)))


@pytest.mark.parametrize("threshold", [0.0, 7.5])
def test_a_threshold_that_is_given_stays(name, threshold):
    options = FeatureOptions(name, threshold=threshold)
    assert settled(options) == options


def test_a_higher_threshold_finds_fewer_keypoints(name):
    default = make_extractor(name).default_threshold
    counts = [
        len(extract(name, textured(2), max_keypoints=EVERYTHING, threshold=default * factor))
        for factor in (0.0, 0.5, 1.0, 2.0, 4.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[1] > counts[2] > counts[3]


def test_keypoints_of_a_higher_threshold_are_among_those_of_a_lower_one(name):
    default = make_extractor(name).default_threshold
    few, many = (
        extract(name, textured(2), max_keypoints=EVERYTHING, threshold=default * factor)
        for factor in (2.0, 1.0)
    )
    shared = set(map(tuple, few.xy.tolist())) & set(map(tuple, many.xy.tolist()))
    assert len(shared) > 0.9 * len(set(map(tuple, few.xy.tolist())))


def test_a_threshold_above_all_responses_finds_nothing(name):
    features = extract(name, textured(2), threshold=1e6)
    assert len(features) == 0
    assert_well_formed(features, name)


# The same picture, the same features


def test_extracting_twice_gives_the_same_bytes(name):
    assert digest(extract_afresh(name, textured(2))) == digest(extract_afresh(name, textured(2)))


def test_the_picture_is_not_written_to(name):
    pixels = textured(4)
    pixels.flags.writeable = False
    before = pixels.copy()
    extract(name, pixels)
    extract(name, pixels, max_side_px=200)
    np.testing.assert_array_equal(pixels, before)


def test_a_view_into_a_larger_picture_equals_its_copy(name):
    view = textured(5)[40:240, 30:330]
    assert digest(extract_afresh(name, view)) == digest(extract_afresh(name, view.copy()))


CHILD = """
import sys
import cv2, numpy as np
from tests.contract.extraction import digest, extract
data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
print(digest(extract(sys.argv[1], cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))))
"""


def test_another_process_finds_the_same_bytes(name):
    child = subprocess.run(
        [sys.executable, "-c", CHILD, name],
        input=encode(textured(2)),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout.decode().strip() == digest(extract(name, textured(2)))


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
        found.add(digest(extract_afresh(name, textured(7, 480, 360))))
    assert len(found) == 1


def test_pictures_extracted_at_once_in_several_threads_do_not_mix(name):
    pictures = [textured(seed, 200, 150) for seed in range(8)]
    one_by_one = [digest(extract_afresh(name, pixels)) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda pixels: digest(extract_afresh(name, pixels)), pictures))
    assert at_once == one_by_one
