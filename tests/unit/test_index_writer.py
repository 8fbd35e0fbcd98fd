"""Commits: what they keep, what they sweep, and whom they lock out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kpsearch.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing, UsageError
from kpsearch.index import IndexWriter, Snapshot, Storage
from kpsearch.index import manifest as manifests
from kpsearch.options import FeatureOptions
from kpsearch.types import Reject
from tests.indexes import random_images, record, small_vocabulary, write_index

IMAGES = random_images([4, 0, 7, 2])


def test_a_commit_counts_generations_and_keeps_ids(tmp_path):
    snapshot = write_index(tmp_path, [IMAGES[:1], IMAGES[1:]])
    assert snapshot.generation == 3
    assert [snapshot.id_of(slot) for slot in range(snapshot.slots)] == [0, 1, 2, 3]
    with IndexWriter(tmp_path) as writer:
        assert writer.commit(IMAGES[:1]) == 4
    after = Snapshot.open(tmp_path)
    assert after.id_of(after.find(IMAGES[0][0].path)) == 4
    assert [r.path for r in after.records()] == [IMAGES[i][0].path for i in (1, 2, 3, 0)]


def test_a_commit_of_nothing_is_no_generation(tmp_path):
    snapshot = write_index(tmp_path, [IMAGES])
    with IndexWriter(tmp_path) as writer:
        assert writer.commit([]) == snapshot.generation


def test_publishing_keeps_the_generation_before_and_its_files(tmp_path):
    write_index(tmp_path, [IMAGES[:2], IMAGES[2:]])
    storage = Storage(tmp_path)
    previous = manifests.load(storage, manifests.PREVIOUS)
    assert previous.generation == manifests.load(storage).generation - 1
    assert Snapshot(storage, previous).images == 2


def test_a_snapshot_outlives_the_files_it_was_opened_from(tmp_path):
    old = write_index(tmp_path, [IMAGES[:2]])
    with IndexWriter(tmp_path) as writer:
        for image in IMAGES[2:]:
            writer.commit([image], removed=[0])
    assert [r.path for r in old.records()] == [image.path for image, _ in IMAGES[:2]]
    assert old.images == 2


OURS = (
    "segment-000009-00dead00.h5",
    "deletes-000002-00beef00.h5",
    "rejects-000003-00beef00.h5",
    "vocabulary-0123456789abcdef.h5",
    "manifest.json.0123abcd",
    "manifest.prev.json.0123abcd",
)
THEIRS = ("notes.txt", "segment.h5", "segment-one.jpg", "vocabulary-list.h5", "manifest.json.bak")


def test_a_lost_manifest_is_damage_and_removes_nothing(tmp_path):
    write_index(tmp_path, [IMAGES])
    for name in ("manifest.json", "manifest.prev.json"):
        (tmp_path / name).unlink()
        left = set(os.listdir(tmp_path))
        with pytest.raises(IndexDamaged, match=r"manifest\.json: missing"), IndexWriter(tmp_path):
            pass
        assert set(os.listdir(tmp_path)) == left


def test_what_no_manifest_names_is_swept_and_nothing_else(tmp_path):
    write_index(tmp_path, [IMAGES])
    kept = set(os.listdir(tmp_path)) | set(THEIRS)
    for name in OURS:
        (tmp_path / name).write_bytes(b"half")
    for name in THEIRS:
        (tmp_path / name).write_bytes(b"x")
    with IndexWriter(tmp_path):
        pass
    assert set(os.listdir(tmp_path)) == kept


def test_a_damaged_previous_manifest_is_no_hindrance(tmp_path):
    write_index(tmp_path, [IMAGES[:2]])
    (tmp_path / manifests.PREVIOUS).write_bytes(b"{")
    with IndexWriter(tmp_path) as writer:
        writer.commit(IMAGES[2:])
    assert Snapshot.open(tmp_path).images == 4


def test_images_are_found_by_the_bytes_of_their_path(tmp_path):
    names = ["/a.jpg", "/\udcff\udcfe.jpg", "/new\nline.jpg", "/ä.jpg", "/a\u0308.jpg"]
    points = random_images([1])[0][1]
    snapshot = write_index(tmp_path, [[(record(name), points)] for name in names])
    assert [snapshot.find(name) for name in names] == [0, 1, 2, 3, 4]
    assert snapshot.record(1).path == "/\udcff\udcfe.jpg"
    assert snapshot.find("/b.jpg") is None


def test_a_reject_is_forgotten_once_its_picture_is_in(tmp_path):
    bad, other = (Reject(path, "corrupt_data", "cut", 9, 8) for path in ("/pictures/0.jpg", "/x"))
    write_index(tmp_path, [[]], rejects=[bad, other])
    assert list(Snapshot.open(tmp_path).rejects.values()) == [bad, other]
    with IndexWriter(tmp_path) as writer:
        writer.commit(IMAGES[:1])
    assert list(Snapshot.open(tmp_path).rejects.values()) == [other]


def test_an_index_is_created_once(tmp_path):
    write_index(tmp_path, [])
    with IndexWriter(tmp_path) as writer, pytest.raises(IndexMismatch, match="index here already"):
        writer.create(FeatureOptions(), small_vocabulary())


def test_nothing_is_committed_to_no_index(tmp_path):
    with IndexWriter(tmp_path) as writer, pytest.raises(IndexMissing):
        writer.commit(IMAGES)
    with pytest.raises(IndexMissing, match="no index here"):
        Snapshot.open(tmp_path)


def test_an_index_cannot_be_made_where_a_file_is(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    writer = IndexWriter(tmp_path / "file")
    with pytest.raises(UsageError, match="no index can be made here"), writer:
        pass
    with pytest.raises(IndexMissing):
        Snapshot.open(tmp_path / "file")


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path):
    write_index(tmp_path, [IMAGES[:2]])
    program = (
        "import sys\n"
        "from kpsearch.index import IndexWriter\n"
        "with IndexWriter(sys.argv[1]):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(IndexLocked) as caught, IndexWriter(tmp_path):
            pass
        assert str(tmp_path) in str(caught.value)
        assert f"process {holder.pid} on {socket.gethostname()}" in str(caught.value)
        assert Snapshot.open(tmp_path).images == 2
        holder.kill()
    with IndexWriter(tmp_path) as writer:
        writer.commit(IMAGES[2:])


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("healthy")
    write_index(folder, [IMAGES])
    with IndexWriter(folder) as writer:
        writer.commit(IMAGES[:1])
    return folder


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, _cut, _empty, _flip])
@pytest.mark.parametrize("kind", ["segment", "vocabulary", "deletes"])
def test_a_harmed_file_is_damage_and_is_named(healthy, tmp_path, kind, harm):
    folder = shutil.copytree(healthy, tmp_path / "index")
    manifest = manifests.load(Storage(folder))
    (name, *_) = [file.name for file in manifest.files() if file.name.startswith(kind)]
    harm(folder / name)
    with pytest.raises(IndexDamaged) as caught:
        Snapshot.open(folder)
    assert str(folder / name) in str(caught.value)


@pytest.mark.parametrize("harm", [_cut, _empty, _flip])
def test_a_harmed_manifest_is_damage_to_readers_and_writers(healthy, tmp_path, harm):
    folder = shutil.copytree(healthy, tmp_path / "index")
    before = set(os.listdir(folder))
    harm(folder / manifests.NAME)
    with pytest.raises(IndexDamaged, match=r"manifest\.json"):
        Snapshot.open(folder)
    with pytest.raises(IndexDamaged, match=r"manifest\.json"), IndexWriter(folder):
        pass
    assert set(os.listdir(folder)) == before


def test_a_manifest_of_a_later_format_says_so(healthy, tmp_path):
    folder = shutil.copytree(healthy, tmp_path / "index")
    content = (folder / manifests.NAME).read_text()
    later = content.replace('"format_version": 6', '"format_version": 7')
    (folder / manifests.NAME).write_text(later)
    with pytest.raises(IndexDamaged, match="format version 7, this kpsearch reads 3, 4, 5, 6"):
        Snapshot.open(folder)
