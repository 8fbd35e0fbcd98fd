"""Match pictures and their captions: what is drawn, where, and the files they are written to."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.errors import KpsearchError, UsageError
from kpsearch.images import read_image
from kpsearch.report import match_picture, write_picture
from kpsearch.report.caption import CAPTION_HEIGHT_PX, caption_bar
from kpsearch.report.draw import spread_sample
from kpsearch.report.lettering import default_font, letter, shorten
from kpsearch.types import ImageSize
from tests.unit.test_report_answers import (
    HOMOGRAPHY,
    SIZE,
    item_pixels,
    photo_pixels,
    planted_hit,
    project,
)

HEIGHT_PX = 480
PANEL_PX = 640
"""Width of a 320 x 240 picture shown 480 pixels high."""
GAP_PX = 10
ORANGE = np.array([77, 166, 255])


def draw(hit, **changes):
    return match_picture(photo_pixels(), item_pixels(), hit, **changes)


def is_orange_near(picture, x: float, y: float) -> bool:
    column, row = round(x), round(y)
    near = picture[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4].astype(int)
    return bool((np.abs(near - ORANGE).sum(axis=2) < 60).any())


def test_the_pictures_stand_side_by_side_over_a_caption():
    picture = draw(planted_hit("item.jpg"))
    assert picture.dtype == np.uint8
    assert picture.shape == (HEIGHT_PX + CAPTION_HEIGHT_PX, 2 * PANEL_PX + GAP_PX, 3)


def test_the_pixels_of_an_unverified_hit_are_left_alone():
    picture = draw(planted_hit("item.jpg", verified=False, inliers=0))
    shown = cv2.resize(item_pixels(), (PANEL_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(picture[:HEIGHT_PX, PANEL_PX + GAP_PX :], shown)


def test_the_item_is_outlined_where_it_lies_in_the_query():
    picture = draw(dataclasses.replace(planted_hit("item.jpg"), matches=None))
    sides = np.array([[160, 0], [319, 120], [160, 239], [0, 120]], np.float32)
    for x, y in (project(sides, HOMOGRAPHY) + 0.5) * 2 - 0.5:
        assert is_orange_near(picture, x, y)


def test_a_region_wider_than_the_hit_is_outlined_along_its_border():
    picture = draw(dataclasses.replace(planted_hit("item.jpg"), matches=None))
    left = PANEL_PX + GAP_PX
    for x, y in ((left + 2, 240), (left + PANEL_PX - 3, 240), (left + 320, 2), (left + 320, 477)):
        assert is_orange_near(picture, x, y)


def test_the_direction_in_which_a_region_runs_does_not_matter():
    hit = planted_hit("item.jpg")
    turned = dataclasses.replace(
        hit, region=hit.region[::-1].copy(), query_region=hit.query_region[::-1].copy()
    )
    apart = np.abs(draw(hit).astype(int) - draw(turned).astype(int))
    assert np.mean(apart.max(axis=2) > 8) < 0.001


def test_the_query_is_dimmed_outside_of_the_region_only():
    hit = planted_hit("item.jpg")
    picture = draw(dataclasses.replace(hit, matches=None))
    plain = draw(planted_hit("item.jpg", verified=False))
    x, y = np.round(hit.query_region.mean(axis=0) * 2).astype(int)
    np.testing.assert_array_equal(picture[y, x], plain[y, x])
    assert picture[470, 630].sum() < 0.6 * plain[470, 630].sum()


def test_inliers_are_joined_from_the_query_to_the_hit():
    hit = dataclasses.replace(planted_hit("item.jpg"), region=None, query_region=None)
    one = dataclasses.replace(hit, matches=np.array([[100, 120, 100, 120]], np.float32))
    changed = np.argwhere((draw(one) != draw(dataclasses.replace(hit, matches=None))).any(axis=2))
    rows, columns = changed[:, 0], changed[:, 1]
    assert abs(rows - (120.5 * 2 - 0.5)).max() <= 7
    assert columns.min() == pytest.approx(100 * 2, abs=7)
    assert columns.max() == pytest.approx(PANEL_PX + GAP_PX + 100 * 2, abs=7)


def test_coordinates_are_those_of_the_original_when_pixels_are_fewer():
    hit = planted_hit("item.jpg")
    double = ImageSize(2 * SIZE.width, 2 * SIZE.height)
    upscaled = dataclasses.replace(
        hit,
        region=(hit.region + 0.5) * 2 - 0.5,
        query_region=(hit.query_region + 0.5) * 2 - 0.5,
        matches=(hit.matches + 0.5) * 2 - 0.5,
    )
    apart = np.abs(draw(hit).astype(int) - draw(upscaled, query_size=double, hit_size=double))
    assert np.mean(apart.max(axis=2) > 40) < 0.001


@pytest.mark.parametrize(("height", "width"), [(16, 3000), (3000, 16), (17, 16)])
def test_pictures_of_any_shape_are_shown_whole_and_no_larger_than_a_page(height, width):
    odd = np.full((height, width, 3), 200, np.uint8)
    picture = match_picture(odd, odd, planted_hit("item.jpg"))
    assert 560 <= picture.shape[1] <= 2 * 768 + GAP_PX
    assert picture.shape[0] <= HEIGHT_PX + CAPTION_HEIGHT_PX


@pytest.mark.parametrize(
    "region",
    [
        np.zeros((0, 2), np.float32),
        np.full((4, 2), np.nan, np.float32),
        np.array([[-1e12, 0], [1e12, 5], [0, 1e12]], np.float32),
        np.array([[900, 900], [950, 900], [950, 950]], np.float32),
        np.array([[0, 0], [200, 200], [200, 0], [0, 200]], np.float32),
    ],
    ids=["empty", "not-a-number", "far", "outside", "crossed"],
)
def test_a_region_that_makes_no_sense_does_no_harm(region):
    hit = dataclasses.replace(planted_hit("item.jpg"), region=region, query_region=region)
    assert draw(hit).shape[2] == 3


def test_the_pixels_given_are_not_written_to():
    query, item = photo_pixels(), item_pixels()
    match_picture(query, item, planted_hit("item.jpg"), height_px=240)
    np.testing.assert_array_equal(query, photo_pixels())
    np.testing.assert_array_equal(item, item_pixels())


@given(st.integers(0, 200), st.integers(1, 60), st.integers(0, 9))
def test_a_sample_is_distinct_and_as_large_as_can_be(count, most, seed):
    points = np.random.default_rng(seed).uniform(0, 100, (count, 2)).astype(np.float32)
    rows = spread_sample(points, most)
    assert len(set(rows.tolist())) == len(rows) == min(count, most)


def test_a_sample_reaches_a_lone_point_far_from_the_crowd():
    crowd = np.random.default_rng(0).uniform(0, 1, (500, 2))
    points = np.vstack([crowd, [[100.0, 100.0]]]).astype(np.float32)
    assert 500 in spread_sample(points, 5)


def test_the_caption_tells_verified_from_not():
    yes, no = (
        caption_bar(planted_hit("item.jpg", inliers=9, verified=verified), 700)
        for verified in (True, False)
    )
    assert yes.shape == no.shape == (CAPTION_HEIGHT_PX, 700, 3)
    assert (yes != no).any()


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300), st.integers(300, 900))
def test_any_name_fits_its_caption(name, width):
    hit = planted_hit(name, inliers=9)
    assert caption_bar(hit, width).shape == (CAPTION_HEIGHT_PX, width, 3)


def test_letters_that_no_font_has_are_written_as_escapes():
    line, _ = letter("\U000f1234 a.jpg", size_px=15)
    assert line == "\\U000f1234 a.jpg"


def test_a_short_name_is_kept_and_a_long_one_loses_its_middle():
    font = default_font(15)
    assert shorten("short.jpg", font, room_px=200) == "short.jpg"
    cut = shorten("a" * 200 + "-0042.jpg", font, room_px=200)
    assert cut.startswith("aaa")
    assert cut.endswith("-0042.jpg")
    assert "..." in cut
    assert font.getlength(cut) <= 200


@pytest.mark.parametrize("name", ["picture.png", "picture.JPG", "bytes-\udcff.jpeg", "写真.png"])
def test_a_written_picture_is_read_back_and_no_other_file_is_left(tmp_path: Path, name):
    write_picture(tmp_path / name, item_pixels())
    assert os.listdir(tmp_path) == [name]
    back = read_image(tmp_path / name, colour=True).pixels
    assert np.abs(back.astype(int) - item_pixels()).mean() < 4


def test_an_ending_that_names_no_format_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"\.gif"):
        write_picture(tmp_path / "picture.gif", item_pixels())


def test_a_picture_that_cannot_be_written_names_the_file(tmp_path: Path):
    with pytest.raises(KpsearchError, match=r"no-folder.picture\.png: cannot be written"):
        write_picture(tmp_path / "no-folder" / "picture.png", item_pixels())
