"""Files whose hashes are right and whose arrays are not: a check names the file and the rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from kpsearch.index import IndexWriter, Snapshot, check_index, recover
from kpsearch.index import manifest as manifests
from kpsearch.index.container import FileEntry, MappedFile
from kpsearch.index.manifest import Manifest, SegmentEntry
from kpsearch.index.packing import pack
from kpsearch.index.segment import SEGMENT_ATTRIBUTES
from kpsearch.types import Reject
from tests.indexes import WORDS, random_images, write_index
from tests.memory import MemoryStorage

Arrays = dict[str, np.ndarray]
REJECTS = [Reject(f"/bad/{i}.jpg", "corrupt_data", "cut", i, i) for i in range(3)]


@pytest.fixture
def storage():
    """Three segments of three images, one image in each deleted; three rejects."""
    found = MemoryStorage()
    images = random_images([12, 9, 15] * 3)
    write_index(found, [images[:3], images[3:6], images[6:]], rejects=REJECTS)
    with IndexWriter(found) as writer:
        writer.commit([], removed=[2, 5, 8])
    assert check_index(found).damage == ()
    return found


def arrays_of(storage: MemoryStorage, entry: FileEntry) -> Arrays:
    file = MappedFile(entry, storage.map(entry.name))
    return {name: file.array(name).copy() for name in entry.arrays}


def forge(storage: MemoryStorage, entry: FileEntry, changed: Mapping[str, np.ndarray]) -> FileEntry:
    """Write a file anew with some arrays changed, and hashes that fit."""
    packing = pack({**arrays_of(storage, entry), **changed}, SEGMENT_ATTRIBUTES)
    storage.files[entry.name] = b"".join(packing)
    return packing.entry(entry.name)


def publish(storage: MemoryStorage, manifest: Manifest) -> None:
    storage.files[manifests.NAME] = manifest.to_bytes()
    first = replace(manifest, generation=manifest.generation - 1)
    storage.files[manifests.PREVIOUS] = first.to_bytes()


def forge_segment(
    storage: MemoryStorage, change: Callable[[Arrays], Mapping[str, np.ndarray]], number: int = 1
) -> str:
    """Forge one of the segments; returns the name of its file."""
    manifest = manifests.load(storage)
    entry = manifest.segments[number]
    file = forge(storage, entry.file, change(arrays_of(storage, entry.file)))
    segments = [*manifest.segments]
    segments[number] = SegmentEntry(file, entry.images, entry.keypoints)
    publish(storage, replace(manifest, segments=tuple(segments)))
    return file.name


def set_at(name: str, place: int | tuple, value: object) -> Callable[[Arrays], Arrays]:
    def change(arrays: Arrays) -> Arrays:
        arrays[name][place] = value
        return {name: arrays[name]}

    return change


def cast(name: str, dtype: type) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: arrays[name].astype(dtype)}


def swapped_in_a_list(arrays: Arrays) -> Arrays:
    start, keypoint = arrays["postings/start"], arrays["postings/keypoint"]
    low = int(start[np.flatnonzero(np.diff(start.astype(int)) > 1)[0]])
    keypoint[[low, low + 1]] = keypoint[[low + 1, low]]
    return {"postings/keypoint": keypoint}


def same_as_the_first(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: arrays[name][[0] * len(arrays[name])]}


FIT = "do not fit the manifest"
SEGMENT_RULES = {
    "a posting twice": (same_as_the_first("postings/keypoint"), "not each keypoint once"),
    "a posting of no keypoint": (set_at("postings/keypoint", 3, 36), "not each keypoint once"),
    "a posting far away": (set_at("postings/keypoint", 0, 2**32 - 1), "not each keypoint once"),
    "a list out of order": (swapped_in_a_list, "posting list is out of order"),
    "lists that go back": (set_at("postings/start", 3, 30_000), FIT),
    "lists that start late": (set_at("postings/start", 0, 1), FIT),
    "lists that end early": (set_at("postings/start", -1, 30), FIT),
    "images that go back": (set_at("images/keypoint_start", 1, 30), FIT),
    "a list too few": (lambda arrays: {"postings/start": arrays["postings/start"][1:]}, FIT),
    "an image too few": (lambda arrays: {"images/id": arrays["images/id"][:-1]}, FIT),
    "starts of another type": (cast("postings/start", np.int64), FIT),
    "starts without a length": (lambda _: {"postings/start": np.uint32(0)[()].reshape(())}, FIT),
    "ids of another type": (cast("images/id", np.float64), FIT),
    "postings of another type": (cast("postings/keypoint", np.uint64), FIT),
    "signatures of another type": (cast("postings/signature", np.int64), FIT),
    "positions of another type": (cast("keypoints/x", np.int16), r"keypoints/x is of int16"),
    "sizes of another type": (cast("images/width", np.uint32), r"images/width is of uint32"),
    "text of another type": (cast("images/path", np.uint16), "images/path is no text"),
    "scales too few": (
        lambda arrays: {"keypoints/scale": arrays["keypoints/scale"][1:]},
        r"keypoints/scale is of uint8 \(35,\)",
    ),
    "a hash too short": (
        lambda arrays: {"images/content_hash": arrays["images/content_hash"][:, 1:].copy()},
        r"images/content_hash is of uint8 \(3, 15\)",
    ),
    "no width": (set_at("images/width", 1, 0), "has no size"),
    "no height": (set_at("images/height", 1, 0), "has no size"),
    "another path's hash": (set_at("images/path_hash", 2, 7), "image 2 is not the one it is"),
    "paths that go back": (set_at("images/path_start", 1, 10**6), "images/path is out of order"),
    "texts too many": (
        lambda arrays: {"images/warning_start": np.zeros(9, np.uint32)},
        "images/warning is out of order",
    ),
    "an undecodable category": (set_at("images/category", 0, 0xFF), "can't decode byte 0xff"),
    "ids that fall": (
        set_at("images/id", slice(None), [4, 3, 5]),
        "ids of its images are out of order",
    ),
    "an id twice": (set_at("images/id", 0, 4), "ids of its images are out of order"),
    "an id of the segment before": (set_at("images/id", 0, 1), "ids of its images"),
}


@pytest.mark.parametrize("name", SEGMENT_RULES)
def test_a_segment_that_breaks_a_rule_is_named_with_it(storage, name):
    change, text = SEGMENT_RULES[name]
    file = forge_segment(storage, change)
    named = {item.file for item in check_index(storage).damage}
    assert named == {file}
    with pytest.raises(AssertionError, match=f"^{file}: .*{text}"):
        assert_no_damage(storage)
    recover(storage)
    assert_no_damage(storage)
    assert Snapshot.of(storage).images == 4


def assert_no_damage(storage: MemoryStorage) -> None:
    flaws = [f"{item.file}: {item.text}" for item in check_index(storage).damage]
    if flaws:
        raise AssertionError("\n".join(flaws))


def test_an_id_beyond_those_given_is_named(storage):
    file = forge_segment(storage, set_at("images/id", 2, 99), number=2)
    with pytest.raises(AssertionError, match=f"{file}: the ids of its images are out of order"):
        assert_no_damage(storage)


def test_a_path_that_lives_twice_is_named(storage):
    first = arrays_of(storage, manifests.load(storage).segments[0].file)
    columns = ("images/path", "images/path_start", "images/path_hash")
    file = forge_segment(storage, lambda _: {name: first[name] for name in columns})
    with pytest.raises(AssertionError, match=rf"{file}: image /pictures/0\.jpg is in the index"):
        assert_no_damage(storage)


def test_a_vocabulary_that_does_not_fit_itself_is_named(storage):
    manifest = manifests.load(storage)
    chance = arrays_of(storage, manifest.vocabulary)["chance"]
    publish(
        storage,
        replace(manifest, vocabulary=forge(storage, manifest.vocabulary, {"chance": chance + 1})),
    )
    with pytest.raises(AssertionError, match=f"{manifest.vocabulary.name}: .*do not fit"):
        assert_no_damage(storage)


DELETES_RULES = {
    "an image that is not there": ({"ids": np.array([2, 5, 77], np.uint64)}, "are not there"),
    "ids out of order": ({"ids": np.array([8, 5, 2], np.uint64)}, "are not there"),
    "postings miscounted": ({"postings": np.arange(WORDS, dtype=np.uint32)}, "miscounts"),
    "too few words": ({"postings": np.zeros(WORDS - 1, np.uint32)}, "miscounts"),
    "ids of another type": ({"ids": np.array([2, 5, 8], np.int64)}, "types they should be"),
}


@pytest.mark.parametrize("name", DELETES_RULES)
def test_deletes_that_break_a_rule_are_named_with_it(storage, name):
    changed, text = DELETES_RULES[name]
    manifest = manifests.load(storage)
    publish(storage, replace(manifest, deletes=forge(storage, manifest.deletes, changed)))
    with pytest.raises(AssertionError, match=f"^{manifest.deletes.name}: .*{text}"):
        assert_no_damage(storage)
    recover(storage)
    assert_no_damage(storage)


def test_broken_deletes_are_not_blamed_on_the_segments(storage):
    """Without them an image and the one in its place would both be live."""
    with IndexWriter(storage) as writer:
        writer.commit(random_images([8]))
    manifest = manifests.load(storage)
    forged = forge(storage, manifest.deletes, {"ids": np.array([99], np.uint64)})
    publish(storage, replace(manifest, deletes=forged))
    assert {item.file for item in check_index(storage).damage} == {forged.name}
    assert recover(storage).lost_images == 0
    assert_no_damage(storage)


def test_a_file_without_one_of_its_arrays_is_named(storage):
    manifest = manifests.load(storage)
    for field in ("deletes", "rejects", "vocabulary"):
        entry = getattr(manifest, field)
        arrays = arrays_of(storage, entry)
        del arrays[sorted(arrays)[-1]]
        copy = MemoryStorage(storage.files)
        packing = pack(arrays, SEGMENT_ATTRIBUTES)
        copy.files[entry.name] = b"".join(packing)
        publish(copy, replace(manifest, **{field: packing.entry(entry.name)}))
        with pytest.raises(AssertionError, match=f"^{entry.name}: holds no array"):
            assert_no_damage(copy)


REJECTS_RULES = {
    "a path twice": (lambda a: {"path": np.tile(a["path"][: len(a["path"]) // 3], 3)}, "twice"),
    "an undecodable code": (set_at("code", 0, 0xFF), "can't decode byte 0xff"),
    "times too few": (lambda a: {"mtime_ns": a["mtime_ns"][:1]}, "do not fit each other"),
}


@pytest.mark.parametrize("name", REJECTS_RULES)
def test_rejects_that_break_a_rule_are_named_with_it(storage, name):
    change, text = REJECTS_RULES[name]
    manifest = manifests.load(storage)
    changed = change(arrays_of(storage, manifest.rejects))
    publish(storage, replace(manifest, rejects=forge(storage, manifest.rejects, changed)))
    with pytest.raises(AssertionError, match=f"^{manifest.rejects.name}: .*{text}"):
        assert_no_damage(storage)
    recover(storage)
    assert_no_damage(storage)


def test_a_file_written_anew_without_a_change_is_no_damage(storage):
    """What the files above are found by is what they break, and nothing else."""
    forge_segment(storage, lambda _: {})
    assert_no_damage(storage)
