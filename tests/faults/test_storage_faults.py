"""Every operation of the storage fails once: nothing is lost, and nothing wrong is said."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kpsearch.errors import CommitFailed, CommitUncertain, IndexDamaged
from kpsearch.index import IndexWriter, Recovery, Storage, recover
from kpsearch.options import FeatureOptions
from tests.faults.faulty import MAKES_ROOM, Fault, FaultyStorage
from tests.faults.histories import IMAGES, altered, path, rejected
from tests.faults.promises import Finding, examine
from tests.indexes import small_vocabulary, write_index

Step = Callable[[Storage], object]
ALLOWED = (CommitFailed, CommitUncertain, IndexDamaged, type(None))


def _writing(act: Callable[[IndexWriter], object]) -> Step:
    def step(storage: Storage) -> None:
        with IndexWriter(storage) as writer:
            act(writer)

    return step


def _create(writer: IndexWriter) -> None:
    writer.create(FeatureOptions(), small_vocabulary())


def _replace_and_remove(writer: IndexWriter) -> None:
    snapshot = writer.snapshot()
    gone = [snapshot.id_of(snapshot.find(path(5)))]
    writer.commit([altered(1)], [rejected("/worse.jpg")], removed=gone)


def _go_back(storage: Storage) -> Recovery:
    return recover(storage, to_previous=True)


def _begun(folder: Path) -> None:
    """Three segments, an image deleted in each of two, a reject."""
    write_index(folder, [IMAGES[:4], IMAGES[4:7]], rejects=[rejected("/bad.jpg")])
    with IndexWriter(folder) as writer:
        writer.commit([altered(0)], removed=[6])


def _in_seven_segments(folder: Path) -> None:
    write_index(folder, [[image] for image in IMAGES[:7]])


def _damaged(folder: Path) -> None:
    """Without its first segment, and so without some of the deleted images."""
    _begun(folder)
    segment = min(folder.glob("segment-*"))
    segment.write_bytes(segment.read_bytes()[:-9])


STEPS: dict[str, tuple[Callable[[Path], None], Step]] = {
    "create": (Path.mkdir, _writing(_create)),
    "add": (_begun, _writing(lambda writer: writer.commit(IMAGES[9:11]))),
    "reject": (_begun, _writing(lambda writer: writer.commit([], [rejected("/worse.jpg")]))),
    "replace and remove": (_begun, _writing(_replace_and_remove)),
    "add and merge": (
        _in_seven_segments,
        _writing(lambda writer: writer.commit(IMAGES[9:10])),
    ),
    "compact": (_begun, _writing(IndexWriter.compact)),
    "recover": (_damaged, recover),
    "go back": (_begun, _go_back),
}
FAULTS = [
    Fault(error, forever=forever, short=short)
    for error, short in ((errno.EIO, False), (errno.ENOSPC, False), (0, True), (errno.ENOSPC, True))
    for forever in (False, True)
]


def _worth_failing(operations: Sequence[str], fault: Fault) -> Iterator[int]:
    """The operations that can have this fault; of a file's writes the first and the last."""
    for number, operation in enumerate(operations):
        around = operations[max(number - 1, 0) : number + 2]
        if operation == "write" and around == ["write"] * 3:
            continue
        possible = MAKES_ROOM if fault.error == errno.ENOSPC else operations
        first = operation == "write" and around[0] != "write"
        if first if fault.short else operation in possible:
            yield number


@pytest.mark.parametrize("name", STEPS)
def test_a_fault_changes_nothing_or_is_uncertain(name, tmp_path):
    begin, step = STEPS[name]
    begin(tmp_path / "before")
    before = examine(Storage(tmp_path / "before"))
    healthy = FaultyStorage(shutil.copytree(tmp_path / "before", tmp_path / "healthy"))
    step(healthy)
    after = examine(Storage(healthy.folder))
    assert not after.flaws
    wrong = []
    for fault in FAULTS:
        for at in _worth_failing(healthy.operations, fault):
            folder = shutil.copytree(tmp_path / "before", tmp_path / "faulty")
            flaw = _flaw_after(FaultyStorage(folder, fault, at=at), step, before, after)
            if flaw is not None:
                wrong.append(f"{healthy.operations[at]} {at}, {fault}: {flaw}")
            shutil.rmtree(folder)
    assert wrong == []


def _flaw_after(storage: FaultyStorage, step: Step, before: Finding, after: Finding) -> str | None:
    """What is wrong after a step on a disk with a fault, and then without; None if nothing is.

    A recovery leaves out what it cannot read, keeps it aside, and says so.
    """
    done, error = None, None
    try:
        done = step(storage)
    except Exception as caught:
        error = caught
    if not isinstance(error, ALLOWED):
        return f"raises {type(error).__name__}: {error}"
    sound = Storage(storage.folder)
    found = examine(sound)
    changed = found.generation not in (before.generation, -1)
    expected = (after if changed else before).contents
    left_out = len(done.set_aside) > 1 if isinstance(done, Recovery) else False
    if found.contents != expected and not left_out:
        return f"{error!r}, and generation {found.generation} says something else"
    if changed and isinstance(error, CommitFailed):
        return f"{error!r}, and it is generation {found.generation}"
    if error is None and not changed:
        return "nothing is said and nothing was done"
    if found.flaws and (changed or not before.flaws):
        return f"{error!r}, and {found.flaws}"
    # A failed commit may have put the current generation in the place of the one to go back to.
    nothing_before = step is _go_back and found.previous == found.generation
    if not changed and not nothing_before:
        step(sound)
        found = examine(sound)
        if (found.contents, found.flaws) != (after.contents, ()):
            return f"{error!r}, and done again: {found}"
    return None
