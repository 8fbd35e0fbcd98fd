"""A disk that runs full costs a commit and nothing else: exit status 4, the index as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kpsearch.errors import CommitFailed, IndexLocked
from kpsearch.index import IndexWriter, Snapshot
from kpsearch.types import Reject
from tests.faults.commands import done, kpsearch, require_undamaged, save_pictures
from tests.faults.disks import fill, small_disk
from tests.faults.history import fingerprint_of
from tests.indexes import random_images, write_index

MEGABYTE = 1 << 20


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place, 4 * MEGABYTE) as disk:
        yield disk


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two folders of pictures, one for now and one for later."""
    folder = tmp_path_factory.mktemp("pictures")
    for part in ("first", "second"):
        save_pictures(folder / part, [f"{part}-{n}.png" for n in range(12)], side_px=200)
    return folder


@pytest.fixture
def index(disk, pictures, vocabulary):
    """An index on the small disk, with the first folder in it and a reject."""
    folder = disk / "index"
    reuse = ("-j", "1", "--vocabulary", vocabulary)
    done("index", pictures / "first", "-i", folder, *reuse)
    with IndexWriter(folder) as writer:
        writer.commit([], [Reject("/pictures/bad.jpg", "corrupt_data", "cut", 9, 8)])
    return folder


def _state(index: Path) -> tuple[int, str]:
    snapshot = Snapshot.open(index)
    return snapshot.generation, fingerprint_of(snapshot)


def _require_refused(index: Path, *arguments: object) -> None:
    """A commit fails as it should, and the index goes on as before."""
    before = _state(index)
    refused = kpsearch(*arguments, "-i", index)
    assert (refused.returncode, refused.stdout) == (4, ""), refused.stderr
    assert str(index) in refused.stderr
    assert "nothing was committed" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert _state(index) == before
    require_undamaged(index)


def _require_answers(index: Path, picture: Path) -> None:
    assert json.loads(done("info", index, "--json"))["images"] == 12
    answer = json.loads(done("query", "-i", index, "--json", picture))
    assert answer["hits"][0]["image"] == str(picture)


def test_indexing_onto_a_full_disk_fails_cleanly_and_succeeds_once_there_is_room(index, pictures):
    ballast = fill(index.parent, leaving_bytes=MEGABYTE + 20_000)
    _require_refused(index, "index", pictures / "second", "-j", "1")
    _require_answers(index, pictures / "first" / "first-3.png")
    assert "removed" in done("remove", pictures / "first" / "first-0.png", "-i", index)
    ballast.unlink()
    assert "12 added" in done("index", pictures / "second", "-j", "1", "-i", index)
    assert Snapshot.open(index).images == 23
    require_undamaged(index)


def test_on_a_disk_full_to_the_last_block_nothing_is_committed_and_all_can_be_read(index, pictures):
    ballast = fill(index.parent)
    first = pictures / "first" / "first-3.png"
    _require_refused(index, "index", pictures / "second", "-j", "1")
    _require_refused(index, "remove", first)
    _require_refused(index, "remove", "/pictures/bad.jpg")  # writes nothing but a manifest
    _require_answers(index, first)
    ballast.unlink()
    assert "forgot the reject" in done("remove", "/pictures/bad.jpg", "-i", index)
    require_undamaged(index)


def test_a_new_index_on_a_full_disk_is_refused_and_made_once_there_is_room(
    disk, pictures, vocabulary
):
    ballast = fill(disk)
    command = ["index", pictures / "first", "-j", "1", "-i", disk / "new"]
    command += ["--vocabulary", vocabulary]
    refused = kpsearch(*command)
    assert refused.returncode != 0
    assert (refused.stdout, len(refused.stderr.splitlines())) == ("", 1)
    ballast.unlink()
    done(*command)
    require_undamaged(disk / "new")


def test_a_merge_waits_for_room_and_the_commit_that_made_it_due_stays(disk):
    folder = disk / "index"
    images = random_images([4000] * 10)
    write_index(folder, [[image] for image in images[:7]])
    ballast = fill(disk, leaving_bytes=MEGABYTE + 150_000)
    with IndexWriter(folder) as writer:
        assert writer.commit(images[7:8]) == 9
        with pytest.raises(CommitFailed, match="disk full"):
            writer.compact()
    crowded = Snapshot.open(folder)
    assert (len(crowded.segments), crowded.images) == (8, 8)
    require_undamaged(folder)
    ballast.unlink()
    with IndexWriter(folder) as writer:
        writer.commit(images[8:9])
    merged = Snapshot.open(folder)
    assert (len(merged.segments), merged.images) == (2, 9)
    require_undamaged(folder)


def test_a_lock_whose_owner_could_not_be_written_is_held_by_another_process(disk):
    folder = disk / "index"
    folder.mkdir()
    fill(disk)
    with (
        IndexWriter(folder),
        pytest.raises(IndexLocked, match="locked by another process"),
        IndexWriter(folder),
    ):
        pass


@pytest.mark.parametrize("limit_bytes", [40_000, 200, 0])
def test_a_write_that_fails_half_way_leaves_the_index_as_it_was(
    pictures, vocabulary, tmp_path, limit_bytes
):
    """Works everywhere: no file of the process may grow beyond so many bytes."""
    index, reuse = tmp_path / "index", ("-j", "1", "--vocabulary", vocabulary)
    done("index", pictures / "first", "-i", index, *reuse)
    before, names = _state(index), sorted(path.name for path in index.iterdir())
    command = ["index", pictures / "second", "-i", index, "-j", "1"]
    refused = kpsearch(*command, file_limit_bytes=limit_bytes)
    assert (refused.returncode, refused.stdout) == (4, ""), refused.stderr
    assert str(index) in refused.stderr
    assert "File too large" in refused.stderr
    assert "nothing was committed" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert _state(index) == before
    assert sorted(path.name for path in index.iterdir()) == names
    require_undamaged(index)
    assert "12 added" in done(*command)
