"""What two pictures are said to be to each other, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from kpsearch.dedup.records import JudgedPair, Relation
from kpsearch.dedup.relation import compare, judge_hash_pair, judge_pair
from kpsearch.synthetic import CameraOptions, render_photo
from tests.packs import SPEC, Pixels, as_image, entry_of, labelled, pack, recoloured, verified


def judged(
    a: Pixels,
    b: Pixels,
    transform: npt.NDArray[np.float64] | None = None,
    *,
    mirrored: bool = False,
) -> JudgedPair:
    return compare(as_image(a), as_image(b), verified(transform, mirrored=mirrored))


def compressed(pixels: Pixels, quality: int) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def shift(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.mark.parametrize("number", [0, 12, 27])
def test_a_recompressed_copy_is_a_near_duplicate(number: int) -> None:
    found = judged(compressed(pack(number), 15), pack(number))
    assert found.relation is Relation.NEAR_DUPLICATE
    assert found.log_odds > 2


def test_a_quarter_of_a_picture_is_a_crop_of_it() -> None:
    whole = pack(3)
    height, width = whole.shape[:2]
    part = whole[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    found = judged(part, whole, shift(width // 4, height // 4))
    assert found.relation is Relation.CROP_OF
    assert found.evidence["share_a"] > 0.98
    assert found.evidence["share_b"] == pytest.approx(0.25, abs=0.03)


def test_two_crops_that_each_have_what_the_other_lacks_do_not_merge() -> None:
    whole = pack(3)
    width = whole.shape[1]
    left, right = whole[:, : 2 * width // 3], whole[:, width // 3 :]
    found = judged(np.ascontiguousarray(left), np.ascontiguousarray(right), shift(-(width // 3), 0))
    assert found.relation is Relation.SHARED_PART
    assert found.log_odds < 0


def test_a_transform_that_is_some_pixels_off_is_made_exact() -> None:
    found = judged(pack(6), pack(6), shift(5, -4))
    assert found.relation is Relation.NEAR_DUPLICATE
    assert found.transform is not None
    np.testing.assert_allclose(found.transform, np.eye(3), atol=0.3)


def test_a_turned_copy_says_by_how_much() -> None:
    whole = pack(9)
    turned = np.ascontiguousarray(np.rot90(whole, -1))
    onto = np.array([[0, -1, whole.shape[0] - 1], [1, 0, 0], [0, 0, 1.0]])
    found = judged(whole, turned, onto)
    assert found.relation is Relation.NEAR_DUPLICATE
    assert "turned by 90°" in found.note


def test_a_mirrored_copy_is_mirrored() -> None:
    whole = pack(0)
    found = judged(np.ascontiguousarray(whole[:, ::-1]), whole, mirrored=True)
    assert found.relation is Relation.MIRRORED
    assert found.mirrored


def test_a_border_leaves_a_near_duplicate() -> None:
    whole = pack(15)
    framed = cv2.copyMakeBorder(whole, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    found = judged(np.asarray(framed, np.uint8), whole, shift(-60, -60))
    assert found.relation is Relation.NEAR_DUPLICATE
    assert "a has a border" in found.note


def test_a_picture_in_a_collage_is_contained() -> None:
    sheet = np.full((500, 900, 3), 235, np.uint8)
    small = cv2.resize(pack(18), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    other = cv2.resize(pack(30), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    sheet[100 : 100 + small.shape[0], 50 : 50 + small.shape[1]] = small
    sheet[100 : 100 + other.shape[0], 480 : 480 + other.shape[1]] = other
    back = np.array([[1 / 0.6, 0, -50 / 0.6], [0, 1 / 0.6, -100 / 0.6], [0, 0, 1]])
    assert judged(sheet, pack(18), back).relation is Relation.CONTAINS


@pytest.mark.parametrize("number", [3, 21])
def test_a_price_tag_leaves_a_near_duplicate(number: int) -> None:
    found = judged(labelled(pack(number)), pack(number))
    assert found.relation is Relation.NEAR_DUPLICATE
    assert "laid over" in found.note


def test_what_hides_much_leaves_it_open() -> None:
    over = pack(3).copy()
    height, width = over.shape[:2]
    over[height // 4 : 3 * height // 4, width // 5 : 4 * width // 5] = (60, 30, 200)
    assert judged(over, pack(3)).log_odds < 1


def test_a_photo_of_a_pack_is_the_same_item() -> None:
    photo = render_photo(SPEC, 6, 0, CameraOptions(severity=0.35))
    found = judged(pack(6), photo.pixels, photo.homography)
    assert found.relation is Relation.SAME_ITEM


def bent(pixels: Pixels, by_px: float) -> Pixels:
    """As paper that curls lies before a camera, seen a little from the side."""
    height, width = pixels.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    curl = by_px * np.sin(columns / width * 2 * np.pi)
    curled = cv2.remap(pixels, columns, (rows + curl).astype(np.float32), cv2.INTER_LINEAR)
    tilt = np.array([[1, 0, 0], [0, 1, 0], [0.2 / width, 0, 1.0]])
    return np.asarray(cv2.warpPerspective(curled, tilt, (width, height)), np.uint8)


def tilt_of(pixels: Pixels) -> npt.NDArray[np.float64]:
    return np.array([[1, 0, 0], [0, 1, 0], [0.2 / pixels.shape[1], 0, 1.0]])


@pytest.mark.parametrize("number", [0, 12])
def test_a_photo_of_bent_paper_is_laid_flat(number: int) -> None:
    found = judged(pack(number), bent(pack(number), 5), tilt_of(pack(number)))
    assert found.relation is Relation.SAME_ITEM
    assert found.evidence["agreement"] > 0.8


def test_bending_makes_no_flavour_another() -> None:
    found = judged(pack(12), bent(pack(13), 5), tilt_of(pack(12)))
    assert found.relation is Relation.VARIANT


@pytest.mark.parametrize("quality", [10, 40, 90])
def test_what_an_editor_did_has_no_perspective(quality: int) -> None:
    turned = cv2.getRotationMatrix2D((240, 240), 8, 0.8)
    copy = np.asarray(cv2.warpAffine(pack(9), turned, (480, 480)), np.uint8)
    found = judged(pack(9), compressed(copy, quality), np.vstack([turned, [0, 0, 1]]))
    assert found.evidence["perspective"] < 1e-9


@pytest.mark.parametrize("number", [0, 12, 24])
def test_another_flavour_of_a_line_is_a_variant(number: int) -> None:
    found = judged(pack(number), pack(number + 1))
    assert found.relation is Relation.VARIANT
    assert found.log_odds < -1


@pytest.mark.parametrize("number", [0, 21])
def test_a_pack_in_another_colour_is_a_variant(number: int) -> None:
    found = judged(pack(number), recoloured(pack(number)))
    assert found.relation is Relation.VARIANT
    assert "colours differ" in found.note


def test_a_flat_picture_is_insufficient_evidence() -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    found = judged(grey, grey)
    assert found.relation is Relation.INSUFFICIENT
    assert found.log_odds < 0


def test_pictures_that_do_not_overlap_are_insufficient_evidence() -> None:
    assert judged(pack(0), pack(0), shift(5000, 0)).relation is Relation.INSUFFICIENT


def test_the_difference_is_where_the_tag_is() -> None:
    plain = pack(3)
    other = plain.copy()
    height, width = plain.shape[:2]
    other[height // 2 : height * 3 // 4, width // 3 : width * 2 // 3] = pack(30)[
        height // 2 : height * 3 // 4, width // 3 : width * 2 // 3
    ]
    found = judged(plain, other)
    assert found.difference is not None
    for grid in (found.difference.a, found.difference.b):
        rows, columns = grid.shape
        inside = grid[rows // 2 : rows * 3 // 4, columns // 3 : columns * 2 // 3]
        assert inside.mean() > 60
        assert grid[: rows // 3].mean() < 8


def test_equal_pixels_in_two_formats_are_exact(tmp_path: Path) -> None:
    a = entry_of(tmp_path, "a.png", pack(0), number=0)
    b = entry_of(tmp_path, "b.bmp", pack(0), number=1)
    assert judge_pair(verified(), a, b).relation is Relation.EXACT


def test_a_changed_file_is_not_judged(tmp_path: Path) -> None:
    a = entry_of(tmp_path, "a.png", pack(0), number=0)
    b = replace(entry_of(tmp_path, "b.png", pack(1), number=1), content_hash=b"x" * 16)
    found = judge_pair(verified(), a, b)
    assert found.relation is Relation.INSUFFICIENT
    assert "changed since it was indexed" in found.note


def test_a_missing_file_is_not_judged(tmp_path: Path) -> None:
    a = entry_of(tmp_path, "a.png", pack(0), number=0)
    gone = replace(a, path=str(tmp_path / "gone.png"), number=1)
    found = judge_pair(verified(), a, gone)
    assert found.relation is Relation.INSUFFICIENT
    assert "gone.png" in found.note


def test_plain_pictures_that_look_alike_are_insufficient_evidence(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(90, 160, 320).astype(np.uint8)[None, :, None], (240, 1, 3))
    a = entry_of(tmp_path, "a.png", ramp, number=0)
    b = entry_of(tmp_path, "b.png", np.clip(ramp + 3, 0, 255).astype(np.uint8), number=1)
    found = judge_hash_pair(a, b)
    assert found is not None
    assert found.relation is Relation.INSUFFICIENT


def test_a_copy_ruined_by_compression_is_told_by_its_pixels(tmp_path: Path) -> None:
    small = cv2.resize(pack(3), None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    a = entry_of(tmp_path, "a.png", pack(3), number=0)
    b = entry_of(tmp_path, "b.png", compressed(small, 8), number=1)
    found = judge_hash_pair(a, b)
    assert found is not None
    assert found.relation is Relation.NEAR_DUPLICATE


def test_drawn_pictures_that_only_their_hash_likens_are_nothing(tmp_path: Path) -> None:
    a = entry_of(tmp_path, "a.png", pack(0), number=0)
    b = entry_of(tmp_path, "b.png", pack(30), number=1)
    assert judge_hash_pair(a, b) is None
