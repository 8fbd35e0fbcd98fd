from __future__ import annotations

import cv2
import numpy as np
import pytest

from kpsearch.features import make_extractor
from kpsearch.features.box_means import BoxMeans, Frames
from kpsearch.features.encoding import root_shares
from kpsearch.features.surf import Surf, Surf128, orientations, wavelets
from kpsearch.options import FeatureOptions
from kpsearch.types import Features
from tests.textures import flat, textured

SAMPLES = 20


def found_in(pixels: np.ndarray, name: str = "surf", **options: object) -> Features:
    extractor = make_extractor(name)
    settings = {"max_keypoints": 100_000, "threshold": 20.0, **options}
    return extractor.extract(pixels, FeatureOptions(name, **settings))


def responses(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """dx and dy at the 20 × 20 samples of n keypoints."""
    rng = np.random.default_rng(seed)
    dx, dy = rng.normal(0, 20, (2, n, SAMPLES**2)).astype(np.float32)
    return dx, dy


def frames_at(xy: list[tuple[float, float]], unit: float, angle_rad: float = 0.0) -> Frames:
    n = len(xy)
    return Frames(
        np.array(xy, np.float32), np.full(n, unit, np.float32), np.full(n, angle_rad, np.float32)
    )


def edge(turn_deg: float, size: int = 201) -> np.ndarray:
    """Dark to light through the middle, along the direction given, as blurred as a lens would."""
    across = np.arange(size) - size // 2
    x, y = np.meshgrid(across, across)
    turn = np.deg2rad(turn_deg)
    return np.rint(128 + 100 * np.tanh((x * np.cos(turn) + y * np.sin(turn)) / 4)).astype(np.uint8)


def ramp(a: float, b: float, size: int = 200) -> np.ndarray:
    """Lighter by a a pixel to the right and by b a pixel down."""
    y, x = np.indices((size, size))
    return np.asarray(128 + a * (x - size / 2) + b * (y - size / 2)).astype(np.uint8)


def angles_apart(one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (np.asarray(one, np.float64) - other))))


# Orientation


@pytest.mark.parametrize("turn_deg", range(0, 360, 15))
@pytest.mark.parametrize("unit", [1.0, 2.3, 5.0])
def test_the_orientation_at_an_edge_is_the_way_from_dark_to_light(turn_deg, unit):
    boxes = BoxMeans(edge(turn_deg))
    found = orientations(boxes, frames_at([(100, 100), (101, 99)], unit))
    assert found.dtype == np.float32
    assert ((found >= 0) & (found < 2 * np.pi)).all()
    assert np.rad2deg(angles_apart(found, np.deg2rad(turn_deg))).max() < 3


def test_the_orientation_does_not_depend_on_the_contrast():
    dimmed = (textured(1) // 2 + 40).astype(np.uint8)
    places = list(map(tuple, np.random.default_rng(1).uniform(50, 250, (200, 2))))
    one, other = (orientations(BoxMeans(p), frames_at(places, 2.0)) for p in (textured(1), dimmed))
    assert np.mean(angles_apart(one, other) < np.deg2rad(3)) > 0.95


def test_the_orientation_does_not_depend_on_a_frames_place_in_the_list():
    boxes = BoxMeans(textured(1))
    places = list(map(tuple, np.random.default_rng(1).uniform(50, 250, (200, 2))))
    forwards = orientations(boxes, frames_at(places, 2.0))
    backwards = orientations(boxes, frames_at(places[::-1], 2.0))
    assert angles_apart(forwards, backwards[::-1]).max() < 1e-4


def test_the_negative_of_a_picture_is_oriented_the_other_way():
    places = list(map(tuple, np.random.default_rng(2).uniform(50, 250, (100, 2))))
    one = orientations(BoxMeans(textured(2)), frames_at(places, 2.0))
    other = orientations(BoxMeans(255 - textured(2)), frames_at(places, 2.0))
    assert np.mean(angles_apart(one, other + np.pi) < np.deg2rad(1)) > 0.95


def test_nothing_to_orient_by_is_an_angle_all_the_same():
    found = orientations(BoxMeans(flat()), frames_at([(100, 100)], 2.0))
    np.testing.assert_array_equal(found, [0])


def test_no_keypoints_have_no_orientations_and_no_responses():
    boxes, nothing = BoxMeans(textured(3)), Frames(*np.empty((3, 0), np.float32))
    nothing = nothing._replace(xy=np.empty((0, 2), np.float32))
    assert orientations(boxes, nothing).shape == (0,)
    for responses_found in wavelets(boxes, nothing):
        assert responses_found.shape == (0, SAMPLES**2)
        assert Surf().pool(responses_found, responses_found).shape == (0, 64)
        assert Surf128().pool(responses_found, responses_found).shape == (0, 128)


def turned_by_quarters(xy: np.ndarray, quarters: int, width: int, height: int) -> np.ndarray:
    """Places in a picture, once it has been turned clockwise on the screen."""
    for _ in range(quarters):
        xy = np.column_stack([height - 1 - xy[:, 1], xy[:, 0]])
        width, height = height, width
    return xy


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("unit", [1.5, 2.3, 5.2, 8.0])
def test_orientations_in_a_picture_turned_by_quarters_turn_with_it(quarters, unit):
    """320 × 256 halves evenly to every level, so that all boxes are of the same pixels, turned."""
    picture = textured(4, 320, 256)
    places = np.random.default_rng(4).uniform(60, 190, (200, 2))
    moved = turned_by_quarters(places, quarters, 320, 256)
    turned = np.ascontiguousarray(np.rot90(picture, -quarters))
    one = orientations(BoxMeans(picture), frames_at(list(map(tuple, places)), unit))
    other = orientations(BoxMeans(turned), frames_at(list(map(tuple, moved)), unit))
    off = angles_apart(other, one + quarters * np.pi / 2)
    assert np.mean(off < np.deg2rad(0.5)) > 0.98


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_keypoints_of_a_picture_turned_by_quarters_turn_with_it(quarters):
    """307 × 259: there it is the detector's samples that fall on the same pixels, turned."""
    picture = textured(4, 307, 259)
    one = found_in(picture)
    other = found_in(np.ascontiguousarray(np.rot90(picture, -quarters)))
    place = turned_by_quarters(one.xy, quarters, 307, 259)
    away = np.linalg.norm(place[:, None] - other.xy[None], axis=2)
    partner = away.argmin(axis=1)
    assert len(one) == len(other) > 200
    assert away.min(axis=1).max() < 0.02
    off = angles_apart(other.angle_rad[partner], one.angle_rad + quarters * np.pi / 2)
    assert np.median(off) < np.deg2rad(1)
    assert np.mean(off < np.deg2rad(10)) > 0.9
    apart = np.linalg.norm(other.descriptors[partner].astype(float) - one.descriptors, axis=1)
    assert np.median(apart) < 40


# Haar responses


@pytest.mark.parametrize("unit", [0.8, 1.2, 2.0, 3.7])
@pytest.mark.parametrize("turn_deg", [0, 30, 135, 270])
def test_responses_to_a_ramp_are_its_slope_along_and_across_the_frame(unit, turn_deg):
    """A wavelet is 2 units wide: each of its halves differs by as much as the ramp in a unit."""
    a, b, turn = 0.5, -0.75, np.deg2rad(turn_deg)
    boxes = BoxMeans(ramp(a, b))
    dx, dy = wavelets(boxes, frames_at([(100, 100), (97, 103)], unit, turn))
    along, across = a * np.cos(turn) + b * np.sin(turn), b * np.cos(turn) - a * np.sin(turn)
    np.testing.assert_allclose(dx.mean(axis=1), 2 * unit * along, atol=0.1)
    np.testing.assert_allclose(dy.mean(axis=1), 2 * unit * across, atol=0.1)


# Pooling


def pooled_one_by_one(dx: np.ndarray, dy: np.ndarray, *, split: bool) -> np.ndarray:
    """Of one keypoint, sample by sample: (16, 4) or (16, 8) sums under the Gaussian."""
    sums = np.zeros((16, 2, 2, 2))
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            x, y = column - 9.5, row - 9.5
            fall = np.exp(-(x * x + y * y) / (2 * 3.3**2))
            pair = (dx[row * SAMPLES + column], dy[row * SAMPLES + column])
            for cell in range(16):
                weight = fall
                for at, middle in ((x, cell % 4 * 5 - 7.5), (y, cell // 4 * 5 - 7.5)):
                    weight *= max(0.0, 1 - abs(at - middle) / 5)
                for which in (0, 1):
                    value, other = pair[which], pair[1 - which]
                    sums[cell, which, int(other < 0), int(value < 0)] += weight * abs(value)
    return sums.reshape(-1) if split else sums.sum(axis=2).reshape(-1)


@pytest.mark.parametrize(("surf", "split"), [(Surf(), False), (Surf128(), True)])
def test_sums_are_those_of_a_plain_loop_over_samples_and_cells(surf, split):
    dx, dy = responses(3, 5)
    expected = [pooled_one_by_one(*pair, split=split) for pair in zip(dx, dy, strict=True)]
    np.testing.assert_allclose(surf.pool(dx, dy), expected, rtol=1e-4, atol=1e-2)


def test_the_two_halves_of_each_sum_of_surf_128_add_up_to_that_of_surf():
    dx, dy = responses(50, 6)
    halves = Surf128().pool(dx, dy).reshape(50, 16, 2, 2, 2)
    whole = Surf().pool(dx, dy).reshape(50, 16, 2, 2)
    np.testing.assert_allclose(halves.sum(axis=3), whole, rtol=1e-4, atol=1e-2)


def test_no_sum_is_negative_and_twice_the_contrast_is_twice_the_sums():
    dx, dy = responses(20, 7)
    for surf in (Surf(), Surf128()):
        assert surf.pool(dx, dy).min() >= 0
        np.testing.assert_allclose(surf.pool(2 * dx, 2 * dy), 2 * surf.pool(dx, dy), rtol=1e-5)


# Descriptors


@pytest.mark.parametrize("name", ["surf", "surf-128"])
def test_the_last_byte_says_whether_a_blob_is_light_or_dark(name):
    for ground, blob, last in ((60, 200, 255), (200, 60, 0)):
        picture = flat(ground, 160, 120)
        cv2.circle(picture, (80, 60), 9, blob, -1)
        found = found_in(cv2.GaussianBlur(picture, (0, 0), 2.0), name)
        middle = np.linalg.norm(found.xy - [80, 60], axis=1).argmin()
        assert found.descriptors[middle, -1] == last


@pytest.mark.parametrize("name", ["surf", "surf-128"])
def test_a_light_blob_never_matches_a_dark_one(name):
    """Neither in a picture of the same things nor in another one."""
    one = found_in(textured(8), name)
    for picture in (cv2.GaussianBlur(textured(8), (0, 0), 1.0), textured(9), 255 - textured(8)):
        other = found_in(picture, name)
        pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(
            one.descriptors.astype(np.float32), other.descriptors.astype(np.float32)
        )
        here = one.descriptors[[pair.queryIdx for pair in pairs], -1]
        there = other.descriptors[[pair.trainIdx for pair in pairs], -1]
        assert len(pairs) > 50
        assert (here == there).all()


def test_surf_128_describes_the_keypoints_of_surf():
    one, other = found_in(textured(10)), found_in(textured(10), "surf-128")
    for field in ("xy", "scale", "angle_rad", "response"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    np.testing.assert_array_equal(one.descriptors[:, -1], other.descriptors[:, -1])
    assert one.descriptors.shape[1] == 65
    assert other.descriptors.shape[1] == 129


@pytest.mark.parametrize("name", ["surf", "surf-128"])
def test_a_descriptor_has_the_root_shares_of_its_sums(name):
    picture = textured(11)
    found = found_in(picture, name)
    unit = found.scale * np.float32(1.2 / 9)
    dx, dy = wavelets(BoxMeans(picture), Frames(found.xy, unit, found.angle_rad))
    expected = root_shares(make_extractor(name).pool(dx, dy))
    np.testing.assert_allclose(found.descriptors[:, :-1].astype(int), expected, atol=1)


def test_descriptors_do_not_depend_on_the_brightness_and_hardly_on_the_contrast():
    dimmed = (textured(12).astype(np.float32) * 0.6 + 30).astype(np.uint8)
    one, other = found_in(textured(12)), found_in(dimmed, threshold=5.0)
    away = np.linalg.norm(one.xy[:, None] - other.xy[None], axis=2) + 5 * np.abs(
        np.log(one.scale[:, None] / other.scale[None])
    )
    partner, near = away.argmin(axis=1), away.min(axis=1) < 0.5
    assert near.mean() > 0.8
    apart = np.linalg.norm(
        one.descriptors[near].astype(float) - other.descriptors[partner[near]].astype(float), axis=1
    )
    assert np.median(apart) < 40


def test_upright_keypoints_are_described_in_the_frame_of_the_picture():
    found = found_in(textured(13), upright=True)
    turned = found_in(textured(13))
    np.testing.assert_array_equal(found.xy, turned.xy)
    assert not found.angle_rad.any()
    nearly_upright = angles_apart(turned.angle_rad, 0.0) < np.deg2rad(2)
    apart = np.linalg.norm(found.descriptors.astype(float) - turned.descriptors, axis=1)
    assert np.median(apart[nearly_upright]) < 0.3 * np.median(apart[~nearly_upright])


@pytest.mark.parametrize("shape", [(256, 192), (200, 150), (133, 101)])
def test_keypoints_of_a_thumbnail_lie_where_those_of_the_picture_twice_as_large_do(shape):
    width, height = shape
    large = textured(14, 2 * width, 2 * height)
    small = cv2.resize(large, shape, interpolation=cv2.INTER_AREA)
    one, other = found_in(small), found_in(large)
    place = (one.xy + 0.5) * 2 - 0.5
    away = np.linalg.norm(place[:, None] - other.xy[None], axis=2)
    away += 20 * np.abs(np.log(2 * one.scale[:, None] / other.scale[None]))
    partner, near = away.argmin(axis=1), away.min(axis=1) < 5
    beside = place[near] - other.xy[partner[near]]
    assert near.mean() > 0.5
    assert np.abs(np.median(beside, axis=0)).max() < 0.15
    assert np.median(one.scale[near] / other.scale[partner[near]]) == pytest.approx(0.5, rel=0.05)
