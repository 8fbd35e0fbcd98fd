import os
import stat

import numpy as np
import pytest

from kpsearch.errors import KpsearchError, UnusableFile, UsageError
from kpsearch.evaluation import read_run, read_trec, write_run


@pytest.fixture
def run(tmp_path):
    return tmp_path / "sift.run"


def test_a_run_has_one_line_a_hit_with_ranks_from_one(run):
    write_run(str(run), {"q1": [("b.jpg", 2.5), ("a.jpg", 1.0)], "q2": [("c", 0.1)]}, tag="sift")
    assert run.read_text() == (
        "q1 Q0 b.jpg 1 2.5 sift\nq1 Q0 a.jpg 2 1.0 sift\nq2 Q0 c 1 0.1 sift\n"
    )


def test_awkward_ids_are_percent_encoded_and_the_rest_left_alone(run):
    plain = "/x/a-b_c~(1)!$&'*+,;=:@[]{}#?\"<>|^`\\.jpg"
    write_run(str(run), {plain: [("a b%\té\n.jpg", 1.0)]}, tag="my run")
    assert run.read_text() == f"{plain} Q0 a%20b%25%09%C3%A9%0A.jpg 1 1.0 my%20run\n"


def test_a_name_that_is_not_utf8_survives(run):
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    write_run(str(run), {name: [(name, 1.0)]}, tag="t")
    assert read_run(str(run)) == {name: [(name, 1.0)]}


def test_numpy_scores_are_written_as_plain_numbers(run):
    write_run(str(run), {"q": [("a", np.float64(0.1)), ("b", np.float32(-2))]}, tag="t")
    assert [line.split()[4] for line in run.read_text().splitlines()] == ["0.1", "-2.0"]


def test_ties_keep_their_order(run):
    ranking = [("b", 1.0), ("a", 1.0), ("c", 1.0)]
    write_run(str(run), {"q": ranking}, tag="t")
    assert read_run(str(run)) == {"q": ranking}


def test_a_query_without_hits_has_no_line(run):
    write_run(str(run), {"q": []}, tag="t")
    assert run.read_bytes() == b""
    assert read_run(str(run)) == {}


@pytest.mark.parametrize(
    ("rankings", "tag"),
    [
        ({"q": [("a", 1.0), ("b", 1.5)]}, "t"),
        ({"q": [("a", float("nan"))]}, "t"),
        ({"q": [("a", float("inf"))]}, "t"),
        ({"q": [("a", 2.0), ("a", 1.0)]}, "t"),
        ({"q": [("", 1.0)]}, "t"),
        ({"": [("a", 1.0)]}, "t"),
        ({"q": [("a", 1.0)]}, ""),
    ],
)
def test_a_run_that_tools_would_misread_is_not_written(run, rankings, tag):
    with pytest.raises(UsageError):
        write_run(str(run), rankings, tag=tag)
    assert not run.exists()


def test_writing_replaces_the_old_run_and_leaves_nothing_else(run):
    run.write_text("old")
    write_run(str(run), {"q": [("a", 1.0)]}, tag="t")
    assert read_run(str(run)) == {"q": [("a", 1.0)]}
    assert os.listdir(run.parent) == [run.name]


def test_a_failure_leaves_the_old_run_as_it_was(run, monkeypatch):
    def fail(source, target):
        raise OSError(28, "No space left on device")

    run.write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KpsearchError, match=r"sift\.run: cannot be written: No space"):
        write_run(str(run), {"q": [("a", 1.0)]}, tag="t")
    assert run.read_text() == "old"
    assert os.listdir(run.parent) == [run.name]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(KpsearchError, match=r"none.*cannot be written"):
        write_run(str(tmp_path / "none" / "x.run"), {}, tag="t")


def test_a_link_is_written_through(run):
    link = run.with_name("link.run")
    link.symlink_to(run)
    write_run(str(link), {"q": [("a", 1.0)]}, tag="t")
    assert link.is_symlink()
    assert read_run(str(run)) == {"q": [("a", 1.0)]}


def test_a_pipe_is_not_replaced_by_a_file(run):
    os.mkfifo(run)
    with pytest.raises(UsageError, match="not a regular file"):
        write_run(str(run), {}, tag="t")
    assert stat.S_ISFIFO(run.stat().st_mode)


def test_a_run_of_another_tool_is_read_in_the_order_of_its_scores(run):
    run.write_bytes(b"1 0 low 1 0.5 x\r\n2\tQ0\tother 0 3 x\n\n1 Q0 100% 9 7e-1 x\n1 Q0 tie 2 .5 x")
    assert read_run(str(run)) == {
        "1": [("100%", 0.7), ("low", 0.5), ("tie", 0.5)],
        "2": [("other", 3.0)],
    }


def test_queries_whose_scores_look_wrong_are_named(run):
    run.write_text(
        "falls Q0 a 1 3 x\nfalls Q0 b 2 2 x\nfalls Q0 c 3 4 x\nfalls Q0 d 4 1 x\n"
        "rises Q0 a 1 .1 x\nrises Q0 b 2 .3 x\nrises Q0 c 3 .2 x\nrises Q0 d 4 .5 x\n"
        "backwards Q0 b 2 1 x\nbackwards Q0 a 1 2 x\n"
        "tied Q0 a 1 7 x\ntied Q0 b 2 7 x\n"
        "unranked Q0 a 0 1 x\nunranked Q0 b 0 2 x\n"
        f"one Q0 a {9**999} 1 x\n"
    )
    found = read_trec(str(run))
    assert found.against_ranks == ("rises",)
    assert found.tied == ("tied",)
    assert found.rankings == read_run(str(run))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"q Q0 a 1 0.5", "5 fields; expected qid Q0 docid rank score tag"),
        (b"q Q0 a b 1 0.5 t", "7 fields"),
        (b"q Q0 a first 0.5 t", "rank and score must be numbers"),
        (b"q Q0 a 1 good t", "rank and score must be numbers"),
        (b"q Q0 a 1 \xff t", "rank and score must be numbers"),
        (b"q Q0 a 1 nan t", "not finite"),
        (b"q Q0 z 2 0.5 t", "'z' is ranked twice for query 'q'"),
    ],
)
def test_a_malformed_line_is_named(run, line, words):
    run.write_bytes(b"q Q0 z 1 1.0 t\n\n" + line + b"\n")
    with pytest.raises(UnusableFile) as caught:
        read_run(str(run))
    assert "sift.run:3: " in str(caught.value)
    assert words in str(caught.value)


def test_a_run_that_cannot_be_read_is_a_usage_error(run):
    with pytest.raises(UnusableFile, match="cannot be read"):
        read_run(str(run))
