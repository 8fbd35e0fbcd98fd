"""Every history of an index, cut off at every moment: is every promise kept?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kpsearch.errors import KpsearchError
from kpsearch.index import manifest as manifests
from tests.faults.histories import (
    Act,
    Journal,
    begin_or_add,
    compact,
    go_back,
    killed_at_every_step,
    possible_acts,
    replace_and_reject,
    short_life,
    whole_life,
)
from tests.faults.power import Disk, SimulatedStorage
from tests.faults.promises import Examiner, Finding, Promise, examine


@dataclass(frozen=True)
class Left:
    """What a power cut has left, and what was found on it."""

    disk: Disk
    found: Finding
    promise: Promise


@dataclass
class Simulation:
    """Histories on one kind of storage, and what came of them."""

    make: type[SimulatedStorage] = SimulatedStorage
    samples: int = 20
    """Disks tried at each moment besides the plain cases."""
    restarts: int = 30
    """Disks on which work goes on, and is cut off again."""
    go_on_every: int = 150
    """One of so many new disks is given to the next writer."""
    seed: int = 0
    disks: set[int] = field(default_factory=set)
    """Hashes of all distinct ones that were opened and verified."""

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.examiner = Examiner()
        self.continued = 0

    def violations(self) -> Iterator[str]:
        """Ingest, merge, delete, sweep; then all that can be done after a power cut or a kill."""
        left: list[Left] = []
        yield from self._cut_off(Journal(self.make()), whole_life, left)
        chosen = self.rng.choice(len(left), min(self.restarts, len(left)), replace=False)
        for start in (left[i] for i in chosen.tolist()):
            for act in possible_acts(start.found):
                yield from self._cut_off(self._journal(start), act, [])
        yield from self._killed(begin_or_add, None)
        short = Journal(self.make())
        short_life(short)
        for act in (replace_and_reject, compact, go_back):
            yield from self._killed(act, short)

    def _killed(self, act: Act, before: Journal | None) -> Iterator[str]:
        def start() -> Journal:
            if before is None:
                return Journal(self.make())
            disk = before.storage.disk()
            return Journal(self.make(disk), before.generation, dict(before.contents))

        for journal in killed_at_every_step(start, act):
            for violation in self._cut_off(journal, begin_or_add, []):
                yield f"after {act.__name__} was killed: {violation}"

    def _journal(self, start: Left) -> Journal:
        found = start.found.generation
        return Journal(self.make(start.disk), found, dict(start.promise.contents))

    def _cut_off(self, journal: Journal, act: Act, left: list[Left]) -> Iterator[str]:
        """Run a history, and have the power cut at each of its moments."""
        try:
            act(journal)
        except KpsearchError as error:
            yield f"{act.__name__} fails: {error}"
        for violation in self._broken_promises(journal, left):
            yield f"{act.__name__}: {violation}"

    def _broken_promises(self, journal: Journal, left: list[Left]) -> Iterator[str]:
        for moment, promise in journal.moments:
            for disk in moment.disks(self.rng, self.samples):
                found = self.examiner(disk)
                wrong = promise.broken_by(found)
                if wrong is not None:
                    yield wrong
                    continue
                key = hash(frozenset(disk.items()))
                if key in self.disks:
                    continue
                self.disks.add(key)
                left.append(Left(disk, found, promise))
                if len(self.disks) % self.go_on_every == 0:
                    yield from self._next_writer(left[-1])

    def _next_writer(self, start: Left) -> Iterator[str]:
        """It can go on, and leaves a whole index and nothing else."""
        self.continued += 1
        journal = self._journal(start)
        try:
            begin_or_add(journal)
        except KpsearchError as error:
            yield f"the next writer fails: {error}"
            return
        promise = Promise(journal.generation, journal.generation, journal.contents)
        wrong = promise.broken_by(examine(journal.storage)) or _litter(journal.storage)
        if wrong is not None:
            yield f"after the next writer: {wrong}"


def _litter(storage: SimulatedStorage) -> str | None:
    """The files that no manifest names."""
    known = {manifests.NAME, manifests.PREVIOUS}
    for name in sorted(known):
        known.update(file.name for file in manifests.load(storage, name).files())
    litter = sorted(set(storage.names()) - known)
    return f"left over: {litter}" if litter else None
