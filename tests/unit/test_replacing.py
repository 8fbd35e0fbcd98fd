"""A file is replaced whole or not at all."""

from __future__ import annotations

import os

import pytest

from kpsearch.errors import KpsearchError, UsageError
from kpsearch.replacing import replace_file, replacing


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def write_and_fail(path, error):
    with replacing(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("alone", [True, False])
def test_the_new_content_takes_the_place_of_the_old(old, alone):
    replace_file(old, b"new", alone=alone)
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == ["file"]


@pytest.mark.parametrize("alone", [True, False])
def test_until_it_is_whole_a_reader_finds_the_old_one(old, alone):
    with replacing(old, alone=alone) as file:
        file.write(b"ne")
        file.flush()
        assert old.read_bytes() == b"old"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_changes_nothing(old, error):
    with pytest.raises(error):
        write_and_fail(old, error())
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == ["file"]


def test_a_disk_that_fails_is_an_error_with_the_name_of_the_file(old):
    with pytest.raises(KpsearchError, match="file: cannot be written: No space left"):
        write_and_fail(old, OSError(28, "No space left on device"))
    assert old.read_bytes() == b"old"


def test_what_a_kill_left_is_overwritten_by_one_who_writes_alone(old):
    (old.parent / "file.new").write_bytes(b"longer than what comes")
    replace_file(old, b"new", alone=True)
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == ["file"]


def test_a_link_is_written_through(old):
    link = old.with_name("link")
    link.symlink_to(old)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"


def test_a_folder_is_no_file_to_write_to(tmp_path):
    with pytest.raises(UsageError, match="not a regular file"):
        replace_file(tmp_path, b"new")
