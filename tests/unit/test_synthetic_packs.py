"""Rendered packs: the same everywhere, alike within a line, different between lines."""

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from kpsearch.errors import UsageError
from kpsearch.synthetic import (
    CatalogueSpec,
    item_truth,
    pack_size,
    render_item,
    stranger_number,
)
from kpsearch.synthetic.design import FORMATS, brand_look, line_design
from kpsearch.synthetic.motifs import MOTIFS
from kpsearch.synthetic.products import CATEGORIES
from kpsearch.synthetic.scenery import SCENES

SPEC = CatalogueSpec(items=60, seed=3, side_px=320)


def _sift_matches(first, second):
    """(n, 4) x, y in the first picture and in the second, of mutual nearest descriptors."""
    sift = cv2.SIFT_create(nfeatures=800)
    points_a, words_a = sift.detectAndCompute(first, None)
    points_b, words_b = sift.detectAndCompute(second, None)
    pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(words_a, words_b)
    return np.array([[*points_a[m.queryIdx].pt, *points_b[m.trainIdx].pt] for m in pairs])


def _share_in_place(first, second):
    """How many of the mutual matches lie at the same place in both pictures."""
    matches = _sift_matches(first, second)
    return float(np.mean(np.linalg.norm(matches[:, :2] - matches[:, 2:], axis=1) < 2))


def test_an_item_is_the_same_in_another_process():
    code = (
        "import hashlib; from kpsearch.synthetic import *;"
        "print(hashlib.sha256(render_item(CatalogueSpec(60, seed=3, side_px=320), 17)).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(render_item(SPEC, 17)).hexdigest()


def test_an_item_does_not_depend_on_what_was_rendered_before():
    alone = render_item(SPEC, 5)
    for i in (9, 4, 31):
        render_item(SPEC, i)
    np.testing.assert_array_equal(render_item(SPEC, 5), alone)


def test_an_item_does_not_depend_on_how_many_there_are():
    larger = replace(SPEC, items=1000)
    np.testing.assert_array_equal(render_item(larger, 8), render_item(SPEC, 8))
    assert item_truth(larger, 8) == item_truth(SPEC, 8)


def test_an_item_does_not_depend_on_opencv_threads():
    threads = cv2.getNumThreads()
    pictures = []
    for count in (1, 2):
        cv2.setNumThreads(count)
        pictures.append(render_item(SPEC, 11))
    cv2.setNumThreads(threads)
    np.testing.assert_array_equal(*pictures)


def test_another_seed_gives_another_catalogue():
    other = replace(SPEC, seed=4)
    assert item_truth(other, 0) != item_truth(SPEC, 0)


@pytest.mark.parametrize("side_px", [64, 200, 900])
def test_the_longest_side_is_as_asked_and_known_beforehand(side_px):
    spec = replace(SPEC, side_px=side_px)
    for i in (0, 15, 30):
        pixels = render_item(spec, i)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (*pack_size(spec, i), 3)
        assert max(pixels.shape) == side_px


def test_variants_of_a_line_share_its_design_and_differ_to_the_eye():
    for first in (0, 12, 30):
        assert line_design(SPEC, first) == line_design(SPEC, first + 1)
        one, two = render_item(SPEC, first), render_item(SPEC, first + 1)
        assert np.abs(one.astype(int) - two).mean() > 4


def test_variants_share_parts_in_place_and_lines_do_not():
    variants = [_share_in_place(render_item(SPEC, i), render_item(SPEC, i + 1)) for i in (0, 30)]
    lines = [_share_in_place(render_item(SPEC, i), render_item(SPEC, i + 12)) for i in (0, 30)]
    assert min(variants) > 0.15
    assert max(lines) < 0.05


def test_truth_names_the_first_item_of_a_line():
    truths = [item_truth(SPEC, i) for i in range(6)]
    assert [t.variant_of for t in truths] == [
        *("", "item-000000", "item-000000"),
        *("", "item-000003", "item-000003"),
    ]
    assert [t.line for t in truths] == ["line-000000"] * 3 + ["line-000001"] * 3


def test_variants_of_a_line_differ_in_flavour_only():
    spec = replace(SPEC, variants_per_line=20)
    truths = [item_truth(spec, i) for i in range(20)]
    assert len({t.flavour for t in truths}) == 20
    assert len({(t.brand, t.category, t.line) for t in truths}) == 1


def test_lines_of_a_brand_share_name_and_look_but_not_design():
    a, b = item_truth(SPEC, 0), item_truth(SPEC, 3)
    assert a.brand == b.brand
    assert line_design(SPEC, 0) != line_design(SPEC, 3)
    assert brand_look(SPEC, 0) != brand_look(SPEC, 1)


def test_brands_have_names_of_their_own():
    spec = CatalogueSpec(items=100_000)
    names = Counter(item_truth(spec, i).brand for i in range(0, 24_000, spec.items_per_brand))
    assert names.most_common(1)[0][1] == 1


def test_every_category_appears_in_a_catalogue_of_a_few_hundred():
    spec = CatalogueSpec(items=1200)
    seen = {item_truth(spec, i).category for i in range(0, 1200, 3)}
    assert seen == {category.name for category in CATEGORIES}


def test_every_flavour_has_artwork_and_every_category_a_pack():
    for category in CATEGORIES:
        assert set(category.formats) <= set(FORMATS)
        assert {flavour.motif for flavour in category.flavours} <= set(MOTIFS) | set(SCENES)


def test_packs_have_as_many_keypoints_as_real_ones():
    sift = cv2.SIFT_create()
    spec = replace(SPEC, side_px=800)
    counts = [len(sift.detect(render_item(spec, i), None)) for i in range(0, 60, 6)]
    assert 500 <= np.median(counts) <= 2000
    assert min(counts) >= 200


def test_strangers_are_of_other_brands_and_named_so():
    truth = item_truth(SPEC, stranger_number(SPEC, 7))
    assert truth.instance == "stranger-000007"
    assert truth.variant_of == ""
    assert truth.brand not in {item_truth(SPEC, i).brand for i in range(SPEC.items)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": -1},
        {"items": 5, "seed": -1},
        {"items": 5, "variants_per_line": 0},
        {"items": 5, "side_px": 10},
        {"items": 5, "jpeg_quality": 101},
        {"items": 10**9},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        CatalogueSpec(**wrong)


def test_a_negative_item_number_is_refused():
    with pytest.raises(UsageError, match="start at 0"):
        item_truth(SPEC, -1)
