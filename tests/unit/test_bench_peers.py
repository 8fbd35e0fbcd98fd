"""tools/bench_peers.py: what is compared with what, and that kpsearch is asked as by evaluate."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import bench_peers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import Query, Ranked, Setting, Spent, Unavailable, make_peer
from peers.aggregated import DESCRIPTORS_A_WORD, words_for
from peers.brute_force import RATIO, ratio_matches
from peers.colmap import answers, keep_only
from peers.gallery import drawn_queries, find_distractors, reduced_gallery
from peers.keypoints import KeypointReader
from peers.measure import outcome
from peers.peer import best_first

from kpsearch.evaluation import Truth, TruthRow, evaluate, read_run, read_truth
from kpsearch.synthetic import CatalogueSpec, write_catalogue

NOTHING = Spent(0.0, 0.0)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    return write_catalogue(CatalogueSpec(8), folder, queries=4)


def truth_of(groups: int, *, size: int = 4) -> Truth:
    """Groups of pictures that are each other's gallery, of two sources in turn."""
    return Truth(
        tuple(
            TruthRow(f"/{group}-{i}.jpg", str(group), "both", source=f"source {group % 2}")
            for group in range(groups)
            for i in range(size)
        )
    )


def test_as_many_queries_are_drawn_from_each_source_and_the_same_ones_again() -> None:
    truth = truth_of(6)
    drawn = drawn_queries(truth, 5, [], seed=1)
    assert [row.source for row in drawn].count("source 0") == 5
    assert len(drawn) == 10
    assert drawn == drawn_queries(truth, 5, [], seed=1) != drawn_queries(truth, 5, [], seed=2)
    assert {row.source for row in drawn_queries(truth, 0, ["CE 1"], seed=0)} == {"source 1"}
    assert len(drawn_queries(truth, 0, [], seed=0)) == 24


@given(st.integers(0, 30), st.integers(0, 5))
def test_a_reduced_gallery_holds_all_that_is_right_and_never_the_query(
    others: int, seed: int
) -> None:
    truth = truth_of(5)
    row = truth.rows[6]
    paths = [each.path for each in truth.rows]
    chosen = reduced_gallery(truth, row, paths, others, seed)
    assert truth.relevant(row) <= chosen <= set(paths) - {row.path}
    assert len(chosen) == 3 + min(others, 16)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.randoms())
def test_equal_scores_are_ordered_alike_whatever_order_they_come_in(
    scores: list[int], shuffler: random.Random
) -> None:
    pairs = [(f"{i}.jpg", score) for i, score in enumerate(scores)]
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)
    ranked = [
        best_first([path for path, _ in order], np.array([score for _, score in order], float))
        for order in (pairs, shuffled)
    ]
    assert ranked[0] == ranked[1]
    assert [score for _, score in ranked[0]] == sorted(scores, reverse=True)


def test_the_query_itself_and_what_is_not_in_the_gallery_do_not_count_as_hits() -> None:
    truth = truth_of(3)
    row = truth.rows[0]
    hits = tuple((path, 1.0) for path in ("/0-0.jpg", "/2-0.jpg", "/1-0.jpg", "/0-2.jpg"))
    gallery = {"/0-0.jpg", "/0-1.jpg", "/0-2.jpg", "/1-0.jpg"}
    found = outcome(truth, row, Ranked(hits, NOTHING, NOTHING), gallery)
    assert found.relevant_positions == (1,)
    assert found.n_relevant == 2


def ratio_test_in_a_loop(query: np.ndarray, reference: np.ndarray) -> list[tuple[int, int]]:
    kept = []
    for i, row in enumerate(query):
        distances = [float(np.linalg.norm(row - other)) for other in reference]
        order = np.argsort(distances)
        if distances[order[0]] < RATIO * distances[order[1]]:
            kept.append((i, int(order[0])))
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_ratio_matches_are_those_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(30, 8)).astype(np.float32)
    query = reference[:20] + rng.normal(scale=0.6, size=(20, 8)).astype(np.float32)
    query, reference = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, reference))
    found = list(map(tuple, ratio_matches(query, reference).tolist()))
    assert found == ratio_test_in_a_loop(query, reference)
    assert 0 < len(found) < 20


def test_nothing_matches_where_there_is_no_second_nearest() -> None:
    one = np.eye(4, dtype=np.float32)
    assert ratio_matches(one, one[:1]).shape == (0, 2)
    assert ratio_matches(one[:0], one).shape == (0, 2)


@given(st.integers(1, 10_000_000))
def test_a_codebook_leaves_enough_descriptors_for_each_word(descriptors: int) -> None:
    words = words_for(descriptors)
    assert words == 16 or words * DESCRIPTORS_A_WORD <= descriptors
    assert words & (words - 1) == 0


def test_what_colmap_prints_is_read_query_by_query() -> None:
    printed = """Loading database
Querying for image q1.jpg [1/2] in 0.250s
  image_id=3, image_name=r3.jpg, score=1.500000
  image_id=1, image_name=r1.jpg, score=2e-05
Querying for image q2.png [2/2] in 0.001s
Elapsed time: 0.006 [minutes]
"""
    assert list(answers(printed)) == [
        ("q1.jpg", (250.0, [("r3.jpg", 1.5), ("r1.jpg", 2e-05)])),
        ("q2.png", (1.0, [])),
    ]


def test_a_tree_is_trained_on_references_alone(tmp_path: Path) -> None:
    file = tmp_path / "features.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE images (image_id INTEGER, name TEXT)")
        database.executemany("INSERT INTO images VALUES (?, ?)", [(1, "r1"), (2, "q1"), (3, "r2")])
        for table in ("descriptors", "keypoints"):
            database.execute(f"CREATE TABLE {table} (image_id INTEGER, rows INTEGER)")
            rows = [(1, 10), (2, 100), (3, 7)]
            database.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    assert keep_only(file, ["r1", "r2"]) == 17
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT name FROM images").fetchall() == [("r1",), ("r2",)]


def test_distractors_come_from_the_folder_and_are_no_reference(catalogue: Path) -> None:
    pictures = sorted(str(path) for path in (catalogue / "catalogue").iterdir())
    found = find_distractors([str(catalogue / "catalogue")], 5, pictures[:2], seed=0)
    assert len(set(found)) == 5
    assert set(found) <= set(pictures[2:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--queries", "-3"], "'-3' is no whole number from 0"),
        (["--levels", "0,-1"], "'-1' is no whole number from 0"),
        (["--levels", "1.5"], "'1.5' is no whole number from 0"),
        (["--levels", ","], "nothing between two commas"),
        (["--peers", "kpsearch,zzz"], "no peer is called zzz; known: asmk, brute-force"),
        (["--distractors", "folder"], "--distractors are for --levels above 0"),
        (["--model", "none.onnx"], "--model none.onnx: there is no such file"),
        (["--json", "/none/x.json"], "/none/x.json: there is no folder /none"),
        (["--runs", f"{__file__}/runs"], "is a file; name a folder to write in"),
        (["--work", __file__], "is a file; name a folder to write in"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        bench_peers.main(options)
    assert refused.value.code == 2
    assert words in capsys.readouterr().err


def test_sources_and_distractors_that_are_not_there_are_told_before_any_work(
    catalogue: Path, tmp_path: Path
) -> None:
    manifest = ["--manifest", str(catalogue / "manifest.csv")]
    for options, words in (
        (["--sources", "zzz"], "no query is of a source like 'zzz'"),
        (["--levels", "5", "--distractors", "/none"], "/none: no folder of distractors"),
        (["--levels", "5", "--distractors", str(tmp_path)], "has no picture to take"),
    ):
        with pytest.raises(SystemExit, match=rf"^bench_peers: .*{words}"):
            bench_peers.main([*manifest, *options])


def test_the_brute_force_matcher_finds_what_is_photographed(
    catalogue: Path, tmp_path: Path
) -> None:
    truth = read_truth(str(catalogue / "manifest.csv"))
    peer = make_peer("brute-force", Setting(KeypointReader(), None, tmp_path))
    paths = [row.path for row in truth.references()]
    size, seconds = peer.build(paths, tmp_path)
    assert size > 0
    assert seconds > 0
    for row in truth.queries():
        (ranked,) = peer.rank([Query(row.path, frozenset(paths))])
        assert ranked.hits[0][0] in truth.relevant(row)
        assert len(ranked.hits) == len(paths)


def test_kpsearch_answers_as_it_does_in_evaluate_and_what_is_missing_is_named(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = catalogue / "manifest.csv"
    wanted = ["--manifest", str(manifest), "--queries", "0", "--others", "3"]
    files = ["--runs", str(tmp_path / "runs"), "--json", str(tmp_path / "figures.json")]
    bench_peers.main([*wanted, *files, "--peers", "kpsearch,cnn,brute-force"])
    shown = capsys.readouterr().out
    assert "skipped cnn: no network given" in shown
    assert "whole gallery" in shown
    expected = evaluate(read_truth(str(manifest)), tmp_path / "index")
    run = read_run(str(tmp_path / "runs" / "kpsearch-0.trec"))
    assert run == {query: hits for query, hits in expected.run().items() if hits}
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [each["peer"] for each in figures] == ["kpsearch", "brute-force"]
    (summary,) = figures[0]["whole_gallery"].values()
    assert summary["map"] == next(iter(expected.sources.values())).map


def test_an_embedding_without_a_network_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="--model"):
        make_peer("cnn", Setting(KeypointReader(), None, tmp_path))
