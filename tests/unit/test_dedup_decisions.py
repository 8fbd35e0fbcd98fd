"""The file of decisions: what it says, what it refuses, and who may write it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from kpsearch.dedup import decisions
from kpsearch.dedup.decisions import (
    COLUMNS,
    Decision,
    Decisions,
    Recorded,
    apply,
    default_path,
    filled_in,
    read_decisions,
    record,
)
from kpsearch.dedup.records import Relation, Verdict
from kpsearch.errors import IndexLocked, KpsearchError, UnusableFile, UsageError
from tests.judged import content_hash, entry

A, B, C = (content_hash(number) for number in range(3))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "index.decisions.csv")


def one(verdict, a=A, b=B):
    return Decisions.of([Decision(a, b, verdict, "/a.jpg", "/b.jpg")])


def write_rows(path, *rows, columns=COLUMNS):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def test_decisions_are_kept_beside_the_index_not_in_it(tmp_path):
    assert default_path(tmp_path / "shop" / "") == str(tmp_path / "shop.decisions.csv")
    assert default_path(".") == f"{os.getcwd()}.decisions.csv"


def test_where_there_is_no_file_nothing_is_decided(path):
    assert len(read_decisions(path)) == 0
    assert read_decisions(path).verdict(A, B) is None


def test_a_later_line_overrides_and_the_order_within_a_pair_does_not_matter(path):
    write_rows(path, ("", "", A.hex(), B.hex(), "same"), ("", "", B.hex(), A.hex(), "Variant "))
    assert read_decisions(path).verdict(A, B) is Verdict.VARIANT
    assert len(read_decisions(path)) == 1


def test_the_pairs_of_a_report_are_read_where_a_verdict_was_filled_in(path):
    columns = ("content_hash_b", "relation", "verdict", "content_hash_a", "path_b", "path_a")
    write_rows(
        path,
        (B.hex(), "variant", "different", A.hex().upper(), "b", "a"),
        ("what", "variant", " ", "ever", "", ""),
        columns=columns,
    )
    assert filled_in(path) == Decisions.of([Decision(A, B, Verdict.DIFFERENT, "a", "b")])


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (("a", "b", A.hex(), B.hex(), "maybe"), "column verdict: 'maybe' is none of same, variant"),
        (("a", "b", "1.2E+31", B.hex(), "same"), "column content_hash_a: '1.2E\\+31' is no hash"),
        (("a", "b", A.hex(), B.hex()[:-2], "same"), "column content_hash_b: .* 32 hexadecimal"),
        (("a", "b", A.hex(), f"{B.hex()[:30]} 0", "same"), "column content_hash_b"),
        (("a", "b", A.hex(), A.hex(), "variant"), "column verdict: a and b have the same bytes"),
        (("a", "b", A.hex(), B.hex()), "4 fields, but the header names 5"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_and_nothing_is_recorded(path, tmp_path, row, text):
    filled = str(tmp_path / "filled.csv")
    write_rows(filled, ("", "", A.hex(), C.hex(), "same"), row)
    with pytest.raises(UnusableFile, match=f"filled.csv:3: {text}"):
        record(path, filled_in(filled))
    assert not os.path.exists(path)


def test_a_file_of_something_else_is_refused(path, tmp_path):
    write_rows(path, ("x",), columns=("path",))
    with pytest.raises(UnusableFile, match=r"decisions.csv:1: no column content_hash_a"):
        read_decisions(path)
    with pytest.raises(UnusableFile, match=r"none\.csv: cannot be read"):
        filled_in(str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match="a folder"):
        read_decisions(str(tmp_path))


def test_equal_bytes_cannot_be_decided_to_differ():
    with pytest.raises(UsageError, match="have the same bytes"):
        Decision(A, A, Verdict.DIFFERENT)
    assert Decision(A, A, Verdict.SAME).key == (A, A)


def test_recording_keeps_what_is_known_and_says_what_changed(path):
    assert record(path, one(Verdict.SAME)) == Recorded(new=1)
    assert record(path, one(Verdict.SAME, B, A)) == Recorded(known=1)
    assert record(path, one(Verdict.VARIANT, A, C)) == Recorded(new=1)
    assert record(path, one(Verdict.DIFFERENT)) == Recorded(changed=1)
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    assert lines[0] == '"path_a","path_b","content_hash_a","content_hash_b","verdict"'
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == ['"different"', '"variant"']


def test_a_damaged_file_is_not_written_over(path):
    Path(path).write_text("something else\n", encoding="utf-8")
    with pytest.raises(UnusableFile, match="no column"):
        record(path, one(Verdict.SAME))
    assert Path(path).read_text(encoding="utf-8") == "something else\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(KpsearchError, match=r"none.d\.csv: cannot be written: there is no folder"):
        record(str(tmp_path / "none" / "d.csv"), one(Verdict.SAME))
    assert not (tmp_path / "none").exists()


def test_a_writer_that_does_not_let_go_is_reported(path, monkeypatch):
    monkeypatch.setattr(decisions, "_PATIENCE_S", 0.01)
    with FileLock(f"{path}.lock"), pytest.raises(IndexLocked, match="another process"):
        record(path, one(Verdict.SAME))


_RECORD = """
import sys
from kpsearch.dedup.decisions import Decision, Decisions, record
from kpsearch.dedup.records import Verdict
for number in range(25):
    end = (1000 * int(sys.argv[2]) + number).to_bytes(16)
    record(sys.argv[1], Decisions.of([Decision(bytes(16), end, Verdict.SAME)]))
"""


def test_two_who_record_at_once_lose_nothing(path):
    command = [sys.executable, "-c", _RECORD, path]
    writers = [subprocess.Popen([*command, number]) for number in "12"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(read_decisions(path)) == 50


def test_pictures_decided_to_be_the_same_are_a_pair_by_a_persons_word():
    entries = [entry(0, 1), entry(1, 0), entry(2, 0), entry(3, 5)]
    (pair,) = apply([], entries, one(Verdict.SAME))
    assert (pair.a, pair.b, pair.relation) == (0, 1, Relation.SAME_ITEM)
    assert (pair.verdict, pair.note, pair.found) == (Verdict.SAME, "decided", False)
    assert apply([], entries, one(Verdict.DIFFERENT)) == []
    assert apply([], entries[2:], one(Verdict.SAME)) == []


def test_a_copy_of_the_batch_is_paired_where_the_first_copy_is_fixed():
    entries = [entry(0, 0, fixed=True), entry(1, 1, fixed=True), entry(2, 1)]
    (pair,) = apply([], entries, one(Verdict.SAME))
    assert (pair.a, pair.b) == (0, 2)
    assert apply([], entries[:2], one(Verdict.SAME)) == []
