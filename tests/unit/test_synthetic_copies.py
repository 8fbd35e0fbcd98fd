"""Copies land where their homography says, and a set's truth, files and pictures agree."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations

import cv2
import numpy as np
import pytest

from kpsearch.dedup.records import Relation
from kpsearch.errors import UsageError
from kpsearch.synthetic import Aspects, CatalogueSpec, render_item
from kpsearch.synthetic.copies import (
    IGNORE,
    KINDS,
    PARTS,
    VARIANTS,
    DedupSpec,
    copy_picture,
    draw_variant,
    paste_part,
    plan_set,
    true_pairs,
    write_dedup_set,
)
from kpsearch.synthetic.copies.planning import copy_cells
from kpsearch.synthetic.copies.truth import relation_of_copies
from kpsearch.synthetic.truth import place_of

CATALOGUE = CatalogueSpec(items=14, seed=3, side_px=128)
SPEC = DedupSpec(CATALOGUE, copies=1.0, variants=0.4, shared_parts=3, strangers=2)
STILL = ("same-pixels", "jpeg", "cast", "exposure", "gamma", "contrast", "saturation", "grey")
"""Kinds that move nothing."""


def a_picture(seed: int = 0, side_px: int = 400) -> np.ndarray:
    return render_item(CatalogueSpec(1, seed=seed, side_px=side_px), 0)


def rng_of(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(numbers)


def warped(picture: np.ndarray, homography: np.ndarray, shape: tuple[int, ...]) -> tuple:
    """The picture through a homography, and where it covers the frame altogether."""
    size = shape[1::-1]
    scale = np.sqrt(abs(np.linalg.det(homography[:2, :2])))
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.5 / scale, 0.3)) if scale < 1 else picture
    inside = cv2.warpPerspective(np.full(picture.shape[:2], 255, np.uint8), homography, size)
    return cv2.warpPerspective(soft, homography, size), cv2.erode(inside, np.ones((7, 7))) == 255


def displacement_px(picture: np.ndarray, kind: str, strength: float, seed: int) -> float:
    """Median distance between where phase correlation finds windows and where they should be."""
    copy = copy_picture(picture, kind, strength=strength, rng=rng_of(seed))
    expected, inside = warped(picture, copy.homography, copy.pixels.shape)
    one, other = (
        cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(np.float32)
        for each in (expected, copy.pixels)
    )
    window, found = cv2.createHanningWindow((64, 64), cv2.CV_32F), []
    for y in range(0, one.shape[0] - 64, 24):
        for x in range(0, one.shape[1] - 64, 24):
            part = np.s_[y : y + 64, x : x + 64]
            if inside[part].all() and one[part].std() > 15:
                shift, response = cv2.phaseCorrelate(one[part], other[part], window)
                found.append((response, float(np.hypot(*shift))))
    assert found
    return float(np.median([distance for _, distance in found]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_where_its_homography_says(kind: str) -> None:
    strengths = KINDS[kind].strengths
    for k, strength in enumerate({strengths[0], strengths[-1]}):
        picture = a_picture(k)
        found = displacement_px(picture, kind, strength, k)
        assert found < (2.0 if "photo" in kind else 0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_a_pure_function_and_leaves_its_picture_alone(kind: str) -> None:
    picture = a_picture(side_px=200)
    before = picture.copy()
    one, other = (
        copy_picture(picture, kind, strength=KINDS[kind].strengths[-1], rng=rng_of(5))
        for _ in range(2)
    )
    np.testing.assert_array_equal(picture, before)
    assert one.encode() == other.encode()
    assert one.pixels.dtype == np.uint8
    assert one.pixels.shape[2:] == (3,)


def test_kinds_name_relations_that_merge() -> None:
    assert all(Relation(kind.relation).merges for kind in KINDS.values())


def test_a_mirrored_copy_turns_the_picture_over_and_no_other_does() -> None:
    picture = a_picture(side_px=120)
    for name, kind in KINDS.items():
        copy = copy_picture(picture, name, strength=kind.strengths[0], rng=rng_of(1))
        assert (np.linalg.det(copy.homography[:2, :2]) < 0) == (kind.relation == "mirrored")


def test_exact_copies_keep_every_pixel() -> None:
    picture = a_picture()
    copy = copy_picture(picture, "same-pixels", strength=1, rng=rng_of(0))
    data = np.frombuffer(copy.encode(), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR), picture)


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.2])
def test_a_crop_keeps_the_share_of_the_area_it_is_asked_for(kept: float) -> None:
    picture = a_picture()
    for seed in range(8):
        copy = copy_picture(picture, "crop", strength=kept, rng=rng_of(seed))
        assert copy.pixels.size / picture.size == pytest.approx(kept, abs=0.01)
        x, y = -copy.homography[:2, 2].astype(int)
        high, wide = copy.pixels.shape[:2]
        np.testing.assert_array_equal(copy.pixels, picture[y : y + high, x : x + wide])


def test_a_picture_of_any_size_can_be_copied_in_any_way() -> None:
    for picture in (a_picture(side_px=64)[:33, :20], np.full((30, 200, 3), 128, np.uint8)):
        for name, kind in KINDS.items():
            hardest = kind.strengths[-1]
            assert copy_picture(picture, name, strength=hardest, rng=rng_of(2)).encode()


@pytest.mark.parametrize("aspects", VARIANTS)
def test_a_variant_differs_in_each_of_its_aspects_and_in_no_other(
    aspects: tuple[str, ...],
) -> None:
    for i in (0, 3, 13):
        chosen = draw_variant(CATALOGUE, i, aspects, rng_of(i))
        own = render_item(CATALOGUE, i)
        alone = {
            "text": Aspects(text=chosen.text),
            "colour": Aspects(turned_deg=chosen.turned_deg),
            "artwork": Aspects(artwork=chosen.artwork),
        }
        for aspect, only in alone.items():
            assert (only != Aspects()) == (aspect in aspects)
            same = np.array_equal(render_item(CATALOGUE, i, only), own)
            assert same == (aspect not in aspects)


def test_a_text_variant_is_equal_but_for_its_words() -> None:
    spec = CatalogueSpec(items=60, seed=3, side_px=320)
    for i in (9, 15, 33):
        aspects = draw_variant(spec, i, ("text",), rng_of(i))
        differs = (render_item(spec, i) != render_item(spec, i, aspects)).any(axis=2)
        assert 0.002 < differs.mean() < 0.15


def test_every_item_has_a_variant_of_every_kind_and_no_two_of_a_line_share_one() -> None:
    for variants in (1, 3, 7):
        spec = CatalogueSpec(items=21, seed=8, variants_per_line=variants)
        lines: dict[int, set[int]] = {}
        for i in range(spec.items):
            drawn = {draw_variant(spec, i, a, rng_of(i)).text for a in VARIANTS if "text" in a}
            line = lines.setdefault(place_of(spec, i).line, set())
            assert not line & drawn
            line |= drawn
            assert min(drawn) >= variants


def test_pictures_share_a_part_and_differ_elsewhere() -> None:
    for kind in PARTS:
        one, other = (np.full((300, 240, 3), grey, np.uint8) for grey in (90, 160))
        first = paste_part(one, kind, part=rng_of(4), place=rng_of(1))
        second = paste_part(other, kind, part=rng_of(4), place=rng_of(1))
        shared = (first == second).all(axis=2)
        changed = (first != one).any(axis=2)
        assert 0.03 < changed.mean() < 0.5
        assert shared[changed].mean() > 0.8
        assert not shared[~changed].any()


@pytest.fixture(scope="module")
def planned():
    return plan_set(SPEC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dedup_set(SPEC, tmp_path_factory.mktemp("set"))


def bytes_of(folder) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_any_number_of_jobs_gives_the_same_bytes_and_a_stopped_run_goes_on(
    folder, tmp_path
) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 20:
            raise Stop

    with pytest.raises(Stop):
        write_dedup_set(SPEC, tmp_path, progress=stop)
    assert not (tmp_path / "pairs.csv").exists()
    write_dedup_set(SPEC, tmp_path, n_jobs=2)
    assert bytes_of(tmp_path) == bytes_of(folder)
    with pytest.raises(UsageError, match="other options"):
        write_dedup_set(DedupSpec(CATALOGUE), tmp_path)


def test_files_and_truth_agree(folder, planned) -> None:
    paths = {picture.path for picture in planned}
    assert len(paths) == len(planned) == 14 + 14 + 6 + 6 + 2
    assert paths == {path for path in bytes_of(folder) if path.startswith("pictures/")}
    with (folder / "pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({frozenset((row["path_a"], row["path_b"])) for row in rows})
    for row in rows:
        assert {row["path_a"], row["path_b"]} <= paths
        assert row["relation"] in {*Relation, IGNORE}


def test_copies_are_listed_with_the_relation_of_their_kind(planned) -> None:
    pairs = {(pair.path_a, pair.path_b): pair for pair in true_pairs(SPEC, planned)}
    own = {p.base: p for p in planned if not p.kind}
    copies = [p for p in planned if p.kind in KINDS and p.base in own]
    assert len(copies) > 10
    for copy in copies:
        pair = pairs[copy.path, own[copy.base].path]
        assert pair.relation == KINDS[copy.kind].relation
        assert (pair.transformation, pair.strength) == (copy.kind, copy.strength)


def test_two_pictures_are_paired_where_they_share_a_line_a_brand_or_a_part(planned) -> None:
    paired = {frozenset((p.path_a, p.path_b)): p for p in true_pairs(SPEC, planned)}
    for a, b in combinations(planned, 2):
        one, other = (place_of(CATALOGUE, each.base.item) for each in (a, b))
        part = a.base.part != "" and (
            (a.base.part, a.base.part_number) == (b.base.part, b.base.part_number)
        )
        pair = paired.get(frozenset((a.path, b.path)))
        if one.line == other.line or part:
            assert pair is not None
        if pair is None:
            assert a.base != b.base
        else:
            assert one.brand == other.brand or part
            merges = pair.relation != IGNORE and Relation(pair.relation).merges
            assert not merges or a.base == b.base


def test_no_two_bases_look_alike_that_are_called_variants(planned) -> None:
    shown = {}
    for picture in planned:
        base = picture.base
        if base.item < CATALOGUE.items:
            shown.setdefault(base, render_item(CATALOGUE, base.item, base.aspects))
    for (one, first), (other, second) in combinations(shown.items(), 2):
        if place_of(CATALOGUE, one.item).line == place_of(CATALOGUE, other.item).line:
            assert (first != second).any(axis=2).mean() > 0.002


def test_each_kind_and_strength_comes_about_as_often() -> None:
    cells = copy_cells()
    spec = DedupSpec(CatalogueSpec(len(cells)), copies=3.0, variants=0, shared_parts=0)
    counts = Counter((p.kind, p.strength) for p in plan_set(spec) if p.kind)
    assert set(counts) == set(cells)
    assert set(counts.values()) == {3}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("exact", "exact", "exact"),
        ("exact", "near-duplicate", "near-duplicate"),
        ("crop-of", "near-duplicate", "crop-of"),
        ("near-duplicate", "crop-of", "contains"),
        ("exact", "mirrored", "mirrored"),
        ("same-item", "same-item", "same-item"),
        ("crop-of", "crop-of", IGNORE),
        ("mirrored", "crop-of", IGNORE),
    ],
)
def test_what_copies_of_one_picture_are_to_each_other(a: str, b: str, expected: str) -> None:
    assert relation_of_copies(a, b) == expected


@pytest.mark.parametrize(
    "wrong",
    [{"copies": -1}, {"variants": 8}, {"shared_parts": -1}, {"strangers": -1}, {"on_white": 2}],
)
def test_a_set_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        DedupSpec(CATALOGUE, **wrong)
    with pytest.raises(UsageError):
        DedupSpec(CatalogueSpec(0))
