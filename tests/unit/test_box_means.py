from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from kpsearch.features.box_means import ROWS_A_CALL, BoxMeans, Frames, square_grid
from tests.textures import flat, textured

POINT = np.zeros((1, 2), np.float32)
"""A grid of the frame's centre alone."""

STEPS = 1 / 32
"""Of a pixel: OpenCV interpolates in steps of this."""


def frames_at(xy: object, unit: object = 1.0, angle_rad: object = 0.0) -> Frames:
    """Frames at n places; one unit and one angle are those of all."""
    places = np.asarray(xy, np.float32).reshape(-1, 2)
    columns = (
        np.broadcast_to(np.asarray(one, np.float32), len(places)) for one in (unit, angle_rad)
    )
    return Frames(places, *columns)


def random_frames(n: int, seed: int) -> Frames:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-20, 420, (n, 2))
    return frames_at(xy, rng.uniform(0.5, 30, n), rng.uniform(0, 2 * np.pi, n))


def mean_of_box(pixels: np.ndarray, x: float, y: float, side: int) -> float:
    """Of side × side whole pixels about (x, y), one by one; beyond the border the nearest."""
    height, width = pixels.shape
    left, top = round(x - side / 2 + 0.5), round(y - side / 2 + 0.5)
    total = 0
    for row in range(top, top + side):
        for column in range(left, left + side):
            total += int(pixels[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
    return total / side**2


# One level


@pytest.mark.parametrize("side", [1, 3])
def test_an_odd_box_at_a_pixel_is_the_mean_about_it(side):
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50), dtype=np.uint8)
    places = [(x, y) for x in (0, 1, 7, 30, 48, 49) for y in (0, 1, 20, 38, 39)]
    found = BoxMeans(pixels).sample(frames_at(places), POINT, side)[:, 0]
    expected = [mean_of_box(pixels, x, y, side) for x, y in places]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("side", [2, 4])
def test_an_even_box_between_four_pixels_is_the_mean_about_their_corner(side):
    pixels = np.random.default_rng(2).integers(0, 256, (40, 50), dtype=np.uint8)
    places = [(x + 0.5, y + 0.5) for x in (0, 1, 7, 30, 47, 48) for y in (0, 1, 20, 37, 38)]
    found = BoxMeans(pixels).sample(frames_at(places), POINT, side)[:, 0]
    expected = [mean_of_box(pixels, x, y, side) for x, y in places]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("side", [2, 4])
def test_an_even_box_at_a_pixel_is_halfway_between_the_four_about_its_corners(side):
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50), dtype=np.uint8)
    places = [(x, y) for x in (3, 7, 30) for y in (3, 20, 36)]
    found = BoxMeans(pixels).sample(frames_at(places), POINT, side)[:, 0]
    expected = [
        np.mean([mean_of_box(pixels, x + i, y + j, side) for i in (-0.5, 0.5) for j in (-0.5, 0.5)])
        for x, y in places
    ]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_between_pixels_means_are_interpolated():
    pixels = np.random.default_rng(4).integers(0, 256, (40, 50), dtype=np.uint8)
    found = BoxMeans(pixels).sample(frames_at((10.25, 20.5)), POINT, 3)[0, 0]
    corners = [mean_of_box(pixels, x, y, 3) for y in (20, 21) for x in (10, 11)]
    assert found == pytest.approx(np.dot(corners, [0.375, 0.125, 0.375, 0.125]), abs=1e-3)


# Coarser levels


@pytest.mark.parametrize("side", [6, 8, 12, 16, 24, 32])
def test_a_wide_box_whose_pixels_divide_by_its_levels_is_exact(side):
    pixels = np.random.default_rng(side).integers(0, 256, (160, 192), dtype=np.uint8)
    divisor = side // 3 if side % 3 == 0 else side // 4
    lefts = np.arange(divisor, 192 - side, 2 * divisor)
    tops = np.arange(divisor, 160 - side, 3 * divisor)
    places = [(x + side / 2 - 0.5, y + side / 2 - 0.5) for x in lefts for y in tops]
    found = BoxMeans(pixels).sample(frames_at(places), POINT, side)[:, 0]
    expected = [mean_of_box(pixels, x, y, side) for x, y in places]
    np.testing.assert_allclose(found, expected, atol=1e-2)


@pytest.mark.parametrize("side", [1, 1.4, 2, 3, 4, 5, 7, 9, 13, 20, 31, 50])
@pytest.mark.parametrize("shape", [(220, 250), (217, 251)], ids=["even", "odd"])
@pytest.mark.parametrize("angle_deg", [0, 30, 90, 200])
def test_a_ramp_is_itself_at_any_level(side, shape, angle_deg):
    """A box's mean is the ramp at its centre; half a pixel off at a level would be seen here."""
    rows, columns = np.indices(shape, dtype=np.uint8)
    rng = np.random.default_rng(5)
    frames = frames_at(rng.uniform(95, 125, (40, 2)), 1.0, np.deg2rad(angle_deg))
    grid = square_grid(5) * 4
    turn = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = frames.xy[:, None] + grid @ matrix
    level_px = max(1.0, 2 ** np.ceil(np.log2(side / 4)))
    for axis, ramp in ((0, columns), (1, rows)):
        found = BoxMeans(ramp).sample(frames, grid, side)
        np.testing.assert_allclose(found, points[:, :, axis], atol=STEPS * level_px)


@pytest.mark.parametrize("shade", [0, 93, 255])
def test_a_flat_picture_is_flat_everywhere_also_beyond_its_border(shade):
    boxes = BoxMeans(flat(shade, 131, 77))
    found = boxes.sample(random_frames(200, 6), square_grid(7) * 3, 2.0)
    np.testing.assert_allclose(found, shade, atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 7), (8, 8), (16, 1000)])
def test_a_small_picture_has_means_of_any_width_within_its_range(shape):
    pixels = np.random.default_rng(7).integers(50, 200, shape, dtype=np.uint8)
    found = BoxMeans(pixels).sample(random_frames(50, 7), square_grid(3), 4.0)
    assert found.shape == (50, 9)
    assert found.min() > 49.9
    assert found.max() < 199.1


def test_beyond_the_border_the_picture_goes_on_as_it_ends():
    pixels = np.random.default_rng(8).integers(0, 256, (40, 50), dtype=np.uint8)
    outside = [(-30, 11), (90, 11), (20, -30), (20, 90), (-9, -9)]
    nearest = [(0, 11), (49, 11), (20, 0), (20, 39), (0, 0)]
    boxes = BoxMeans(pixels)
    np.testing.assert_allclose(
        boxes.sample(frames_at(outside), POINT, 1), boxes.sample(frames_at(nearest), POINT, 1)
    )


# Frames


def test_the_grid_turns_clockwise_on_the_screen_and_grows_with_its_frame():
    pixels = textured(9, 200, 150)
    grid = np.array([[1, 0], [0, 1], [2, -1]], np.float32)
    found = BoxMeans(pixels).sample(frames_at((90, 70), 10, np.pi / 2), grid, 0.1)
    np.testing.assert_allclose(found[0], [pixels[80, 90], pixels[70, 80], pixels[90, 100]], atol=1)


def test_a_box_is_measured_in_units_of_its_frame():
    boxes = BoxMeans(textured(10, 200, 150))
    places = np.random.default_rng(10).uniform(20, 130, (30, 2))
    large_unit = boxes.sample(frames_at(places, 6.0), POINT, 0.5)
    large_side = boxes.sample(frames_at(places, 1.0), POINT, 3.0)
    np.testing.assert_array_equal(large_unit, large_side)


def test_more_frames_than_a_call_takes_are_sampled_as_one_by_one():
    boxes = BoxMeans(textured(11))
    frames = random_frames(3 * ROWS_A_CALL + 17, 11)
    frames = frames._replace(unit=np.where(np.arange(len(frames.xy)) % 3, 2.0, frames.unit))
    frames = frames._replace(unit=frames.unit.astype(np.float32))
    grid = square_grid(4)
    together = boxes.sample(frames, grid, 1.0)
    alone = [
        boxes.sample(Frames(*(column[i : i + 1] for column in frames)), grid, 1.0)
        for i in range(len(frames.xy))
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-3)


def test_no_frames_have_no_means():
    found = BoxMeans(textured(12)).sample(frames_at([]), square_grid(3), 1.0)
    assert found.shape == (0, 9)
    assert found.dtype == np.float32


def test_a_square_grid_is_centred_and_goes_row_by_row():
    np.testing.assert_array_equal(
        square_grid(2), [[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]
    )
    np.testing.assert_array_equal(
        square_grid(3)[[0, 1, 3, 4]], [[-1, -1], [0, -1], [-1, 0], [0, 0]]
    )


def test_the_picture_is_not_written_to():
    pixels = textured(13)
    pixels.flags.writeable = False
    before = pixels.copy()
    BoxMeans(pixels).sample(random_frames(20, 13), square_grid(5), 2.0)
    np.testing.assert_array_equal(pixels, before)


def test_the_pyramid_is_freed_as_soon_as_nothing_uses_it():
    """Not when the cycle collector next runs: it counts objects, and these few are large."""
    gc.disable()
    try:
        boxes = BoxMeans(textured(14))
        boxes.sample(random_frames(20, 14), POINT, 1.0)
        gone = weakref.ref(boxes)
        del boxes
        assert gone() is None
    finally:
        gc.enable()
