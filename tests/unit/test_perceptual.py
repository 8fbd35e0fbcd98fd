"""Perceptual hashes: the same picture encoded otherwise has nearly the same, another has not."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest

from kpsearch.features import perceptual_hash
from kpsearch.images import as_grey, read_image
from tests.textures import flat, textured

PICTURES = [textured(seed, 640, 480) for seed in range(6)]
SAME_BITS, STRANGE_BITS = 4, 12


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


@pytest.mark.parametrize("pixels", PICTURES)
def test_jpeg_and_another_size_change_a_few_bits_at_most(pixels):
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    assert apart(pixels, cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)) <= SAME_BITS
    for size in ((320, 240), (213, 160), (1280, 960), (640, 400)):
        for how in (cv2.INTER_AREA, cv2.INTER_LINEAR):
            assert apart(pixels, cv2.resize(pixels, size, interpolation=how)) <= SAME_BITS


def test_different_pictures_are_far_apart():
    assert min(apart(a, b) for a, b in combinations(PICTURES, 2)) >= STRANGE_BITS


def test_it_does_not_depend_on_how_a_file_is_decoded(tmp_path):
    colour = cv2.merge([PICTURES[0], PICTURES[1], PICTURES[2]])
    for name, bits in (("a.png", 0), ("a.jpg", 2), ("a.webp", 2)):
        path = tmp_path / name
        path.write_bytes(cv2.imencode(path.suffix, colour)[1].tobytes())
        one, other = read_image(path), as_grey(read_image(path, colour=True))
        assert apart(one.pixels, other.pixels) <= bits
        reduced = read_image(path, at_least_px=300)
        assert apart(one.pixels, reduced.pixels) <= bits + SAME_BITS


@pytest.mark.parametrize(("across", "down"), [(1, 0), (0, 1), (3, 2), (7, 7)])
def test_each_bit_is_of_one_frequency(across, down):
    x, y = (np.cos(np.pi * n * (np.arange(32) + 0.5) / 32) for n in (across, down))
    wave = np.rint(128 + 60 * np.outer(y, x)).astype(np.uint8)
    assert perceptual_hash(wave) == 1 << 8 * down + across


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (32, 32), (2000, 1500)])
def test_a_picture_of_any_shape_has_a_hash_that_fits_64_bits(size):
    for pixels in (flat(200, *size), textured(1)[: size[1], : size[0]]):
        assert 0 <= perceptual_hash(pixels) < 2**64
