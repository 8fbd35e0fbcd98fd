"""Which files are taken for pictures, and how their names are printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.images import escape_path, find_images
from tests import corpus


def touch(root: Path, *names: str, data: bytes = b"") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def found(root: Path, *, follow_links: bool = False) -> list[str]:
    return [os.path.relpath(path, root) for path in find_images([root], follow_links=follow_links)]


def test_a_folder_is_walked_in_the_order_of_bytes(tmp_path):
    touch(tmp_path, "b/2.jpg", "b/10.jpg", "a.jpg", "Z.jpg", "c.jpg", "b.jpg", "é.jpg")
    assert found(tmp_path) == [
        "Z.jpg",
        "a.jpg",
        "b/10.jpg",
        "b/2.jpg",
        "b.jpg",
        "c.jpg",
        "é.jpg",
    ]


def test_extensions_count_in_any_case_and_other_files_are_passed_over(tmp_path):
    touch(tmp_path, "a.JPG", "b.Jpeg", "notes.txt", "prices.csv", ".DS_Store", ".hidden.jpg", "x")
    touch(tmp_path, ".git/c.jpg")
    assert found(tmp_path) == ["a.JPG", "b.Jpeg"]


def test_formats_that_are_not_read_are_found_to_be_reported(tmp_path):
    touch(tmp_path, "a.heic", "b.AVIF", "c.jp2", "d.psd", "e.cr2")
    assert found(tmp_path) == ["a.heic", "b.AVIF", "c.jp2", "d.psd", "e.cr2"]


def test_a_file_without_extension_is_found_by_its_first_bytes(tmp_path):
    touch(tmp_path, "IMG_0001", data=corpus.good_files()["jpeg"])
    touch(tmp_path, "README", data=b"just text")
    os.mkfifo(tmp_path / "fifo")
    assert found(tmp_path) == ["IMG_0001"]


def test_what_is_given_is_yielded_as_it_is_given(tmp_path):
    touch(tmp_path, "notes.txt")
    given_paths = [str(tmp_path / "notes.txt"), str(tmp_path / "missing.jpg"), "null\0byte"]
    assert list(find_images(given_paths)) == given_paths
    assert list(find_images([os.fsencode(given_paths[0])])) == given_paths[:1]


def test_nothing_given_is_nothing_found():
    assert list(find_images([])) == []


def test_special_files_with_an_images_name_are_found_to_be_reported(tmp_path):
    corpus.write_special_files(tmp_path)
    assert found(tmp_path) == ["dangling.jpg", "fifo.jpg", "loop.jpg", "socket.jpg"]


def test_names_that_are_no_text_survive(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(name, "wb"):
        pass
    assert [os.fsencode(path) for path in find_images([tmp_path])] == [name]


def test_linked_files_are_taken_and_linked_folders_only_when_asked(tmp_path):
    touch(tmp_path / "elsewhere", "b.jpg")
    touch(tmp_path / "root", "a.jpg")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "c.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    assert found(tmp_path / "root") == ["a.jpg", "c.jpg"]
    assert found(tmp_path / "root", follow_links=True) == ["a.jpg", "c.jpg", "linked/b.jpg"]


def test_a_loop_of_links_ends(tmp_path):
    touch(tmp_path, "a/b/1.jpg")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(".")
    assert found(tmp_path, follow_links=True) == ["a/b/1.jpg"]


def test_a_folder_that_cannot_be_listed_is_yielded_itself(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg")

    def refuse(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(find_images([tmp_path])) == [str(tmp_path)]


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        ("plain name é.jpg", "plain name é.jpg"),
        ("a\nb\t\r", "a\\nb\\t\\r"),
        ("\x1b[2J\x7f\x9b", "\\x1b[2J\\x7f\\u009b"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("back\\slash", "back\\\\slash"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("", ""),
    ],
)
def test_a_name_is_printed_on_one_harmless_line(path, escaped):
    assert escape_path(path) == escaped


@given(st.text(), st.text())
def test_different_names_are_printed_differently(one, other):
    assert escape_path(one).isprintable()
    assert (escape_path(one) == escape_path(other)) == (one == other)


@given(st.binary())
def test_any_bytes_can_be_printed(name):
    escape_path(os.fsdecode(name)).encode("utf-8")
