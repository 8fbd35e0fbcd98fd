"""What a commit has promised, and whether what a power cut has left keeps it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kpsearch.errors import IndexMissing
from kpsearch.index import Snapshot, Storage, check_index
from kpsearch.types import Reject
from tests.faults.power import Disk, SimulatedStorage, answer
from tests.indexes import Indexed


@dataclass(frozen=True)
class Contents:
    """What a generation says."""

    images: frozenset[tuple[str, bytes]] = frozenset()
    """Path and hash of the picture of each."""
    rejects: frozenset[str] = frozenset()

    def after(
        self,
        images: Sequence[Indexed] = (),
        rejects: Sequence[Reject] = (),
        removed: Collection[str] = (),
        forgotten: Collection[str] = (),
    ) -> Contents:
        new = {record.path: record.content_hash for record, _ in images}
        kept = {(p, h) for p, h in self.images if p not in new and p not in removed}
        held = self.rejects - set(new) - set(forgotten)
        return Contents(kept | new.items(), held | {reject.path for reject in rejects})


@dataclass(frozen=True)
class Finding:
    """What can be read from a disk."""

    generation: int
    """0 where there is no index."""
    previous: int | None
    contents: Contents
    flaws: tuple[str, ...] = ()


def examine(storage: Storage) -> Finding:
    """Open the index and verify it."""
    try:
        snapshot = Snapshot.of(storage)
        report = check_index(storage)
    except IndexMissing:
        return Finding(0, None, Contents())
    except Exception as error:
        return Finding(-1, None, Contents(), (f"{type(error).__name__}: {error}",))
    images = frozenset((r.path, r.content_hash) for r in snapshot.records())
    flaws = tuple(f"{damage.file}: {damage.text}" for damage in report.damage)
    contents = Contents(images, frozenset(snapshot.rejects))
    return Finding(snapshot.generation, report.previous, contents, flaws)


class Examiner:
    """`examine`, once for all disks that say the same wherever it looks.

    What it finds depends on nothing but what it reads. So findings are the leaves of a tree:
    a node is what is read next, a branch what was found there.
    """

    def __init__(self) -> None:
        self._root: dict[object, object] = {}
        self.examined = 0

    def __call__(self, disk: Disk) -> Finding:
        node: object = self._root
        while isinstance(node, dict) and node:
            question, branches = node["question"], node["branches"]
            node = branches.get(answer(disk, question))
        return node if isinstance(node, Finding) else self._examined(SimulatedStorage(disk))

    def _examined(self, storage: SimulatedStorage) -> Finding:
        self.examined += 1
        finding = examine(storage)
        node = self._root
        questions, disk = list(storage.asked), storage.disk()
        for question in questions:
            node.setdefault("question", question)
            branches = node.setdefault("branches", {})
            last = question == questions[-1]
            node = branches.setdefault(answer(disk, question), finding if last else {})
        return finding


@dataclass(frozen=True)
class Promise:
    """What must hold at a moment: a generation from ``least`` to ``most``, saying what it did."""

    least: int
    most: int
    contents: dict[int, Contents]

    def broken_by(self, found: Finding) -> str | None:
        """What is wrong with what was found; None if nothing is."""
        if found.flaws:
            return "; ".join(found.flaws)
        if not self.least <= found.generation <= self.most:
            return f"generation {found.generation}, not {self.least} to {self.most}"
        if found.contents != self.contents[found.generation]:
            return f"generation {found.generation} says something else"
        if found.generation > 1 and not 1 <= (found.previous or 0) <= found.generation:
            return f"generation {found.previous} is kept with generation {found.generation}"
        return None
