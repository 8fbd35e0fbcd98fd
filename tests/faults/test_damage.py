"""Whatever happens to the files of an index is found, named, survived, and recovered from."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kpsearch
from kpsearch.errors import IndexDamaged, IndexMissing, KpsearchError
from kpsearch.index import IndexWriter, Snapshot, Storage, check_index, container, packing, recover
from kpsearch.index import manifest as manifests
from kpsearch.types import Reject
from tests.faults.damage import (
    COUNTS,
    MANIFESTS,
    Harm,
    deletions,
    draw_harm,
    images_named,
    kind_of,
    sample_files,
    swaps,
    use,
    violations_of,
    write_sample,
)
from tests.faults.salvage import Generation, violations_of_recovery
from tests.indexes import random_images, write_index
from tests.memory import MemoryStorage

SEED = 1
HALVES = [(what, half) for what in COUNTS for half in (0, 1)]
REPOSITORY = Path(kpsearch.__file__).parent.parent


@pytest.fixture(scope="module")
def whole():
    """The files of an index without damage."""
    files = sample_files()
    assert check_index(MemoryStorage(files)).damage == ()
    assert use(MemoryStorage(files)) == "works"
    return files


@pytest.mark.parametrize(("what", "half"), HALVES)
def test_damage_to_a_file_is_reported_and_survived(whole, what, half):
    wrong = []
    for harm in itertools.islice(draw_harm(what, COUNTS[what], whole, SEED), half, None, 2):
        wrong += violations_of(harm, MemoryStorage(harm.done_to(whole)))
    assert wrong == []


def test_every_kind_of_file_is_damaged_equally_often(whole):
    harms = [name for what in COUNTS for h in draw_harm(what, 60, whole, SEED) for name in h.files]
    kinds = [kind_of(name) for name in harms]
    assert {kinds.count(kind) for kind in {*MANIFESTS, "segment", "deletes", "rejects"}} == {40}
    assert set(harms) == set(whole)


def test_swapped_and_deleted_files_are_reported_and_survived(whole):
    wrong = []
    for harm in swaps(whole) + deletions(whole):
        wrong += violations_of(harm, MemoryStorage(harm.done_to(whole)))
    assert wrong == []


def test_without_both_manifests_there_is_no_index_but_damage(whole):
    storage = MemoryStorage(Harm("", dict.fromkeys(MANIFESTS)).done_to(whole))
    with pytest.raises(IndexMissing):
        Snapshot.of(storage)
    for ask in (check_index, recover):
        with pytest.raises(IndexDamaged, match="its segments are there"):
            ask(storage)


def test_a_file_that_only_cannot_be_read_is_never_given_up(whole):
    class Barred(MemoryStorage):
        barred = ""

        def read(self, name: str) -> Iterator[bytes]:
            if name == self.barred:
                raise PermissionError(errno.EACCES, "Permission denied")
            yield from super().read(name)

    for name in whole:
        storage = Barred(dict(whole))
        storage.barred = name
        with pytest.raises(IndexDamaged, match="Permission denied"):
            recover(storage)
        assert storage.files == dict(whole)


def test_damage_that_an_opening_cannot_see_is_survived_in_any_array(monkeypatch):
    """As in a large index, whose arrays are all too long to be read at every opening."""
    monkeypatch.setattr(container, "BULK_BYTES", 0)
    monkeypatch.setattr(packing, "BULK_BYTES", 0)
    whole = sample_files()
    wrong = []
    opened = 0
    for what in ("flip", "garbage"):
        for harm in draw_harm(what, 120, whole, SEED):
            storage = MemoryStorage(harm.done_to(whole))
            violations = violations_of(harm, storage)
            wrong += violations
            opened += not violations and use(storage) == "works"
    assert wrong == []
    assert opened > 40


def test_real_files_are_damaged_without_a_crash(tmp_path):
    write_sample(Storage(tmp_path / "index"))
    command = [sys.executable, "-m", "tests.faults.real_files", tmp_path / "index"]
    done = subprocess.run(
        [*map(os.fspath, command), str(SEED), "10", "1"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
        timeout=500,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *wrong, count = done.stdout.splitlines()
    assert wrong == []
    assert int(count) >= 150


@pytest.mark.parametrize(("what", "half"), HALVES)
def test_an_index_is_recovered_from_damage_to_any_one_file(whole, what, half):
    wrong = []
    for harm in itertools.islice(draw_harm(what, COUNTS[what], whole, SEED), half * 7, None, 14):
        storage = MemoryStorage(harm.done_to(whole))
        wrong += violations_of_recovery(harm, storage, whole)
    assert wrong == []


def test_an_index_is_recovered_from_the_loss_of_any_one_file(whole):
    wrong = []
    for harm in deletions(whole)[: len(whole)]:
        storage = MemoryStorage(harm.done_to(whole))
        wrong += violations_of_recovery(harm, storage, whole)
    assert wrong == []


def test_the_generation_before_is_taken_where_it_loses_less():
    storage = MemoryStorage()
    write_index(storage, [[image] for image in random_images([5, 6, 7])])
    with IndexWriter(storage) as writer:
        writer.compact()
    (merged,) = Snapshot.of(storage).manifest.segments
    storage.files[merged.file.name] = b"garbage"
    done = recover(storage)
    assert (done.base, done.latest, done.lost_images, done.images) == (3, 5, 0, 2)
    assert check_index(storage).damage == ()
    assert Snapshot.of(storage).images == 2


def test_swapped_manifests_are_put_right(whole):
    storage = MemoryStorage(whole)
    expected = Generation.read(storage)
    for a, b in itertools.permutations(MANIFESTS):
        storage.files[a] = whole[b]
    done = recover(storage)
    assert (done.base, done.lost_images) == (expected.number, 0)
    assert check_index(storage).damage == ()
    assert Generation.read(storage).live() == expected.live()


def test_an_index_goes_back_by_a_generation_and_there_again(whole):
    storage = MemoryStorage(whole)
    now, before = (Generation.read(storage, name) for name in MANIFESTS)
    assert now.live() != before.live()
    for step, expected in enumerate((before, now, before), 1):
        done = recover(storage, to_previous=True)
        found = Generation.read(storage)
        assert (done.generation, done.changed) == (now.number + step, True)
        assert (found.live(), found.rejects) == (expected.live(), expected.rejects)
        assert found.next_id == now.next_id
        assert check_index(storage).damage == ()


def test_a_first_generation_has_none_to_go_back_to():
    storage = MemoryStorage()
    write_index(storage, [])
    with pytest.raises(KpsearchError, match="no generation to go back to"):
        recover(storage, to_previous=True)


def test_going_back_to_a_damaged_generation_is_refused(whole):
    storage = MemoryStorage(whole)
    entry = manifests.load(storage, manifests.PREVIOUS).deletes
    storage.files[entry.name] = b"garbage"
    before = dict(storage.files)
    with pytest.raises(IndexDamaged, match="is damaged too"):
        recover(storage, to_previous=True)
    assert storage.files == before


def test_an_index_without_damage_is_left_as_it_is(whole):
    storage = MemoryStorage(whole)
    done = recover(storage)
    assert (done.changed, done.generation, done.lost_images, done.set_aside) == (False, 10, 0, ())
    assert storage.files == whole


def test_a_recovered_index_takes_its_images_in_again(whole):
    storage = MemoryStorage(whole)
    lost = manifests.load(storage).segments[0].file.name
    storage.files[lost] = b""
    recover(storage)
    with IndexWriter(storage) as writer:
        writer.commit(images_named("long", [300] * 40) + images_named("short", [7, 0]))
        writer.commit([], [Reject("/bad/new.jpg", "corrupt_data", "", 1, 1)])
    snapshot = Snapshot.of(storage)
    assert snapshot.find("/long/39.jpg") is not None
    assert snapshot.rejects["/bad/new.jpg"].size_bytes == 1
    assert check_index(storage).damage == ()
    assert storage.files[lost + ".damaged"] == b""
