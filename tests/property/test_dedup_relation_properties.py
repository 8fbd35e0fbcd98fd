"""What holds for any light, any order of two pictures, and any drawing."""

from functools import cache

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.dedup.records import Relation
from kpsearch.dedup.relation import compare
from kpsearch.dedup.relation.bending import bend
from kpsearch.dedup.relation.colour import compare_colour
from kpsearch.dedup.relation.overlay import scaling
from kpsearch.dedup.relation.patches import largest_patch
from kpsearch.dedup.relation.structure import by_cells, compare_structure
from kpsearch.geometry import inverse, project
from tests.packs import as_image, labelled, pack, recoloured, verified

PACKS = st.sampled_from([0, 3, 12, 21, 33])


@cache
def drawn(number):
    return pack(number)


@settings(deadline=None, max_examples=12)
@given(PACKS, st.floats(0.6, 1.5), st.floats(0.75, 1.35), st.tuples(*[st.floats(0.85, 1.15)] * 3))
def test_no_light_makes_a_copy_anything_else(number, exposure, gamma, balance):
    share = (drawn(number) / 255.0) ** gamma * exposure * np.array(balance)
    lit = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    found = compare(as_image(lit), as_image(drawn(number)), verified())
    assert found.relation is Relation.NEAR_DUPLICATE


@settings(deadline=None, max_examples=8)
@given(PACKS, st.sampled_from([labelled, recoloured, lambda p: cv2.GaussianBlur(p, (0, 0), 1.5)]))
def test_swapped_pictures_are_the_reverse_of_each_other(number, change):
    a, b = as_image(change(drawn(number))), as_image(drawn(number))
    there, back = compare(a, b, verified()), compare(b, a, verified())
    assert back.relation is there.relation.reverse
    assert abs(back.log_odds - there.log_odds) < 1.5


@settings(deadline=None, max_examples=6)
@given(PACKS, st.floats(0.5, 0.9), st.floats(0, 1), st.floats(0, 1))
def test_a_crop_swapped_contains(number, side, right, down):
    whole = drawn(number)
    height, width = (round(length * side) for length in whole.shape[:2])
    x, y = round(right * (whole.shape[1] - width)), round(down * (whole.shape[0] - height))
    part = as_image(np.ascontiguousarray(whole[y : y + height, x : x + width]))
    onto = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
    there = compare(part, as_image(whole), verified(onto))
    back = compare(as_image(whole), part, verified(inverse(onto)))
    assert there.relation in (Relation.CROP_OF, Relation.NEAR_DUPLICATE)
    assert back.relation is there.relation.reverse


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 5), st.integers(1, 14))
def test_cells_are_means(seed, rows, columns, side):
    shape = (rows * side, columns * side, 3)
    plane = np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)
    found = by_cells(plane, (rows, columns))
    for r in range(rows):
        for c in range(columns):
            cell = plane[r * side : (r + 1) * side, c * side : (c + 1) * side]
            np.testing.assert_allclose(found[r, c], cell.mean(axis=(0, 1)), rtol=1e-4)


@given(st.floats(0.1, 8), st.floats(0.1, 8), st.floats(0, 99), st.floats(0, 99))
def test_scaling_keeps_corners_on_corners(x, y, column, row):
    corner = np.array([[column - 0.5, row - 0.5]])
    expected = [[column * x - 0.5, row * y - 0.5]]
    np.testing.assert_allclose(project(scaling(x, y), corner), expected, atol=1e-9)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32))
def test_noise_has_no_correlation_with_other_noise_and_all_with_itself(seed):
    rng = np.random.default_rng(seed)
    a, b = (np.rint(rng.uniform(0, 255, (112, 112, 3))).astype(np.uint8) for _ in range(2))
    valid = np.ones((112, 112), np.bool_)
    assert compare_structure(a, a, valid, (8, 8)).correlation.min() > 0.85
    assert compare_structure(a, b, valid, (8, 8)).correlation.mean() < 0.4


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32), st.floats(0.5, 1.6))
def test_shade_changes_no_colour(seed, deepest):
    """Light of one colour, however it falls."""
    rng = np.random.default_rng(seed)
    hues = rng.uniform(60, 150, (8, 8, 3)).repeat(14, axis=0).repeat(14, axis=1)
    shade = np.linspace(1, deepest, 8 * 14)[None, :, None]
    a, b = hues.astype(np.uint8), np.clip(hues * shade, 0, 255).astype(np.uint8)
    everywhere = np.ones((8, 8), np.bool_)
    assert compare_colour(a, b, everywhere, everywhere).residual.max() < 0.1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.floats(-6, 6), st.floats(-6, 6), st.floats(300, 900))
def test_a_bend_is_found_from_its_points_but_for_the_wrong_ones(seed, across, down, wave_px):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 448, (220, 2)).astype(np.float32)

    def off(points):
        return np.array([across, down]) * np.sin(points[:, ::-1] / wave_px * 2 * np.pi)

    end = (start + off(start)).astype(np.float32)
    wrong = rng.choice(220, 30, replace=False)
    end[wrong] += rng.uniform(5, 9, (30, 2)).astype(np.float32) * rng.choice([-1, 1], (30, 2))
    field, agreeing = bend(start, end, (448, 448))
    inner = np.stack(np.meshgrid(np.arange(60, 390, 30), np.arange(60, 390, 30)), 2).reshape(-1, 2)
    left = np.abs(field[inner[:, 1], inner[:, 0]] - off(inner.astype(float)))
    assert np.median(left) < 1
    assert agreeing >= 150


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 240))
def test_points_that_went_anywhere_bend_nothing(seed, points):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 448, (points, 2)).astype(np.float32)
    end = start + rng.uniform(-16, 16, start.shape).astype(np.float32)
    found = bend(start, end, (448, 448))
    assert found is None or found[1] < points / 4


@settings(deadline=None, max_examples=10)
@given(st.integers(20, 60), st.integers(20, 60), st.integers(20, 60), st.integers(20, 60))
def test_a_patch_is_found_and_measured(x, y, width, height):
    plain = np.full((140, 140, 3), 90, np.uint8)
    plain[::7] = 140
    other = plain.copy()
    other[y : y + height, x : x + width] = (40, 40, 240)
    everywhere = np.ones((10, 10), np.bool_)
    found = largest_patch(plain, other, everywhere, everywhere)
    assert found.covers
    assert abs(found.area - width * height / 140**2) < 0.05


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([1e-6, 1e-4, 1e-3, 1e-2]))
def test_any_transform_is_judged(seed, perspective):
    """One that geometry got wrong, too; a picture may fall outside the other, or on a line."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.normal(0, [[1, 1, 300], [1, 1, 300], [perspective, perspective, 1]])
    if rng.random() < 0.2:
        matrix[1] = matrix[0]
    found = compare(as_image(drawn(0)), as_image(drawn(21)), verified(matrix))
    assert not found.relation.merges
    assert np.isfinite(found.log_odds)
