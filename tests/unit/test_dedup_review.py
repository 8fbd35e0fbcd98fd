"""The page for review: one file, safe with any name, the same bytes, no more than can be shown."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kpsearch.dedup.records import Entry, Group, JudgedPair, Relation, Verdict
from kpsearch.dedup.review import make_thumbnails, thumbnail_side_px, write_review
from kpsearch.dedup.review.overlays import LEVELS, MOST_CELLS, outlines, run_lengths
from kpsearch.dedup.review.selection import MOST_LINKS, MOST_MEMBERS, MOST_PAIRS, select
from kpsearch.report import Missing
from kpsearch.types import ImageSize
from tests.judged_job import SHIFT, judged_job
from tests.unit.test_report_page import Page


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return judged_job(tmp_path_factory.mktemp("job"))


def written(path, job, **changes):
    settings = {
        "pairs": job.pairs,
        "entries": job.entries,
        "thumbnails": make_thumbnails,
        "title": "Duplicates in <shop>",
        "summary": {"target precision": "99%", "<b>": "a & b"},
    } | changes
    write_review(path, settings.pop("groups", job.groups), **settings)
    return Page(path)


@pytest.fixture(scope="module")
def page(job, tmp_path_factory):
    return written(tmp_path_factory.mktemp("page") / "review.html", job)


def block(page, name):
    (text,) = re.findall(
        rf'<script type="application/json" id="{name}">(.*?)</script>', page.source
    )
    return json.loads(text)


def entries_of(count: int) -> list[Entry]:
    return [Entry(i, f"{i}", ImageSize(9, 9), 5, 1, i.to_bytes(16)) for i in range(count)]


def test_the_page_is_one_file_that_loads_nothing(page, tmp_path, job):
    written(tmp_path / "review.html", job)
    assert os.listdir(tmp_path) == ["review.html"]
    kept = {"script", "meta", "style"}
    links = [
        attrs for tag, attrs in page.tags if {"src", "href"} & attrs.keys() and tag not in kept
    ]
    assert links == []
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page.source)
    (policy,) = (
        meta["content"]
        for meta in page.all("meta")
        if "Content-Security" in meta.get("http-equiv", "")
    )
    assert "default-src 'none'; img-src data:;" in policy
    assert "unsafe" not in policy


def test_the_head_says_what_was_done_and_found(page):
    assert page.all("title") == [{}]
    assert "Duplicates in <shop>" in page.text
    assert "target precision 99% <b> a & b".replace(" ", "") in page.text.replace(" ", "")
    assert "2 groups" in page.text
    assert "4 pictures to spare" in page.text
    assert "3 pairs not merged" in page.text


def test_no_name_gets_out_of_the_data(page, job):
    scripts = page.all("script")
    assert [attrs.get("type") for attrs in scripts[:-1]] == ["application/json"] * (
        len(scripts) - 1
    )
    assert "<b onclick" not in page.source
    assert page.source.count("<!-- data -->") == 0
    told = [row[0] for row in block(page, "core")["pictures"]]
    assert set(told) == {entry.path for entry in job.entries}


def test_a_name_is_shown_as_one_line_that_no_other_name_has(page):
    shown = [row[6] for row in block(page, "core")["pictures"] if len(row) > 6]
    assert any(
        r"</script><b onclick=\"alert(1)\">\n\u202egpj.png".replace(r"\"", '"') in name
        for name in shown
    )
    assert any(r"caf\xe9 $title ${x} {0} <!-- data -->.png" in name for name in shown)


def test_pairs_that_need_a_decision_come_first(page):
    core = block(page, "core")
    relations = [core["relations"][row[2]] for row in core["pairs"]]
    groups, singles = relations[: core["firstSingle"]], relations[core["firstSingle"] :]
    assert groups == ["mirrored", "contains", "exact", "near-duplicate"]
    assert singles == ["same-item", "variant", "shared-part"]
    assert core["leftOutOf"] == [[1, 2], [], []]
    assert core["verdicts"][core["pairs"][-1][4]] == "different"


def test_a_thumbnail_is_made_anew_and_shared_by_equal_files(page, job):
    core, shown = block(page, "core"), block(page, "pictures-0")
    rows = {row[0]: row[5] for row in core["pictures"]}
    assert rows[job.entries[0].path] == rows[job.entries[1].path]
    thumbnail = base64.b64decode(shown[rows[job.entries[0].path]])
    pixels = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail[8:12] == b"WEBP"
    assert pixels.shape == (100, 120, 3)


def test_a_picture_that_is_gone_or_changed_has_a_plate(page, job, tmp_path):
    rows = {row[0]: row[5] for row in block(page, "core")["pictures"]}
    assert block(page, "pictures-0")[rows[job.entries[7].path]].startswith(
        "!Cannot be read any more"
    )
    shutil.copy(job.entries[0].path, tmp_path / "now.png")
    moved = Entry(0, str(tmp_path / "now.png"), ImageSize(9, 9), 1, 1, b"another contents")
    (plate,) = make_thumbnails([moved], 144)
    assert isinstance(plate, Missing)
    assert "Another picture" in plate.reason


def test_equal_input_gives_equal_bytes_for_any_number_of_jobs(page, job, tmp_path):
    again = written(tmp_path / "review.html", job, thumbnails=partial(make_thumbnails, n_jobs=2))
    assert again.source == page.source


def test_progress_is_told(job):
    told = []
    deque = list(make_thumbnails(job.entries[:3], 64, progress=lambda *facts: told.append(facts)))
    assert len(deque) == 3
    assert told == [("thumbnails", number, 3) for number in (1, 2, 3)]


def test_a_page_of_nothing_is_a_page(tmp_path, job):
    page = written(tmp_path / "review.html", job, groups=[], pairs=[], entries=[])
    assert block(page, "core")["pairs"] == []
    assert "0 groups" in page.text


def test_what_has_no_room_is_counted(tmp_path, monkeypatch, job):
    monkeypatch.setattr("kpsearch.dedup.review.selection.MOST_PAIRS", 1)
    monkeypatch.setattr("kpsearch.dedup.review.selection.MOST_GROUPS", 1)
    page = written(tmp_path / "review.html", job)
    assert "1 group and 2 pairs had no room" in page.text
    assert "3 pairs not merged" in page.text
    assert len(block(page, "core")["groups"]) == len(block(page, "core")["leftOutOf"]) == 1


def test_a_crowd_is_shown_in_part():
    count = MOST_MEMBERS + 30
    pairs = [JudgedPair(0, i, Relation.NEAR_DUPLICATE, 5.0 + i) for i in range(1, count)]
    ends = tuple((pair.a, pair.b) for pair in pairs)
    (card,) = select([Group(tuple(range(count)), ends, ends[0])], pairs, entries_of(count)).groups
    assert (len(card.members), card.more_members) == (MOST_MEMBERS, 30)
    assert (len(card.links), card.more_links) == (MOST_LINKS, count - 1 - MOST_LINKS)
    assert card.links[0] is pairs[0]


@given(st.lists(st.tuples(st.floats(-9, 9), st.booleans(), st.booleans()), max_size=30))
def test_single_pairs_come_by_need(facts):
    pairs = [
        JudgedPair(i, 50 + i, Relation.VARIANT, odds, verdict=Verdict.VARIANT if decided else None)
        for i, (odds, decided, _) in enumerate(facts)
    ]
    left = tuple((p.a, p.b) for p, fact in zip(pairs, facts, strict=True) if fact[2])
    entries = entries_of(90)
    group = Group((88, 89), (), (88, 89), left_out=left)
    singles = select([group], pairs, entries).singles
    need = [
        (one.pair.verdict is not None, (one.pair.a, one.pair.b) not in left, abs(one.pair.log_odds))
        for one in singles
    ]
    assert need == sorted(need)
    assert len(singles) == len(pairs) <= MOST_PAIRS


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=MOST_CELLS)))
def test_a_grid_comes_back_from_its_runs(grid):
    text = run_lengths(grid)
    levels = np.round(grid / 255 * 9).astype(int)
    if not levels.any():
        assert text == ""
        return
    shape, runs = text.split(":")
    cells = [
        LEVELS.index(letter)
        for letter, count in re.findall(r"([a-j])(\d*)", runs)
        for _ in range(int(count or 1))
    ]
    columns, rows = map(int, shape.split("x"))
    np.testing.assert_array_equal(np.reshape(cells, (rows, columns)), levels)


def test_a_fine_grid_becomes_coarser_and_loses_no_difference():
    grid = np.zeros((3 * MOST_CELLS, 40), np.uint8)
    grid[-1, -1] = 255
    shape, runs = run_lengths(grid).split(":")
    assert shape == f"14x{MOST_CELLS}"
    assert runs.endswith("j")


def test_the_outline_is_where_the_other_picture_lies(job):
    a, b = job.entries[0], job.entries[2]  # 120 x 100, of which 60 x 50 from (20, 10)
    pair = JudgedPair(0, 2, Relation.CONTAINS, 6.0, transform=SHIFT)
    in_a, in_b = outlines(pair, a, b)
    assert sorted(zip(in_a[::2], in_a[1::2], strict=True)) == [
        (167, 100),
        (167, 600),
        (667, 100),
        (667, 600),
    ]
    assert in_b == []  # all of it


def test_an_outline_in_a_mirrored_picture_is_turned_over(job):
    a, b = job.entries[0], job.entries[2]
    pair = JudgedPair(0, 2, Relation.MIRRORED, 6.0, transform=SHIFT, mirrored=True)
    in_a, _ = outlines(pair, a, b)
    assert {in_a[0], in_a[2], in_a[4]} == {333, 833}


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), np.full((3, 3), np.nan), None])
def test_a_matrix_that_says_nothing_outlines_nothing(job, matrix):
    pair = JudgedPair(0, 2, Relation.SAME_ITEM, 6.0, transform=matrix)
    assert outlines(pair, job.entries[0], job.entries[2]) == ([], [])


def test_thumbnails_are_smaller_where_there_are_more():
    assert [thumbnail_side_px(count) for count in (12, 5_000, 25_000)] == [320, 208, 144]
