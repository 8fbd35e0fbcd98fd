"""What every keeping policy promises, and what each of them prefers."""

from __future__ import annotations

import numpy as np
import pytest

from kpsearch.dedup.keeping import POLICIES, choose_keeper
from kpsearch.types import ImageSize
from tests.judged import entry, link


def kept(name, members, links=()):
    return choose_keeper(members, links, policy=POLICIES.resolve(name)).number


def compared(a, b, sharpness_a, sharpness_b):
    return link(a, b, evidence={"sharpness_a": sharpness_a, "sharpness_b": sharpness_b})


@pytest.mark.parametrize("name", POLICIES.names())
def test_of_equals_the_lowest_number_is_kept_in_any_order(name):
    members = [entry(number, content=0) for number in (3, 1, 2)]
    assert kept(name, members) == kept(name, members[::-1]) == 1


@pytest.mark.parametrize("name", POLICIES.names())
def test_a_fixed_picture_is_kept_before_one_of_the_batch(name):
    better = entry(0, size=ImageSize(900, 900), mtime_ns=-5)
    assert kept(name, [better, entry(1, fixed=True)], [compared(0, 1, 9.0, 1.0)]) == 1


def test_the_largest_has_most_pixels_then_most_bytes():
    wide, tall = ImageSize(300, 100), ImageSize(100, 400)
    assert kept("largest", [entry(0, size=wide, size_bytes=9999), entry(1, size=tall)]) == 1
    assert kept("largest", [entry(0), entry(1, size_bytes=1001)]) == 1


def test_the_largest_of_equal_pixels_is_the_one_that_the_others_were_made_of():
    members = [entry(0, size_bytes=1500), entry(1), entry(2, size_bytes=1400)]
    pairs = [link(0, 1, 4.0), link(1, 2, 4.0), link(0, 2, 1.0)]
    assert kept("largest", members, pairs) == kept("largest", members, pairs[::-1]) == 1


def test_a_screenshot_is_not_larger_than_the_picture_in_it():
    picture, crop = entry(0, size=ImageSize(400, 400)), entry(2, size=ImageSize(300, 300))
    screenshot = entry(1, size=ImageSize(600, 1000))
    within = np.array([[0.4, 0.0, 50.0], [0.0, 0.4, 80.0], [0.0, 0.0, 1.0]])
    pairs = [link(0, 1, transform=within), link(0, 2, transform=np.eye(3))]
    assert kept("largest", [picture, screenshot, crop], pairs) == 0
    assert kept("largest", [picture, screenshot], []) == 1


def test_the_oldest_was_changed_first():
    assert kept("oldest", [entry(0, mtime_ns=7), entry(1, mtime_ns=3)]) == 1


def test_the_first_is_the_first_of_the_index():
    assert kept("first", [entry(4, size=ImageSize(9, 9)), entry(9)]) == 4


def test_the_sharpest_is_sharper_than_its_partners_at_the_scale_of_each_pair():
    members = [entry(number) for number in range(3)]
    pairs = [compared(0, 1, 2.0, 3.0), compared(0, 2, 200.0, 500.0), compared(1, 2, 8.0, 9.0)]
    assert kept("sharpest", members, pairs) == kept("sharpest", members, pairs[::-1]) == 2


def test_where_pictures_are_about_equally_sharp_the_largest_is_kept():
    members = [entry(0), entry(1, size=ImageSize(200, 200))]
    assert kept("sharpest", members, [compared(0, 1, 1.02, 1.0)]) == 1
    assert kept("sharpest", members, [link(0, 1)]) == 1
    assert kept("sharpest", members, [compared(0, 1, 2.0, 1.0)]) == 0


def test_a_copy_is_as_sharp_as_the_picture_it_is_equal_to():
    members = [entry(0, content=7), entry(1, size=ImageSize(200, 200)), entry(2, content=7)]
    assert kept("sharpest", members, [compared(1, 2, 1.0, 4.0)]) == 0
