from __future__ import annotations

import cv2
import numpy as np
import pytest

from kpsearch.errors import NotInstalled, UsageError
from kpsearch.features import EXTRACTORS, installed_extractors, make_extractor
from kpsearch.features.encoding import by_sign, root_shares
from kpsearch.features.opencv import OpenCvExtractor, factory, features_from_keypoints
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, ImageSize
from tests.textures import textured

MORE_THAN_ALL = 100_000

# Names in OpenCV


def test_a_name_in_cv2_is_found_there():
    assert factory("ORB_create") is cv2.ORB_create
    assert factory("KeyPoint") is cv2.KeyPoint


def test_a_name_that_is_only_in_xfeatures2d_is_found_there():
    assert not hasattr(cv2, "TEBLID_create")
    assert factory("TEBLID_create") is cv2.xfeatures2d.TEBLID_create


@pytest.mark.parametrize("kind", ["AKAZE", "BRISK", "KAZE", "ORB", "SIFT"])
def test_detectors_are_found_wherever_this_opencv_has_them(kind):
    assert factory(f"{kind}_create")().getDefaultName().endswith(kind)


def test_an_unknown_name_is_reported_with_the_version_of_opencv_and_what_to_install():
    with pytest.raises(NotInstalled) as caught:
        factory("SHIFT_create")
    assert str(caught.value) == (
        f"OpenCV {cv2.__version__} as installed has no SHIFT_create: "
        "install opencv-contrib-python-headless"
    )
    assert isinstance(caught.value, UsageError)


def test_an_unknown_name_is_reported_with_the_remedy_given_for_it():
    with pytest.raises(NotInstalled, match=r"has no SHIFT_create: ask the author$"):
        factory("SHIFT_create", "ask the author")


def test_the_installed_extractors_are_those_that_can_be_made():
    for name in EXTRACTORS.names():
        if name in installed_extractors():
            make_extractor(name)
        else:
            with pytest.raises(NotInstalled):
                make_extractor(name)


# OpenCV's keypoints as arrays


def keypoint(x: float, y: float, response: float, angle_deg: float = 0.0) -> cv2.KeyPoint:
    return cv2.KeyPoint(x, y, 8.0, angle_deg, response)


def converted(points: list[cv2.KeyPoint]) -> Features:
    """With the number of each point in the list as its descriptor."""
    numbers = np.arange(len(points), dtype=np.uint8)[:, None]
    return features_from_keypoints(points, numbers, ImageSize(90, 70))


def test_degrees_of_opencv_become_radians_below_a_full_turn():
    angles = (0, 90, 180, 359.9, 360, np.nextafter(np.float32(360), np.float32(0)))
    found = converted([keypoint(i, 0, 9 - i, angle) for i, angle in enumerate(angles)])
    expected = np.deg2rad([0, 90, 180, 359.9, 0, 360])
    np.testing.assert_allclose(found.angle_rad, expected, atol=1e-6)
    assert (found.angle_rad < 2 * np.pi).all()


def test_keypoints_are_listed_strongest_first_with_their_descriptors():
    found = converted([keypoint(3, 4, 0.5), keypoint(5, 6, 0.9), keypoint(7, 8, 0.1)])
    np.testing.assert_array_equal(found.xy, [[5, 6], [3, 4], [7, 8]])
    np.testing.assert_array_equal(found.response, np.float32([0.9, 0.5, 0.1]))
    np.testing.assert_array_equal(found.descriptors[:, 0], [1, 0, 2])


def test_keypoints_of_equal_strength_are_listed_by_place_and_angle():
    points = [keypoint(5, 1, 1), keypoint(2, 9, 1), keypoint(2, 3, 1, 80), keypoint(2, 3, 1, 10)]
    np.testing.assert_array_equal(converted(points).descriptors[:, 0], [3, 2, 1, 0])


def test_places_and_sizes_are_kept_to_the_bit():
    point = cv2.KeyPoint(12.345, 67.89, 4.25, -1, 0.125)
    found = converted([point])
    assert tuple(found.xy[0].tolist()) == point.pt
    assert found.scale[0] == point.size
    assert found.image_size == (90, 70)


def test_no_keypoints_are_well_formed_nothing():
    found = features_from_keypoints([], np.empty((0, 32), np.uint8), ImageSize(90, 70))
    assert found.xy.shape == (0, 2)
    assert found.descriptors.shape == (0, 32)
    for column in (found.xy, found.scale, found.angle_rad, found.response):
        assert column.dtype == np.float32
        assert len(column) == 0


# OpenCV's detectors as extractors


def found_in(pixels: np.ndarray, name: str, **options: object) -> Features:
    settings = {"max_keypoints": MORE_THAN_ALL, **options}
    extractor = make_extractor(name)
    settings.setdefault("threshold", extractor.default_threshold)
    return extractor.extract(pixels, FeatureOptions(name, **settings))


@pytest.mark.parametrize(
    ("name", "create"),
    [
        ("akaze", lambda threshold: factory("AKAZE_create")(threshold=threshold)),
        ("brisk", lambda threshold: factory("BRISK_create")(thresh=int(threshold))),
        (
            "orb",
            lambda threshold: cv2.ORB_create(nfeatures=115_000, fastThreshold=int(threshold)),
        ),
    ],
)
def test_bits_are_just_those_of_opencv(name, create):
    """At 384 × 288, whose sides divide by the steps of every pyramid but ORB's."""
    picture = textured(1, 384, 288)
    found = found_in(picture, name)
    extractor = make_extractor(name)
    keypoints, bits = create(extractor.default_threshold).detectAndCompute(picture, None)
    assert len(found) == len(keypoints) > 100
    assert set(map(bytes, found.descriptors)) == set(map(bytes, bits))


def test_the_strongest_are_kept_of_what_opencv_finds():
    everything = found_in(textured(2), "akaze")
    found = found_in(textured(2), "akaze", max_keypoints=40)
    assert 40 <= len(found) <= 48
    np.testing.assert_array_equal(found.descriptors, everything.descriptors[: len(found)])


def test_opencvs_kaze_lists_sums_along_and_across_then_their_magnitudes():
    _, sums = factory("KAZE_create")(threshold=0.001).detectAndCompute(textured(3), None)
    cells = sums.reshape(-1, 16, 4)
    assert (np.abs(cells[:, :, :2]) <= cells[:, :, 2:] + 1e-6).all()
    assert (cells[:, :, :2] < 0).any()


def test_kaze_descriptors_are_root_shares_of_sums_by_sign():
    found = found_in(textured(3), "kaze", threshold=0.001)
    keypoints, sums = factory("KAZE_create")(threshold=0.001).detectAndCompute(textured(3), None)
    cells = sums.reshape(-1, 16, 4)
    halves = by_sign(
        cells[:, :, :2].reshape(len(cells), 32), cells[:, :, 2:].reshape(len(cells), 32)
    )
    expected = dict(zip((point.pt for point in keypoints), root_shares(halves), strict=True))
    assert len(found) == len(keypoints) > 100
    for place, descriptor in zip(map(tuple, found.xy.tolist()), found.descriptors, strict=True):
        np.testing.assert_array_equal(descriptor, expected[place])


def test_teblid_describes_the_corners_of_orb_otherwise():
    orb, teblid = found_in(textured(4), "orb"), found_in(textured(4), "orb-teblid")
    places = set(map(tuple, orb.xy.tolist()))
    assert set(map(tuple, teblid.xy.tolist())) <= places
    assert len(teblid) > 0.9 * len(orb)
    assert not set(map(bytes, orb.descriptors)) & set(map(bytes, teblid.descriptors))


def test_a_detector_that_finds_nothing_to_describe_gives_well_formed_nothing():
    extractor = OpenCvExtractor(
        descriptor_size=32,
        binary=True,
        default_threshold=1.0,
        detector=lambda _: cv2.ORB_create(),
        describer=lambda: factory("TEBLID_create")(1.0),
    )
    for upright in (False, True):
        options = FeatureOptions("any", threshold=1.0, upright=upright)
        found = extractor.extract(np.full((90, 120), 77, np.uint8), options)
        assert found.descriptors.shape == (0, 32)
        assert found.image_size == (120, 90)
