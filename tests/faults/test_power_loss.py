"""Power cuts at every moment of an index's life: what was committed is there, and whole."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from tests.faults import broken
from tests.faults.power import Killed, SimulatedStorage
from tests.faults.simulation import Simulation


def test_no_power_cut_breaks_a_promise():
    simulation = Simulation()
    assert list(itertools.islice(simulation.violations(), 5)) == []
    assert len(simulation.disks) >= 20_000


@pytest.mark.parametrize(
    ("make", "harm"),
    [
        (broken.SegmentsUnsynced, r"segment-\S+: (cannot mmap an empty|\d+ bytes long|its struct)"),
        (broken.FolderUnsyncedBeforeRename, r"manifest\.prev\.json: missing"),
        (broken.FolderUnsyncedAfterRename, r"^whole_life: generation 0, not 1 to 2"),
        (broken.FolderUnsyncedAtOpening, r"was killed: begin_or_add: .*: missing"),
        (broken.ManifestUnsynced, r"^whole_life: .*manifest\.json: not a manifest"),
        (broken.ManifestInPlace, r"^whole_life: .*manifest\.json: not a manifest"),
        (broken.NothingSynced, r"^whole_life: generation 0, not 1 to 2"),
        (broken.TemporaryNameReused, r"manifest\.json: not a manifest .*Extra data"),
    ],
)
def test_a_protocol_with_a_part_left_out_is_caught(make, harm):
    simulation = Simulation(make, restarts=6, go_on_every=10**9)
    assert any(re.search(harm, violation) for violation in simulation.violations())


def test_what_was_synced_is_on_every_disk():
    storage = SimulatedStorage()
    storage.write_new("kept", [b"first", b"second"])
    storage.sync_folder()
    storage.write_new("new", [b"x" * 2000])
    storage.replace("new", "other")
    disks = list(storage.moments[-1].disks(np.random.default_rng(0), 50))
    assert {disk["kept"] for disk in disks} == {b"firstsecond"}
    assert {tuple(disk) for disk in disks} == {("kept",), ("kept", "new"), ("kept", "other")}
    assert {disk.get("other", b"x" * 2000) for disk in disks} == {b"x" * 2000}


def test_what_was_not_synced_is_there_in_any_part():
    storage = SimulatedStorage()
    storage.steps_to_live = 2
    content = b"x" * 2000
    with pytest.raises(Killed):
        storage.write_new("new", [content])
    disks = list(storage.moments[-1].disks(np.random.default_rng(0), 200))
    found = {disk["new"] for disk in disks if "new" in disk}
    assert {} in disks
    assert {b"", content, bytes(2000), content[:1000]} <= found
    assert any(0 < one.count(b"\0") < 2000 and len(one) == 2000 for one in found)
