import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.errors import UsageError
from kpsearch.evaluation import format_table

printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
cells = st.text(max_size=12) | st.integers() | st.none()


@given(st.lists(st.tuples(printable, printable), max_size=5))
def test_no_text_is_cut_off(rows):
    lines = format_table(["first", "second"], rows, align="lr").split("\n")[2:]
    for line, row in zip(lines, rows, strict=True):
        assert line.replace(" ", "") == "".join(row)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5))
def test_every_row_is_one_line_that_a_terminal_only_draws(rows):
    lines = format_table(["a", "b", "c"], rows).split("\n")
    assert len(lines) == len(rows) + 2
    for line in lines:
        line.encode("utf-8")
        assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in line)


def test_numbers_are_right_aligned_and_words_left():
    table = format_table(
        ["source", "queries", "mAP"], [["dvd", 184, "0.93"], ["paintings", 46, None]]
    )
    assert table.split("\n") == [
        "source     queries   mAP",
        "---------  -------  ----",
        "dvd            184  0.93",
        "paintings       46     -",
    ]


def test_alignment_can_be_asked_for():
    table = format_table(["n", "name"], [[1, "a"], [10, "bcdef"]], align="lr")
    assert table.split("\n")[2:] == ["1       a", "10  bcdef"]


def test_wide_characters_take_two_places_and_combining_marks_none():
    names = ["牛乳", "e\u0301té", "\u1112\u1161\u11ab", "abcd"]
    table = format_table(["name", "n"], [[name, 1] for name in names])
    assert table.split("\n")[2:] == [
        "牛乳  1",
        "e\u0301té   1",
        "\u1112\u1161\u11ab    1",
        "abcd  1",
    ]


def test_what_a_terminal_would_obey_is_shown_escaped():
    table = format_table(["path"], [["a\x1b[2J\n\u202e\udcff.jpg"]])
    assert table.split("\n")[2:] == ["a\\x1b[2J\\n\\u202e\\udcff.jpg"]


def test_a_table_without_rows_has_its_headers():
    assert format_table(["a", "bc"], []) == "a  bc\n-  --"


def test_a_table_without_columns_is_empty():
    assert format_table([], []).strip() == ""


@pytest.mark.parametrize(("row", "align"), [(["x"], ""), (["x", "y"], "l"), (["x", "y"], "lc")])
def test_rows_and_alignment_must_fit_the_headers(row, align):
    with pytest.raises(UsageError):
        format_table(["a", "b"], [row], align=align)
