"""Labelled pictures from a CSV file or folders, and which ones a classifier has seen."""

from __future__ import annotations

import os
import shutil

import pytest

from kpsearch.categories import Label
from kpsearch.errors import UnusableFile, UsageError
from kpsearch.training import read_labels
from kpsearch.training.trained_on import BYTES, not_seen, seen
from tests.built_classifiers import write_folders, write_picture


def listed(folder, text: str):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return read_labels(str(path))


def test_rows_are_pictures_with_a_category_a_finer_one_or_none(tmp_path):
    found = listed(
        tmp_path,
        "path,category,subcategory\n"
        "a.jpg,fruit,apple\n"
        "sub/../b.jpg, Packages/Milk ,\n"
        "/there/c.jpg,,\n"
        '"d, e.jpg",tea,\n',
    )
    assert [picture.path for picture in found] == [
        str(tmp_path / "a.jpg"),
        str(tmp_path / "b.jpg"),
        "/there/c.jpg",
        str(tmp_path / "d, e.jpg"),
    ]
    labels = [picture.label for picture in found]
    assert labels == [Label("fruit", "apple"), Label("Packages/Milk"), None, Label("tea")]


def test_the_subcategory_may_be_missing_and_other_columns_are_passed_over(tmp_path):
    (only,) = listed(tmp_path, "size,category,path\n7,fruit,a.jpg\n")
    assert only == (str(tmp_path / "a.jpg"), Label("fruit"))


def test_a_picture_that_is_listed_twice_alike_is_one(tmp_path):
    text = "path,category\na.jpg,fruit\nb.jpg,fruit\n./a.jpg,fruit\n"
    assert [p.path[-5:] for p in listed(tmp_path, text)] == ["a.jpg", "b.jpg"]


BAD = {
    "path,category\na.jpg,x\n,y\n": r":3: the path '' names no picture",
    "path,category\na\0.jpg,x\n": r":2: the path 'a\\x00.jpg' names no picture",
    "path,category,subcategory\na.jpg,,apple\n": r":2: the subcategory 'apple' is of no category",
    "path,category\na.jpg,x\nb.jpg,x\na.jpg,y\n": r":4: 'a.jpg' is 'y', and on line 2 'x'; keep",
    "path,category\na.jpg,x\na.jpg,\n": r":3: 'a.jpg' is not labelled, and on line 2 'x'",
    "path,category\na.jpg,x,more\n": r":2: 3 fields",
    'path,category\na.jpg,"x\n': r":2: not valid CSV",
    "path,class\na.jpg,x\n": r":1: no column category",
    "path,category,category\na.jpg,x,y\n": r":1: column category appears twice",
    "path,category\n": r": no pictures below the header",
    "": r": the file is empty",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_bad_row_is_named_by_its_line(tmp_path, text):
    with pytest.raises(UnusableFile, match=rf"labels\.csv{BAD[text]}"):
        listed(tmp_path, text)


def test_a_file_that_is_no_text_or_missing_is_named(tmp_path):
    path = tmp_path / "labels.csv"
    with pytest.raises(UnusableFile, match=r"labels\.csv: cannot be read: No such file"):
        read_labels(str(path))
    path.write_bytes(b"path,category\na.jpg,\xff\n")
    with pytest.raises(UnusableFile, match=r"labels\.csv:2: not UTF-8"):
        read_labels(str(path))


@pytest.fixture
def folders(tmp_path):
    for name in ("fruit/apple", "fruit/pear/conference", "milk"):
        write_picture(tmp_path / "shop" / name / "1.png", 0.1, 1)
    (tmp_path / "shop" / "notes.txt").write_text("no picture")
    return tmp_path / "shop"


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (None, [("fruit/apple", ""), ("fruit/pear/conference", ""), ("milk", "")]),
        (1, [("fruit", "apple"), ("fruit", "pear/conference"), ("milk", "")]),
        (2, [("fruit/apple", ""), ("fruit/pear", "conference"), ("milk", "")]),
    ],
)
def test_folders_are_categories_to_a_depth_and_finer_ones_below(folders, depth, expected):
    found = read_labels(str(folders), depth=depth)
    assert [picture.label for picture in found] == [Label(*pair) for pair in expected]
    assert all(os.path.isabs(picture.path) for picture in found)


def test_folders_are_read_from_where_the_user_is(folders, monkeypatch):
    monkeypatch.chdir(folders.parent)
    assert read_labels("shop/") == read_labels(str(folders))


def test_a_picture_beside_the_folders_is_of_no_category(folders):
    write_picture(folders / "loose.png", 0.1, 1)
    with pytest.raises(UsageError, match=r"'loose.png' is in no folder.*--unlabelled"):
        read_labels(str(folders))


def test_a_folder_without_a_picture_and_a_depth_of_a_file_are_refused(folders, tmp_path):
    (tmp_path / "empty" / "fruit").mkdir(parents=True)
    with pytest.raises(UsageError, match="empty: no picture in this folder"):
        read_labels(str(tmp_path / "empty"))
    (tmp_path / "labels.csv").write_text("path,category\na.jpg,x\n")
    with pytest.raises(UsageError, match=r"labels\.csv: no folder; a depth is of folders"):
        read_labels(str(tmp_path / "labels.csv"), depth=1)


# Which ones it has seen


def test_pictures_are_known_again_under_any_name(tmp_path):
    folder = write_folders(tmp_path / "p", {"a": 0.1, "b": 0.5}, each=3)
    paths = [picture.path for picture in read_labels(str(folder))]
    before = seen(paths[:4])
    copy = shutil.copy(paths[1], tmp_path / "renamed.jpg")
    assert not_seen([copy, *paths], before) == [False] * 5 + [True] * 2
    assert seen(reversed(paths)) == seen([*paths, *paths])
    assert seen(paths).isascii()
    assert len(seen(paths)) == pytest.approx(1.25 * BYTES * len(paths), abs=5)


def test_what_cannot_be_read_is_none_of_them(tmp_path):
    path = write_picture(tmp_path / "p.png", 0.1, 1)
    gone = str(tmp_path / "gone.png")
    assert seen([gone]) == seen([]) == ""
    assert not_seen([gone, path], seen([path, gone])) == [True, False]
    assert not_seen([], seen([path])) == []


@pytest.mark.parametrize("before", ["", "no base 85 \0", "é", "00"])
def test_a_list_that_is_none_holds_nothing(tmp_path, before):
    assert not_seen([write_picture(tmp_path / "p.png", 0.1, 1)], before) == [True]
