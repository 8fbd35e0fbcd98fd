from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from kpsearch.features.fast_hessian import Blobs, fast_hessian, hessian_determinants
from tests.textures import flat, textured


def integral_of(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.integral(pixels), np.int32)


def blobs_of(pixels: np.ndarray, threshold: float = 1.0, max_blobs: int = 100_000) -> Blobs:
    return fast_hessian(integral_of(pixels), threshold, max_blobs)


def gaussian(
    x: float, y: float, sigma: float, *, height: float = 150, size: tuple[int, int] = (160, 120)
) -> np.ndarray:
    """One round blob on grey: light for a positive height, dark for a negative one."""
    rows, columns = np.indices(size[::-1])
    fall = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.rint((200 if height < 0 else 50) + height * fall).astype(np.uint8)


# The determinants


def box_filters(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dxx, Dyy and Dxy of fig. 2, as weights of single pixels."""
    lobe, middle = size // 3, size // 2
    xx, xy = np.zeros((size, size)), np.zeros((size, size))
    inner = slice(middle - lobe + 1, middle + lobe)
    xx[inner, :lobe] = xx[inner, -lobe:] = 1
    xx[inner, lobe : 2 * lobe] = -2
    before, after = slice(middle - lobe, middle), slice(middle + 1, middle + 1 + lobe)
    xy[before, before] = xy[after, after] = 1
    xy[before, after] = xy[after, before] = -1
    return xx, xx.T, xy


def determinants_one_by_one(pixels: np.ndarray, size: int, step: int) -> np.ndarray:
    """Eq. 3 and 4 of the paper, pixel by pixel."""
    filters = box_filters(size)
    rows = range(0, pixels.shape[0] - size + 1, step)
    columns = range(0, pixels.shape[1] - size + 1, step)
    found = np.empty((len(rows), len(columns)))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            window = pixels[top : top + size, left : left + size].astype(float)
            xx, yy, xy = (float((window * one).sum()) / size**2 for one in filters)
            found[i, j] = xx * yy - (0.9 * xy) ** 2
    return found


@pytest.mark.parametrize(
    ("size", "step"), [(9, 1), (15, 1), (21, 1), (27, 1), (15, 2), (27, 2), (39, 4), (51, 8)]
)
@pytest.mark.parametrize("shape", [(60, 71), (53, 52)])
def test_determinants_are_those_of_the_papers_boxes(size, step, shape):
    pixels = np.random.default_rng(size).integers(0, 256, shape, dtype=np.uint8)
    found = hessian_determinants(integral_of(pixels), size, step)
    expected = determinants_one_by_one(pixels, size, step)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.02)


def test_the_filter_of_nine_pixels_is_the_one_drawn_in_the_paper():
    xx, yy, xy = box_filters(9)
    np.testing.assert_array_equal(yy[:, 4], [1, 1, 1, -2, -2, -2, 1, 1, 1])
    np.testing.assert_array_equal(yy[0], [0, 0, 1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(xx, yy.T)
    np.testing.assert_array_equal(xy[1], [0, 1, 1, 1, 0, -1, -1, -1, 0])


def test_a_filter_as_large_as_the_picture_has_one_place():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8)
    assert hessian_determinants(integral_of(pixels), 9, 1).shape == (1, 1)


def test_determinants_do_not_depend_on_the_bands_they_are_computed_in():
    """A picture wide enough that a band is a few rows, and its strips computed apart."""
    pixels = textured(1, 3000, 60)
    whole = hessian_determinants(integral_of(pixels), 15, 1)
    for left in (0, 1000, 2900):
        strip = np.ascontiguousarray(pixels[:, left : left + 100])
        part = hessian_determinants(integral_of(strip), 15, 1)
        np.testing.assert_array_equal(part, whole[:, left : left + part.shape[1]])


def test_an_integral_image_that_starts_elsewhere_gives_the_same_determinants():
    """Only differences of sums count, so a picture's place in a larger one does not matter."""
    pixels = textured(2, 200, 150)
    whole = integral_of(pixels)
    window = np.ascontiguousarray(whole[31:112, 40:141])
    alone = integral_of(np.ascontiguousarray(pixels[31:111, 40:140]))
    for size, step in ((9, 1), (27, 2)):
        np.testing.assert_array_equal(
            hessian_determinants(window, size, step), hessian_determinants(alone, size, step)
        )


def test_sums_beyond_32_bits_may_wrap():
    """So they do in pictures of more than eight megapixels of white."""
    pixels = textured(3, 200, 150)
    sums = integral_of(pixels)
    wrapped = (sums.astype(np.int64) + 2**31 - int(sums.max()) // 2).astype(np.int32)
    assert wrapped.min() < 0 < wrapped.max()
    for size, step in ((9, 1), (51, 4)):
        np.testing.assert_array_equal(
            hessian_determinants(wrapped, size, step), hessian_determinants(sums, size, step)
        )
    one, other = fast_hessian(sums, 1.0, 1000), fast_hessian(wrapped, 1.0, 1000)
    for field in ("xy", "size", "response", "bright"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


# Blobs


def fitting_size(sigma: float) -> float:
    """The filter whose determinant is largest at the middle of a Gaussian blob, by integrals.

    Its side is 5.5σ, not the 7.5σ of "9 pixels for Gaussian derivatives of 1.2": boxes see the
    blob as if they were wider.
    """
    sizes = np.arange(9, 12 * sigma, 0.05)

    def share(widths: np.ndarray) -> np.ndarray:
        """Of a blob's mass along one axis, within so many pixels about its middle."""
        return np.array([math.erf(w / (2 * math.sqrt(2) * sigma)) for w in widths])

    across = share(2 / 3 * sizes - 1)
    along = share(sizes) - 3 * share(sizes / 3)
    return float(sizes[np.argmax((across * along / sizes**2) ** 2)])


@pytest.mark.parametrize("height", [150, -150], ids=["bright", "dark"])
@pytest.mark.parametrize("sigma", [2.5, 4.0, 6.3, 10.0])
@pytest.mark.parametrize("place", [(80.0, 60.0), (77.3, 58.6), (82.5, 61.75)])
def test_a_planted_blob_is_the_strongest_at_its_place_size_and_sign(place, sigma, height):
    found = blobs_of(gaussian(*place, sigma, height=height))
    assert np.linalg.norm(found.xy[0] - place) < max(0.3, 0.02 * found.size[0])
    assert found.size[0] == pytest.approx(fitting_size(sigma), rel=0.12)
    assert found.bright[0] == (height > 0)
    assert found.response[0] > 100


def test_sizes_grow_with_the_blobs():
    sizes = [blobs_of(gaussian(80, 60, sigma)).size[0] for sigma in np.arange(2.5, 10, 0.5)]
    assert (np.diff(sizes) > 0).all()


def test_blobs_side_by_side_are_all_found_light_and_dark():
    light, dark = [(40.4, 50.0), (150.0, 120.6)], [(150.3, 40.2), (45.0, 125.0)]
    picture = np.full((170, 200), 120.0)
    rows, columns = np.indices(picture.shape)
    for blobs, height in ((light, 100), (dark, -100)):
        for x, y in blobs:
            picture += height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
    found = blobs_of(np.rint(picture).astype(np.uint8), threshold=300)
    for blobs, sign in ((light, True), (dark, False)):
        for place in blobs:
            away = np.linalg.norm(found.xy - place, axis=1)
            assert away.min() < 0.3
            assert found.bright[away.argmin()] == sign


@pytest.mark.parametrize("shade", [0, 77, 255])
def test_a_flat_picture_has_no_blobs(shade):
    found = blobs_of(flat(shade, 200, 150), threshold=0.0)
    assert len(found.xy) == len(found.size) == len(found.response) == len(found.bright) == 0
    assert found.xy.shape == (0, 2)
    assert found.xy.dtype == found.size.dtype == found.response.dtype == np.float32
    assert found.bright.dtype == bool


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (300, 8), (20, 20), (300, 20)])
def test_a_picture_too_small_for_three_filters_has_no_blobs(size):
    noise = np.random.default_rng(3).integers(0, 256, size[::-1], dtype=np.uint8)
    assert len(blobs_of(noise, threshold=0.0).xy) == 0


def test_a_picture_just_large_enough_has_the_blob_in_its_middle():
    found = blobs_of(gaussian(14, 14, 2.8, size=(29, 29)))
    np.testing.assert_allclose(found.xy, [[14, 14]], atol=0.05)


def test_blobs_are_listed_strongest_first_and_all_above_the_threshold():
    found = blobs_of(textured(4), threshold=50.0)
    assert len(found.xy) > 100
    assert (np.diff(found.response) <= 0).all()
    assert found.response.min() > 50.0


@pytest.mark.parametrize("max_blobs", [1, 10, 137])
def test_the_limit_keeps_the_strongest(max_blobs):
    everything = blobs_of(textured(4))
    found = blobs_of(textured(4), max_blobs=max_blobs)
    assert len(found.xy) == max_blobs
    for field in ("xy", "size", "response", "bright"):
        np.testing.assert_array_equal(getattr(found, field), getattr(everything, field)[:max_blobs])


def test_blobs_of_equal_strength_at_the_limit_are_all_kept():
    twins = np.hstack([gaussian(40, 60, 3.0, size=(81, 120))] * 2)
    everything = blobs_of(twins)
    assert everything.response[0] == everything.response[1]
    assert len(blobs_of(twins, max_blobs=1).xy) == 2


def test_lighter_by_a_constant_changes_nothing():
    pixels = (textured(5) * 0.5).astype(np.uint8)
    one, other = blobs_of(pixels), blobs_of(pixels + 90)
    for field in ("xy", "size", "response", "bright"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_the_negative_has_the_same_blobs_of_the_other_sign():
    one, other = blobs_of(textured(5)), blobs_of(255 - textured(5))
    np.testing.assert_array_equal(one.xy, other.xy)
    np.testing.assert_array_equal(one.bright, ~other.bright)
    assert 0.1 < one.bright.mean() < 0.9


def in_order(xy: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """Blobs as rows, by position, so that lists of them can be compared."""
    table = np.column_stack([xy, *columns])
    return table[np.lexsort(np.round(table, 2).T)]


MIRRORS = {
    "left and right": (lambda p: p[:, ::-1], lambda xy, w, h: [w - 1 - xy[:, 0], xy[:, 1]]),
    "top and bottom": (lambda p: p[::-1], lambda xy, w, h: [xy[:, 0], h - 1 - xy[:, 1]]),
    "x and y": (lambda p: p.T, lambda xy, w, h: [xy[:, 1], xy[:, 0]]),
}


@pytest.mark.parametrize(("mirror", "move"), MIRRORS.values(), ids=MIRRORS)
def test_a_mirrored_picture_has_mirrored_blobs(mirror, move):
    """At 307 × 259 every octave's samples, up to 8 px apart, fall on the same pixels mirrored."""
    pixels = textured(6, 307, 259)
    one, other = blobs_of(pixels), blobs_of(np.ascontiguousarray(mirror(pixels)))
    moved = np.column_stack(move(one.xy, 307, 259))
    assert len(one.xy) == len(other.xy) > 200
    np.testing.assert_allclose(
        in_order(other.xy, other.size, other.bright),
        in_order(moved, one.size, one.bright),
        atol=0.02,
    )


def test_no_blob_is_nearer_to_the_border_than_half_its_filter():
    found = blobs_of(textured(7, 320, 240))
    to_border = np.minimum(found.xy + 0.5, [319.5, 239.5] - found.xy).min(axis=1)
    assert (to_border > found.size / 2 - 1).all()
