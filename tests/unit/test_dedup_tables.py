"""The tables of deduplication: a line a pair, an object a group, any path, the same bytes."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.csv_rows import csv_rows
from kpsearch.dedup.links import relations_to_keeper, sort_by_group
from kpsearch.dedup.records import Entry, Group, JudgedPair, Relation
from kpsearch.dedup.tables import PAIR_COLUMNS, write_groups, write_pairs
from kpsearch.errors import KpsearchError, UsageError
from kpsearch.types import ImageSize
from tests.judged_job import SHIFT, judged_job


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return judged_job(tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def rows(job, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "pairs.csv"
    write_pairs(path, job.pairs, job.entries, job.accepted)
    return [row for _, row in csv_rows(str(path), PAIR_COLUMNS)]


def test_there_is_a_line_for_each_pair_the_surest_first(job, rows):
    odds = [float(row["log_odds"]) for row in rows]
    assert odds == sorted((pair.log_odds for pair in job.pairs), reverse=True)
    assert list(rows[0]) == [*PAIR_COLUMNS, "inliers", "overlap"]


def test_a_line_says_all_there_is_to_say_of_a_pair(job, rows):
    a, b = job.entries[0], job.entries[2]
    (row,) = (row for row in rows if row["relation"] == "contains")
    assert row | {"transform": ""} == {
        "path_a": a.path,
        "path_b": b.path,
        "content_hash_a": a.content_hash.hex(),
        "content_hash_b": b.content_hash.hex(),
        "relation": "contains",
        "confidence": "0.997527",
        "log_odds": "6",
        "accepted": "yes",
        "verdict": "",
        "note": "",
        "mirrored": "no",
        "transform": "",
        "inliers": "40",
        "overlap": "0.5",
    }
    matrix = np.array(row["transform"].split(), float).reshape(3, 3)
    np.testing.assert_array_equal(matrix, SHIFT)


def test_what_is_not_known_is_blank(rows):
    assert rows[0]["transform"] == rows[0]["inliers"] == ""
    (gone,) = (row for row in rows if row["log_odds"] == "7")
    assert gone["inliers"] == ""  # not a number


def test_a_verdict_is_there_where_a_person_has_given_one(rows):
    assert [row["verdict"] for row in rows].count("different") == 1
    assert {row["verdict"] for row in rows} == {"", "different"}


def test_bytes_of_a_path_that_are_not_text_are_spelt_out(rows):
    paths = {row[name] for row in rows for name in ("path_a", "path_b")}
    assert any("caf\\udce9 $title" in path for path in paths)
    assert any('</script><b onclick="alert(1)">\n\u202egpj' in path for path in paths)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=2))
def test_any_path_comes_back(tmp_path_factory, paths):
    entries = [
        Entry(i, path, ImageSize(1, 1), 1, 1, i.to_bytes(16)) for i, path in enumerate(paths)
    ]
    pairs = [JudgedPair(0, i, Relation.VARIANT, 0.0) for i in range(1, len(paths))]
    path = tmp_path_factory.mktemp("any") / "pairs.csv"
    write_pairs(path, pairs, entries, [False] * len(pairs))
    with open(path, encoding="utf-8", newline="") as file:
        told = [(row["path_a"], row["path_b"]) for row in csv.DictReader(file, strict=True)]
    spelt = [path.encode(errors="backslashreplace").decode() for path in paths]
    assert told == [(spelt[0], other) for other in spelt[1:]]


def test_evidence_cannot_pass_for_a_column(job, tmp_path):
    pair = replace(job.pairs[0], evidence={"note": 1.0})
    with pytest.raises(UsageError, match="'note'"):
        write_pairs(tmp_path / "pairs.csv", [pair], job.entries, [True])
    assert os.listdir(tmp_path) == []


def test_no_pairs_and_no_groups_are_tables_too(tmp_path):
    write_pairs(tmp_path / "pairs.csv", [], [], [])
    assert (tmp_path / "pairs.csv").read_text() == ",".join(PAIR_COLUMNS) + "\n"
    write_groups(tmp_path / "groups.json", [], pairs=[], entries=[], summary={"pictures": 0})
    told = json.loads((tmp_path / "groups.json").read_text())
    assert told == {"summary": {"pictures": 0}, "groups": []}


def test_groups_are_an_object_or_a_line_each(job, tmp_path):
    whole, lines = tmp_path / "groups.json", tmp_path / "groups.jsonl"
    given = {"pairs": job.pairs, "entries": job.entries}
    write_groups(whole, job.groups, summary={"precision": 0.99, "low": float("inf")}, **given)
    write_groups(lines, job.groups, summary={}, lines=True, **given)
    told = json.loads(whole.read_text("ascii"))
    assert told["summary"] == {"precision": 0.99, "low": None}
    assert told["groups"] == [json.loads(line) for line in lines.read_text("ascii").splitlines()]


def test_a_group_says_who_is_kept_and_what_the_others_are_to_it(job, tmp_path):
    write_groups(
        tmp_path / "groups.json", job.groups, pairs=job.pairs, entries=job.entries, summary={}
    )
    first, second = json.loads((tmp_path / "groups.json").read_text())["groups"]
    assert first["keeper"] == first["members"][0]["path"] == job.entries[0].path
    relations = [member["relation_to_keeper"] for member in first["members"]]
    assert relations == [None, "exact", "crop-of", "mirrored"]
    assert [link["relation"] for link in first["links"]] == ["exact", "contains", "mirrored"]
    assert first["weakest"] == first["links"][2]
    assert first["left_out"] == second["left_out"]
    assert first["left_out"][0]["log_odds"] == 4.75
    assert second["links"][0]["evidence"] == {"inliers": None}


def test_a_failure_leaves_the_table_before_it(job, tmp_path):
    path = tmp_path / "groups.json"
    path.write_text("before")
    broken = [replace(job.groups[0], weakest=(0, 5))]
    with pytest.raises(KeyError):
        write_groups(path, broken, pairs=job.pairs, entries=job.entries, summary={})
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["groups.json"]
    with pytest.raises(KpsearchError, match="cannot be written"):
        write_pairs(tmp_path / "no" / "pairs.csv", [], [], [])


def test_files_of_equal_bytes_are_one_picture_to_the_keeper():
    hashes = [bytes(16), bytes(16), b"x" * 16, b"x" * 16, b"y" * 16]
    entries = [Entry(i, f"{i}", ImageSize(1, 1), 1, 1, key) for i, key in enumerate(hashes)]
    group = Group((1, 0, 2, 3, 4), (), (0, 2))
    links = [JudgedPair(0, 2, Relation.CONTAINS, 5.0)]
    crop = Relation.CROP_OF
    assert relations_to_keeper(group, links, entries) == {
        0: Relation.EXACT,
        2: crop,
        3: crop,
        4: None,
    }


def test_pairs_are_sorted_by_the_group_that_has_both(job):
    links = sort_by_group(job.groups, job.pairs)
    assert [[(pair.a, pair.b) for pair in within] for within in links.within] == [
        [(0, 1), (0, 2), (0, 3)],
        [(4, 7)],
    ]
    assert [(pair.a, pair.b) for pair in links.outside] == [(3, 4), (5, 6), (2, 6)]
