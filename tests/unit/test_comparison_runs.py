"""Whose id is whose, what a run file gives, and what it costs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kpsearch.comparison import Facts, PictureNames, RunFile, load_run, parse_facts
from kpsearch.errors import UnusableFile, UsageError
from kpsearch.evaluation import Truth, TruthRow, read_truth
from kpsearch.search import Region
from tests.comparisons import loaded, small_truth, write_manifest, write_trec


@pytest.fixture
def manifest(tmp_path):
    return small_truth(tmp_path)


def found(run, tmp_path, query="q0"):
    ranking = run.rankings[str(tmp_path / f"photo/{query}.jpg")]
    return [path.removeprefix(f"{tmp_path}/cat/") for path, _ in ranking]


@pytest.mark.parametrize(
    "identifier", ["{folder}/cat/1.jpg", "cat/1.jpg", "./cat//1.jpg", "1.jpg", "1", "here/1.jpg"]
)
def test_an_id_is_a_path_a_relative_one_or_a_bare_name(tmp_path, manifest, identifier, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    if identifier.startswith("here"):
        identifier = "../cat/1.jpg"
    names = PictureNames(read_truth(str(manifest)), str(manifest))
    wanted = str(tmp_path / "cat/1.jpg")
    assert names.path_of(identifier.format(folder=tmp_path)) == wanted


def test_a_bare_name_that_two_pictures_have_is_neither(tmp_path):
    rows = [("a/1.jpg", "x", "reference", ""), ("b/1.jpg", "x", "query", "")]
    manifest = write_manifest(tmp_path, rows)
    names = PictureNames(read_truth(str(manifest)), str(manifest))
    assert names.path_of("1.jpg") is None
    assert names.path_of("1") is None
    assert names.path_of("elsewhere/1.jpg") is None


def test_a_run_is_read_by_the_paths_of_the_truth(tmp_path, manifest):
    run = loaded(write_trec(tmp_path / "r.trec", {"q0": ["1", "cat/0.jpg"]}), manifest)
    assert found(run, tmp_path) == ["1.jpg", "0.jpg"]
    assert run.notes == ()


def test_strangers_keep_their_place_and_are_named(tmp_path, manifest):
    file = write_trec(tmp_path / "r.trec", {"q0": ["new.jpg", "q1.jpg", "0"], "q9": ["0"]})
    run = loaded(file, manifest)
    assert len(run.rankings) == 1
    assert found(run, tmp_path)[0] == "new.jpg"
    assert found(run, tmp_path)[2] == "0.jpg"
    assert run.notes[0].startswith("1 not used: query ids that the truth does not have: 'q9'")
    assert run.notes[1].startswith("2 counted as wrong hits")
    assert "'new.jpg'" in run.notes[1]


def test_a_query_is_left_out_of_its_own_gallery(tmp_path):
    rows = [(f"{n}.jpg", "x", "both", "") for n in range(3)]
    manifest = write_manifest(tmp_path, rows)
    trec = loaded(write_trec(tmp_path / "r.trec", {"0": ["0", "1", "2"]}), manifest)
    assert [path[-5:] for path, _ in trec.rankings[str(tmp_path / "0.jpg")]] == ["1.jpg", "2.jpg"]
    np.savez(tmp_path / "e.npz", ids=np.array(["0", "1", "2"]), vectors=np.eye(3) + 1)
    for query, ranking in loaded(tmp_path / "e.npz", manifest).rankings.items():
        assert len(ranking) == 2
        assert query not in dict(ranking)


@pytest.mark.parametrize(
    ("rankings", "complaint"),
    [
        ({"x": ["0"]}, "no query of the truth is in it; it has 'x'"),
        ({"q0": ["x", "y"]}, "none of its hits is a reference of the truth; it has 'x', 'y'"),
        ({"q0": ["0", "0.jpg"]}, "two ids mean"),
        ({"q0": ["0"], "q0.jpg": ["0"]}, "two query ids mean"),
    ],
)
def test_a_run_that_does_not_fit_the_truth_is_an_error(tmp_path, manifest, rankings, complaint):
    file = write_trec(tmp_path / "r.trec", rankings)
    with pytest.raises(UnusableFile, match=rf"r\.trec: {complaint}"):
        loaded(file, manifest)


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        (["a", "b", "c"], "no vector of a reference of the truth; it has 'a', 'b', 'c'"),
        (["0", "1", "c"], "no vector of a query of the truth"),
        (["0", "0.jpg", "q0"], "'0' and '0.jpg' are one picture"),
    ],
)
def test_embeddings_that_do_not_fit_the_truth_are_an_error(tmp_path, manifest, ids, complaint):
    np.savez(tmp_path / "e.npz", ids=np.array(ids), vectors=np.eye(3))
    with pytest.raises(UnusableFile, match=rf"e\.npz: {complaint}"):
        loaded(tmp_path / "e.npz", manifest)


def test_vectors_that_are_missing_or_too_many_are_named(tmp_path, manifest):
    np.savez(tmp_path / "e.npz", ids=np.array(["0", "1", "q0", "new"]), vectors=np.eye(4) + 1)
    run = loaded(tmp_path / "e.npz", manifest)
    assert run.notes[0] == "1 not used: ids that the truth does not have: 'new'"
    assert run.notes[1].startswith("2 without a vector, so never found: references")


def test_costs_are_read_beside_a_run(tmp_path, manifest):
    file = write_trec(tmp_path / "r.trec", {"q0": ["0"]})
    measures = {"timings_ms": {"read": 1.5, "score": 2}, "bytes_per_image": 900.5}
    (tmp_path / "r.json").write_text(json.dumps(measures))
    assert loaded(file, manifest).facts == Facts(3.5, 900.5)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"bytes_per_image": "9"}',
        '{"timings_ms": [1]}',
        pytest.param('{"bytes_per_image": 1%s}' % ("0" * 400), id="beyond floating point"),
        pytest.param('{"timings_ms": {"a": 1%s}}' % ("0" * 400), id="a time beyond it"),
        '{"timings_ms": {"a": 1e308, "b": 1e308}}',
    ],
)
def test_a_file_beside_a_run_that_is_something_else_is_an_error(tmp_path, manifest, text):
    file = write_trec(tmp_path / "r.trec", {"q0": ["0"]})
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UnusableFile, match=r"r\.json: "):
        loaded(file, manifest)


@pytest.mark.parametrize("text", ["{", "[1]", '{"timings_ms": 3}', '{"epochs": 9}'])
def test_a_file_beside_embeddings_that_is_something_else_is_none_of_ours(tmp_path, manifest, text):
    np.savez(tmp_path / "e.npz", ids=np.array(["0", "q0"]), vectors=np.eye(2) + 1)
    (tmp_path / "e.json").write_text(text)
    assert loaded(tmp_path / "e.npz", manifest).facts == Facts(None, 16)


def test_scores_that_contradict_the_ranks_are_noted_not_believed(tmp_path, manifest):
    lines = [
        f"q{n} Q0 {hit} {rank} {rank / 9} x" for n in range(4) for rank, hit in enumerate("0123")
    ]
    file = tmp_path / "r.trec"
    file.write_text("\n".join(lines))
    run = loaded(file, manifest)
    assert found(run, tmp_path) == ["3.jpg", "2.jpg", "1.jpg", "0.jpg"]
    assert run.notes[0].startswith("4 queries whose scores rise from rank to rank")
    few = [f"q0 Q0 {hit} {rank} {rank} x" for rank, hit in enumerate("0123")]
    others = [f"q{n} Q0 {hit} {rank} -{rank} x" for n in (1, 2) for rank, hit in enumerate("01")]
    file.write_text("\n".join(few + others))
    assert loaded(file, manifest).notes == ()


def test_scores_that_are_all_tied_are_noted(tmp_path, manifest):
    file = tmp_path / "r.trec"
    file.write_text("q0 Q0 1 1 5 x\nq0 Q0 0 2 5 x\nq1 Q0 0 1 5 x\n")
    run = loaded(file, manifest)
    assert found(run, tmp_path) == ["1.jpg", "0.jpg"]
    assert run.notes == ("1 queries whose hits all have one score, read in the file's order: 'q0'",)


def test_costs_are_given_by_name():
    assert parse_facts("a:b:ms=1.5,bytes=2") == ("a:b", Facts(1.5, 2.0))
    assert parse_facts("a:bytes=0") == ("a", Facts(None, 0.0))


@pytest.mark.parametrize("text", ["a", "a:", ":ms=1", "a:ms=x", "a:ms=-1", "a:ms=1e999", "a:kb=1"])
def test_costs_that_make_no_sense_are_refused(text):
    with pytest.raises(UsageError, match=f"--facts {text}"):
        parse_facts(text)


def revisited(folder):
    """A gallery of three and two queries, of which one asks about two parts of its picture."""
    rows = [TruthRow(str(folder / f"{n}.jpg"), "", "reference") for n in range(3)]
    rows += [
        TruthRow(str(folder / "q.jpg"), "", "query", region=Region(0, 0, 5, 5)),
        TruthRow(str(folder / "q.jpg"), "", "query", region=Region(5, 5, 5, 5)),
        TruthRow(str(folder / "p.jpg"), "", "query", region=Region(1, 2, 3, 4)),
    ]
    labels = {
        row.query_id: {"relevant": frozenset({str(folder / "0.jpg")})} for row in rows if row.region
    }
    return Truth(tuple(rows), labels=labels)


def test_queries_about_a_part_are_named_with_it_or_by_the_picture_alone(tmp_path):
    names = PictureNames(revisited(tmp_path), str(tmp_path))
    assert names.query_of("q.jpg#xywh=5,5,5,5") == f"{tmp_path}/q.jpg#xywh=5,5,5,5"
    assert names.query_of("p.jpg") == names.query_of("p") == f"{tmp_path}/p.jpg#xywh=1,2,3,4"
    assert names.query_of("q.jpg") is None
    assert names.path_of("q") == f"{tmp_path}/q.jpg"


def test_vectors_of_parts_are_asked_with_and_those_of_whole_pictures_instead(tmp_path):
    truth = revisited(tmp_path)
    ids = ["0", "1", "2", "q.jpg", "q.jpg#xywh=0,0,5,5", "p"]
    vectors = np.vstack([np.eye(3), np.eye(3)]) + 0.1
    np.savez(tmp_path / "e.npz", ids=np.array(ids), vectors=vectors)
    file = RunFile("e", str(tmp_path / "e.npz"))
    run = load_run(file, truth, PictureNames(truth, str(tmp_path)))
    first = {query.rpartition("/")[2]: hits[0][0][-5:] for query, hits in run.rankings.items()}
    assert first == {
        "q.jpg#xywh=0,0,5,5": "1.jpg",
        "q.jpg#xywh=5,5,5,5": "0.jpg",
        "p.jpg#xywh=1,2,3,4": "2.jpg",
    }
    assert run.notes[-1].startswith("2 asked with the vector of the whole picture")


@pytest.mark.parametrize("stays", [True, False])
def test_a_query_stays_in_its_gallery_where_the_truth_lets_it(tmp_path, stays):
    paths = [str(tmp_path / f"{n}.jpg") for n in range(3)]
    truth = Truth(tuple(TruthRow(path, "x", "both") for path in paths), query_in_gallery=stays)
    names = PictureNames(truth, str(tmp_path))
    write_trec(tmp_path / "r.trec", {"0": ["0", "1", "2"]})
    np.savez(tmp_path / "e.npz", ids=np.array(["0", "1", "2"]), vectors=np.eye(3) + 1)
    for name in ("r.trec", "e.npz"):
        run = load_run(RunFile("r", str(tmp_path / name)), truth, names)
        assert (paths[0] in dict(run.rankings[paths[0]])) == stays
