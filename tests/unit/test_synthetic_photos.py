"""Photographs: the homography and the shares are what the pixels show."""

import cv2
import numpy as np
import pytest

from kpsearch.errors import UsageError
from kpsearch.synthetic import (
    CameraOptions,
    CatalogueSpec,
    pack_size,
    photo_truth,
    photograph,
    render_item,
    render_photo,
)
from kpsearch.synthetic.occluders import random_occluder

SPEC = CatalogueSpec(items=60, seed=3, side_px=480)
CLEAR = CameraOptions(severity=0.6, side_px=480, light=0, blur=0, noise=0, worst_jpeg_quality=95)
COVERED = CameraOptions(severity=1.0, side_px=480, occlusion_probability=1.0)


def _pull_back(photo_mask, homography, size):
    """The photo's mask as the pack sees it: (h, w) of the pack."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(photo_mask, homography, size[::-1], flags=flags)


@pytest.mark.parametrize(("i", "severity"), [(0, 0.2), (7, 0.5), (21, 0.5), (33, 0.7)])
def test_sift_matches_agree_with_the_homography(i, severity):
    photo = render_photo(SPEC, i, 0, CameraOptions(severity=severity))
    sift = cv2.SIFT_create(nfeatures=1500)
    points_a, words_a = sift.detectAndCompute(render_item(SPEC, i), None)
    points_b, words_b = sift.detectAndCompute(photo.pixels, None)
    pairs = cv2.BFMatcher().knnMatch(words_a, words_b, k=2)
    good = [a for a, b in pairs if a.distance < 0.7 * b.distance]
    source = np.array([points_a[m.queryIdx].pt for m in good])
    target = np.array([points_b[m.trainIdx].pt for m in good])
    expected = cv2.perspectiveTransform(source[None], photo.homography)[0]
    assert len(good) >= 30
    assert np.median(np.linalg.norm(expected - target, axis=1)) < 2


def test_the_homography_is_exact_to_a_fraction_of_a_pixel():
    """A dot on a plain pack lands where the homography says."""
    pack = np.full((301, 201, 3), 255, dtype=np.uint8)
    cv2.circle(pack, (120, 90), 5, (0, 0, 0), -1, cv2.LINE_AA)
    for seed in range(3):
        options = CameraOptions(
            severity=0.5, crop=0, light=0, blur=0, noise=0, occlusion_probability=0
        )
        photo = photograph(pack, np.random.default_rng(seed), options)
        back = _pull_back(photo.pixels, photo.homography, (301, 201))
        dark = 255.0 - cv2.cvtColor(back, cv2.COLOR_BGR2GRAY)[60:120, 90:150]
        rows, columns = np.mgrid[60:120, 90:150]
        dark[dark < 60] = 0
        assert np.sum(columns * dark) / dark.sum() == pytest.approx(120, abs=0.3)
        assert np.sum(rows * dark) / dark.sum() == pytest.approx(90, abs=0.3)


def test_visible_is_the_share_of_the_pack_in_the_frame_and_not_covered():
    for number in range(6):
        size, view = pack_size(SPEC, 9), photo_truth(SPEC, 9, number, COVERED)
        frame = (view.height_px, view.width_px)
        covered = view.occluder.mask(frame)
        seen = _pull_back(255 - covered, view.homography, size).mean() / 255
        hidden = _pull_back(covered, view.homography, size).mean() / 255
        assert view.visible == pytest.approx(seen, abs=0.02)
        assert view.occluded == pytest.approx(hidden, abs=0.02)


def test_a_pack_wholly_in_the_frame_is_wholly_visible():
    options = CameraOptions(severity=0.0)
    photo = render_photo(SPEC, 2, 0, options)
    assert (photo.visible, photo.occluded) == (1.0, 0.0)


def test_the_truth_of_a_photo_needs_no_picture():
    photo, view = render_photo(SPEC, 14, 3, COVERED), photo_truth(SPEC, 14, 3, COVERED)
    np.testing.assert_array_equal(photo.homography, view.homography)
    assert (photo.visible, photo.occluded) == (view.visible, view.occluded)
    assert photo.pixels.shape == (view.height_px, view.width_px, 3)


@pytest.mark.parametrize("seed", range(4))
def test_an_occluder_covers_in_the_picture_what_the_truth_says(seed):
    green = np.full((400, 300, 3), (0, 255, 0), dtype=np.uint8)
    options = CameraOptions(
        severity=1.0,
        tilt_deg=30,
        crop=0,
        occlusion_probability=1.0,
        light=0,
        blur=0,
        noise=0,
        worst_jpeg_quality=95,
    )
    photo = photograph(green, np.random.default_rng(seed), options)
    back = _pull_back(photo.pixels, photo.homography, (400, 300))
    unlike = np.abs(back.astype(int) - green).max(axis=2) > 60
    # A little more than the occluder: its shadow, and the blurred rim of the pack.
    assert photo.occluded - 0.01 <= unlike.mean() <= photo.occluded + 0.09


def test_a_photo_is_the_same_each_time_and_another_number_is_another_photo():
    first = render_photo(SPEC, 3, 0, CLEAR)
    assert render_photo(SPEC, 3, 0, CLEAR).jpeg == first.jpeg
    assert render_photo(SPEC, 3, 1, CLEAR).jpeg != first.jpeg


def test_the_pixels_are_those_of_the_file():
    photo = render_photo(SPEC, 3, 2)
    decoded = cv2.imdecode(np.frombuffer(photo.jpeg, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(photo.pixels, decoded)


def test_a_pack_is_not_changed_by_being_photographed():
    pack = render_item(SPEC, 1)
    before = pack.copy()
    photograph(pack, np.random.default_rng(0), COVERED, others=[pack])
    np.testing.assert_array_equal(pack, before)


def test_harder_photos_show_less_of_the_pack():
    shares = []
    for severity in (0.1, 1.0):
        photos = [render_photo(SPEC, i, 0, CameraOptions(severity=severity)) for i in (0, 12, 24)]
        shares.append(np.mean([photo.visible for photo in photos]))
    assert shares[0] > shares[1]


@pytest.mark.parametrize("seed", range(6))
def test_occluders_stay_small_beside_the_frame(seed):
    rng = np.random.default_rng(seed)
    mask = random_occluder((600, 800), (400.0, 300.0), rng).mask((600, 800))
    assert 0.005 < (mask > 0).mean() < 0.35


@pytest.mark.parametrize("wrong", [{"severity": 1.5}, {"side_px": 3}, {"tilt_deg": 89}])
def test_camera_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        CameraOptions(**wrong)
