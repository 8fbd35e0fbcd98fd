"""Histories of an index on a simulated disk, every moment of them with what it must keep."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kpsearch.index import IndexWriter, recover
from kpsearch.index import manifest as manifests
from kpsearch.options import FeatureOptions
from kpsearch.types import Reject
from tests.faults.power import Killed, Moment, SimulatedStorage
from tests.faults.promises import Contents, Finding, Promise
from tests.indexes import Indexed, random_images, small_vocabulary

IMAGES = random_images([4, 3, 6, 2, 5, 0, 3, 1, 2, 4, 3, 5, 2, 3])
NEXT = [(replace(IMAGES[0][0], path="/pictures/next.jpg"), IMAGES[0][1])]


def path(number: int) -> str:
    return IMAGES[number][0].path


def altered(number: int) -> Indexed:
    """The same picture, changed since."""
    record, _ = IMAGES[number]
    other = random_images([3], seed=number)[0][1]
    return replace(record, content_hash=bytes(reversed(record.content_hash))), other


def rejected(name: str) -> Reject:
    return Reject(name, "corrupt_data", "cut", 9, 8)


@dataclass
class Journal:
    """A history of an index on a simulated disk: all its moments, and what each must keep."""

    storage: SimulatedStorage
    generation: int = 0
    contents: dict[int, Contents] = field(default_factory=lambda: {0: Contents()})
    moments: list[tuple[Moment, Promise]] = field(default_factory=list)

    def now(self) -> Contents:
        return self.contents[self.generation]

    @contextlib.contextmanager
    def writer(self) -> Iterator[IndexWriter]:
        """A writer; opening it promises nothing new but that what it found there will stay."""
        with IndexWriter(self.storage) as writer:
            found = writer.manifest.generation if writer.manifest else 0
            self._promise(found, self.contents[found])
            yield writer

    def create(self, writer: IndexWriter) -> None:
        with self._surviving(Contents()):
            writer.create(FeatureOptions(), small_vocabulary())
            self._promise(1, Contents())

    def commit(
        self,
        writer: IndexWriter,
        images: Sequence[Indexed] = (),
        *,
        rejects: Sequence[Reject] = (),
        removed: Collection[str] = (),
        forgotten: Collection[str] = (),
    ) -> None:
        """Commit, and expect of the generations up to the writer's what must be in them."""
        snapshot = writer.snapshot()
        ids = [snapshot.id_of(snapshot.find(path)) for path in removed]
        after = self.now().after(images, rejects, removed, forgotten)
        with self._surviving(after):
            writer.commit(images, rejects, removed=ids, forgotten=forgotten)
            self._promise(writer.manifest.generation, after)

    def compact(self, writer: IndexWriter) -> None:
        with self._surviving(self.now()):
            writer.compact()
            self._promise(writer.manifest.generation, self.now())

    def go_back(self) -> None:
        """To the last generation that said something else; merges do not count."""
        after = self.contents[manifests.load(self.storage, manifests.PREVIOUS).generation]
        with self._surviving(after):
            self._promise(recover(self.storage, to_previous=True).generation, after)

    @contextlib.contextmanager
    def _surviving(self, after: Contents) -> Iterator[None]:
        """If the process is killed, its commit may be there, and the merge that follows one."""
        try:
            yield
        except Killed:
            self._record(self.generation + 2, after)
            raise

    def forget(self) -> None:
        """The moments until now are those of another history too."""
        self.moments.clear()
        del self.storage.moments[:-1]

    def _promise(self, generation: int, contents: Contents) -> None:
        """This generation is there to stay; until now it might have been."""
        self._record(generation, contents)
        self.generation = generation

    def _record(self, generation: int, contents: Contents) -> None:
        for number in range(self.generation + 1, generation + 1):
            self.contents[number] = contents
        promise = Promise(self.generation, max(generation, self.generation), dict(self.contents))
        self.moments += [(moment, promise) for moment in self.storage.moments]
        self.storage.moments.clear()


def whole_life(journal: Journal) -> None:
    """Ingest, rejects, replacing, deleting, merging, compacting, going back, and on again."""
    with journal.writer() as writer:
        journal.create(writer)
        journal.commit(writer, IMAGES[:2])
        journal.commit(writer, rejects=[rejected("/bad.jpg"), rejected(path(2))])
        journal.commit(writer, IMAGES[2:4], rejects=[rejected("/worse.jpg")])
        journal.commit(writer, [altered(0)])
    with journal.writer() as writer:
        journal.commit(writer, removed=[path(1)])
        for number in range(4, 11):  # the eighth segment has all of them merged
            journal.commit(writer, [IMAGES[number]])
        journal.commit(writer, forgotten=["/bad.jpg", "/worse.jpg"])
    with journal.writer() as writer:
        journal.commit(writer, IMAGES[11:13])
        journal.commit(writer, [altered(11)])
        journal.commit(writer, removed=[path(12)])  # all of its segment is dead by now
        journal.commit(writer, [altered(2)], removed=[path(7)], rejects=[rejected("/bad.jpg")])
        journal.compact(writer)
    journal.go_back()
    with journal.writer() as writer:
        journal.commit(writer, [IMAGES[13]])
        journal.compact(writer)


def short_life(journal: Journal) -> None:
    """An index of three segments, one image deleted."""
    with journal.writer() as writer:
        journal.create(writer)
        journal.commit(writer, IMAGES[:3], rejects=[rejected("/bad.jpg")])
        journal.commit(writer, IMAGES[3:5])
        journal.commit(writer, [altered(0), IMAGES[5]])


def begin_or_add(journal: Journal) -> None:
    with journal.writer() as writer:
        if journal.generation == 0:
            journal.create(writer)
        journal.commit(writer, NEXT)


def replace_and_reject(journal: Journal) -> None:
    with journal.writer() as writer:
        journal.commit(writer, [*NEXT, altered(4)], rejects=[rejected(path(3))])


def compact(journal: Journal) -> None:
    with journal.writer() as writer:
        journal.compact(writer)


def go_back(journal: Journal) -> None:
    journal.go_back()


Act = Callable[[Journal], None]


def possible_acts(found: Finding) -> list[Act]:
    """What can be done with what a power cut has left."""
    acts = [begin_or_add]
    if found.generation > 0:
        acts += [replace_and_reject, compact]
    if found.previous is not None and found.previous < found.generation:
        acts.append(go_back)
    return acts


def killed_at_every_step(start: Callable[[], Journal], act: Act) -> Iterator[Journal]:
    """What another process finds, on a system that goes on and has not confirmed everything."""
    for steps in itertools.count():
        journal = start()
        journal.storage.steps_to_live = steps
        try:
            act(journal)
            return
        except Killed:
            journal.storage.steps_to_live = None
            journal.forget()
            yield journal
