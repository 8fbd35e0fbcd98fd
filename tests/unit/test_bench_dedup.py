"""tools/bench_dedup.py: what is measured is what is true, and large sets are as told."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from pathlib import Path

import bench_dedup
import cv2
import numpy as np
import pytest
from dedup_bench.copydays import CELLS, copydays, relation_of
from dedup_bench.engine import Judgement
from dedup_bench.figures import NOT_FOUND, figures
from dedup_bench.hashes import all_pairs
from dedup_bench.labelled import LOOK_ALIKE, LabelledSet, labelled_pair, read_dedup_set
from dedup_bench.measures import PRECISIONS, ScoredPairs, ranking
from dedup_bench.real_set import real_set
from dedup_bench.scale.copying import copy_of
from dedup_bench.scale.indexes import drawn_picture, write_population
from dedup_bench.scale.keypoints import (
    WordLaw,
    chance_of_distance,
    draw_keypoints,
    flipped,
    random_signatures,
)
from dedup_bench.scale.memory import Watch
from dedup_bench.scale.population import COPY_KINDS, draw_population
from dedup_bench.scale.running import measure_scale, recall_of_copies
from dedup_bench.tables import errors_text, set_tables
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.dedup.records import JudgedPair, Relation
from kpsearch.evaluation import Truth, TruthRow
from kpsearch.index import Snapshot
from kpsearch.synthetic import CatalogueSpec, render_item
from kpsearch.synthetic.copies import IGNORE, DedupSpec, write_dedup_set
from kpsearch.types import ImageSize

TRUTH = LabelledSet(
    "six",
    tuple(f"/{i}.jpg" for i in range(6)),
    (
        labelled_pair(1, 0, "near-duplicate", "jpeg", 50),
        labelled_pair(2, 0, "crop-of", "crop", 0.5),
        labelled_pair(2, 1, IGNORE, "crop and jpeg", 0),
        labelled_pair(3, 0, "variant", "variant text", 0),
        labelled_pair(4, 5, LOOK_ALIKE, "grocery, look-alikes", 0),
    ),
)


def judged(a: int, b: int, relation: Relation, log_odds: float) -> JudgedPair:
    return JudgedPair(a, b, relation, log_odds)


def judgement(*pairs: JudgedPair, accepted: int) -> Judgement:
    flags = np.arange(len(pairs)) < accepted
    grouped = np.array([(pair.b, pair.a) for pair in pairs[:accepted]], np.int64).reshape(-1, 2)
    return Judgement(list(pairs), flags, grouped, {"index": 1.0})


FOUND = judgement(
    judged(0, 1, Relation.NEAR_DUPLICATE, 9.0),
    judged(1, 2, Relation.CROP_OF, 8.0),
    judged(0, 3, Relation.SAME_ITEM, 7.0),
    judged(0, 2, Relation.CONTAINS, 6.0),
    judged(1, 5, Relation.INSUFFICIENT, -3.0),
    judged(0, 4, Relation.VARIANT, -5.0),
    accepted=3,
)


def test_a_pair_has_its_lower_number_first_and_its_relation_that_way_round() -> None:
    pair = TRUTH.pairs[1]
    assert (pair.a, pair.b, pair.relation) == (0, 2, "contains")
    assert labelled_pair(4, 2, IGNORE, "", 0).relation == IGNORE
    assert [pair.merges for pair in TRUTH.pairs] == [True, True, False, False, False]


def test_what_the_truth_ignores_counts_neither_way() -> None:
    found = ranking(TRUTH, FOUND.scored(TRUTH))
    # Right, ignored, wrong, right: precision 1 at the first, 2 of 3 at the last.
    assert found.micro_ap == pytest.approx((1 + 2 / 3) / 2)
    assert found.recall == (0.5, 0.5)
    assert found.thresholds == (9.0, 9.0)


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(-3, 3)), max_size=15))
def test_figures_are_those_of_a_plain_loop(drawn: list[tuple[int, int]]) -> None:
    every = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    scores = {every[place]: float(score) for place, score in drawn}
    ends = np.array(list(scores), np.int64).reshape(-1, 2)
    scored = ScoredPairs(TRUTH.keys_of(ends), np.array(list(scores.values()), np.float64))
    found = ranking(TRUTH, scored)
    right = {(0, 1), (0, 2)}
    for recall, threshold, precision in zip(
        found.recall, found.thresholds, PRECISIONS, strict=True
    ):
        best = 0.0
        for level in set(scores.values()):
            taken = {key for key, s in scores.items() if s >= level and key != (1, 2)}
            if taken and len(taken & right) / len(taken) >= precision:
                best = max(best, len(taken & right) / 2)
        assert recall == pytest.approx(best)
        passed = {key for key, s in scores.items() if s >= threshold}
        assert len(passed & right) == round(recall * 2)
    known = scored.of(TRUTH.keys)
    for (a, b), score in zip([(p.a, p.b) for p in TRUTH.pairs], known, strict=True):
        assert score == scores.get((a, b), -np.inf)


def test_relations_are_counted_as_told_and_what_is_merged_as_accepted() -> None:
    found = figures(TRUTH, FOUND, {})
    said = found.relations
    assert said.confusion["near-duplicate"] == {"near-duplicate": 1}
    assert said.confusion["contains"] == {"contains": 1}
    assert said.confusion["variant"] == {"same-item": 1}
    assert said.confusion[LOOK_ALIKE] == {NOT_FOUND: 1}
    assert said.confusion["different"] == {"insufficient-evidence": 1, "variant": 1}
    assert (said.accepted, said.accepted_right) == (2, 1)
    assert (said.grouped, said.grouped_right) == (2, 1)
    assert said.recall_of_accepted == 0.5
    assert said.variants_merged == said.variants_called_duplicates == 0.5
    assert said.duplicates_called_variants == 0
    assert said.insufficient == 1
    assert found.kinds["crop"].recall["kpsearch"] == (0.0, 0.0)
    assert found.strengths["jpeg 50"].pairs == 1
    assert "variants and look-alikes merged: 50.0%" in set_tables(found)
    rows = list(csv.DictReader(io.StringIO(errors_text(TRUTH, FOUND))))
    assert [(row["path_a"], row["path_b"], row["true"]) for row in rows] == [
        ("/0.jpg", "/3.jpg", "variant"),
        ("/0.jpg", "/2.jpg", "contains"),
    ]


def test_hashes_are_compared_as_by_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (6, 32), dtype=np.uint8)
    scored = all_pairs(TRUTH, hashes)
    assert len(np.unique(scored.keys)) == 15
    for a in range(6):
        for b in range(a + 1, 6):
            distance = sum(
                int(x ^ y).bit_count() for x, y in zip(hashes[a], hashes[b], strict=True)
            )
            assert scored.of(TRUTH.keys_of(np.array([[b, a]]))) == [-distance]


def test_copies_of_copydays_are_as_their_cells_say() -> None:
    picture = render_item(CatalogueSpec(1), 0)
    for kind, strength in CELLS:
        copy = copydays(picture, kind, strength, np.random.default_rng(1))
        assert Relation(relation_of(kind)).merges
        if kind == "reduced jpeg":
            assert max(copy.pixels.shape) == 240
            assert copy.jpeg_quality == strength
        if kind == "crop":
            assert copy.pixels.size / picture.size == pytest.approx(strength, abs=0.02)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Path]:
    """Two things with a photo each, and two products of one line, one of them twice."""
    root = tmp_path_factory.mktemp("data")
    spec, rows = CatalogueSpec(9, side_px=160), []
    for name, item, role in (
        ("book/reference/1.jpg", 0, "reference"),
        ("book/query/1.jpg", 0, "query"),
        ("book/reference/2.jpg", 3, "reference"),
        ("grocery/iconic/a.jpg", 6, "reference"),
        ("grocery/iconic/b.jpg", 7, "reference"),
        ("grocery/iconic/c.jpg", 7, "reference"),
        ("grocery/val/a.jpg", 8, "query"),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 70 if role == "query" else 90]
        path.write_bytes(cv2.imencode(".jpg", render_item(spec, item), quality)[1].tobytes())
        rows.append(TruthRow(str(path), path.stem + path.parts[-3], role, "tea"))
    return Truth(tuple(rows)), root


def test_real_pictures_are_paired_by_instance_line_and_origin(
    data: tuple[Truth, Path], tmp_path: Path
) -> None:
    found = real_set(*data, tmp_path, copies=40)
    assert len(found.paths) == 6 + 40
    names = {i: Path(path).name for i, path in enumerate(found.paths)}
    pairs = {(names[p.a], names[p.b]): p for p in found.pairs if p.b < 6}
    kinds = {key: (pair.relation, pair.transformation) for key, pair in pairs.items()}
    assert kinds == {
        ("1.jpg", "1.jpg"): ("same-item", "book, photo"),
        ("a.jpg", "b.jpg"): (LOOK_ALIKE, "grocery, look-alikes"),
        ("a.jpg", "c.jpg"): (LOOK_ALIKE, "grocery, look-alikes"),
        ("b.jpg", "c.jpg"): ("exact", "same bytes"),
    }
    assert len({(p.a, p.b) for p in found.pairs}) == len(found.pairs)
    crops = [p for p in found.pairs if p.transformation == "crop"]
    assert {p.relation for p in crops} == {"contains"}
    assert all(pair.a < pair.b < len(found.paths) for pair in found.pairs)


def test_a_generated_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    spec = DedupSpec(CatalogueSpec(3, side_px=64), copies=1, shared_parts=0)
    found = read_dedup_set(write_dedup_set(spec, tmp_path))
    assert len(found.paths) == 3 + 3 + 1
    assert all(Path(path).exists() for path in found.paths)
    assert sum(found.merging) >= 3


def test_the_bench_runs_and_says_what_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_dedup, "real_truth", lambda: None)
    files = ["--json", str(tmp_path / "figures.json"), "--errors", str(tmp_path / "errors")]
    sizes = ["--items", "3", "--jobs", "1", "--peers", "phash"]
    bench_dedup.main([*sizes, *files, "--work", str(tmp_path / "work")])
    shown = capsys.readouterr().out
    assert "synthetic: 10 pictures, " in shown
    assert "skipped the real pictures" in shown
    told = json.loads((tmp_path / "figures.json").read_text())["synthetic"]
    assert told["methods"]["kpsearch"]["micro_ap"] > 0.5
    assert (tmp_path / "errors" / "synthetic.csv").exists()


def test_a_population_is_as_large_as_asked_and_its_copies_have_originals() -> None:
    for pictures in (10, 300, 5000):
        population = draw_population(pictures, 0)
        assert len(population) == pictures
        copies = np.flatnonzero(population.original >= 0)
        assert (population.original[population.original[copies]] < 0).all()
        assert not population.crowd[population.original[copies]].any()
    assert 0.1 < len(copies) / pictures < 0.25
    assert population.crowd.sum() == 200
    sizes = np.unique(population.line, return_counts=True)[1][1:]
    assert set(sizes) == {5}
    assert 0.03 < sizes.sum() / pictures < 0.05
    ends, _ = population.copy_pairs()
    assert population.related(ends).all()
    assert not population.related(np.array([[0, 1], [2, 3]])).all()


def test_signatures_differ_as_chance_says() -> None:
    rng = np.random.default_rng(0)
    one, other = random_signatures(40_000, rng), random_signatures(40_000, rng)
    distance = np.bitwise_count(one ^ other)
    share = np.bincount(distance, minlength=65).cumsum() / len(distance)
    np.testing.assert_allclose(share, chance_of_distance(), atol=0.01)
    changed = np.bitwise_count(one ^ flipped(one, 0.1, rng))
    assert changed.mean() == pytest.approx(6.4, abs=0.1)


@pytest.mark.parametrize("kind", COPY_KINDS)
def test_a_copy_has_the_words_and_signatures_of_what_it_shows(kind: str) -> None:
    law = WordLaw(5000, 0)
    drawn = draw_keypoints(law, ImageSize(800, 600), 900, np.random.default_rng(1))
    copy = copy_of(drawn, kind, law, np.random.default_rng(2))
    word, signature = drawn.word, drawn.signature
    if kind == "mirrored":
        word, signature = drawn.mirrored_word, drawn.mirrored_signature
    same = copy.word[:, None] == word[None, :]
    near = np.bitwise_count(copy.signature[:, None] ^ signature[None, :]) <= 16
    rows, _ = np.nonzero(same & near)
    assert 0.3 < len(rows) / len(copy) < 0.55
    assert (copy.xy > -5).all()
    assert (copy.xy < np.array(copy.size) + 5).all()


def test_an_index_of_a_population_is_that_population(tmp_path: Path) -> None:
    population = draw_population(60, 3)
    write_population(population, tmp_path)
    snapshot = Snapshot.open(tmp_path)
    law = WordLaw(len(snapshot.vocabulary), 3)
    counts = [len(drawn_picture(population, law, i)) for i in range(60)]
    assert snapshot.keypoint_counts.tolist() == counts
    assert snapshot.keeps_sketches


def test_planted_copies_are_found_and_nothing_else_is(tmp_path: Path) -> None:
    found = measure_scale(120, tmp_path, progress=lambda *_: None)
    assert found.pictures == 120
    assert found.recall["all"] > 0.9
    assert found.unrelated == 0
    assert found.peak.resident_mb >= found.peak.own_mb > 0
    assert "grouping" in found.seconds
    assert 0 < found.cpu_s < 10 * found.total_s
    assert not (tmp_path / "index").exists()


def test_recall_counts_a_copy_with_its_original_in_any_order() -> None:
    population = draw_population(400, 1)
    ends, kind = population.copy_pairs()
    assert recall_of_copies(population, ends)["all"] == 1.0
    half = recall_of_copies(population, ends[: len(ends) // 2])
    assert half["all"] == pytest.approx(0.5, abs=0.02)
    assert set(half) == {COPY_KINDS[k] for k in np.unique(kind)} | {"all"}


def test_memory_is_watched_while_there_is_something_to_see() -> None:
    with Watch(os.getpid()) as watch:
        time.sleep(0.8)
    assert watch.peak.resident_mb > 10
