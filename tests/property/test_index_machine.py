"""Whatever is done to an index, and wherever it is cut off, it says what a dictionary would say."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kpsearch.index import IndexWriter, Snapshot, Storage, check_index, contents_hash, recover
from kpsearch.index import manifest as manifests
from kpsearch.options import FeatureOptions
from kpsearch.types import Reject
from tests.indexes import WORDS, Indexed, random_keypoints, record, small_vocabulary, write_index
from tests.memory import MemoryStorage

NAMES = [
    "/a.jpg",
    "/b.jpg",
    "/c/d.jpg",
    "/c/e.jpg",
    "/\udcff\udcfe.jpg",
    "/new\nline.jpg",
    "/ä.jpg",
    "/a\u0308.jpg",
    "/" + "long" * 60,
    "/ ",
]


class Killed(BaseException):
    """The process is gone: no ``except Exception`` may notice."""


class Mortal(Storage):
    """A storage whose process is killed in a step it takes: after so many, when ``left`` is set."""

    left: int | None = None

    def _dies(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        if self._dies():
            content = b"".join(parts)
            super().write_new(name, [content[: len(content) // 2]])
            raise Killed
        super().write_new(name, parts)

    def replace(self, source: str, target: str) -> None:
        if self._dies():
            raise Killed
        super().replace(source, target)

    def remove(self, name: str) -> None:
        if self._dies():
            raise Killed
        super().remove(name)

    def sync_folder(self) -> None:
        if self._dies():
            raise Killed
        super().sync_folder()


class MortalMemory(Mortal, MemoryStorage):
    """The same, of a disk in memory."""


@dataclass(frozen=True)
class Model:
    """What an index says."""

    images: dict[str, tuple[int, Indexed]]
    """Id and content by path."""
    rejects: dict[str, Reject]


EMPTY = Model({}, {})
paths = st.sampled_from(NAMES)
some_paths = st.lists(paths, unique=True, min_size=1, max_size=4)
counts = st.one_of(st.just(0), st.integers(1, 40))
ids = st.integers(0, 60)


class IndexMachine(RuleBasedStateMachine):
    """Commits of every kind to an index in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.storage = self.new_storage()
        self.model = EMPTY
        self.before: Model | None = None
        """What there is to go back to."""
        self.next_id = 0
        self.writer = IndexWriter(self.storage)

    def new_storage(self) -> Mortal:
        return MortalMemory()

    @initialize()
    def create(self) -> None:
        self.writer.__enter__()
        self.writer.create(FeatureOptions(), small_vocabulary())

    def _reopen(self) -> None:
        self.writer.__exit__(None, None, None)
        self.writer = IndexWriter(self.storage).__enter__()

    def _generation(self, name: str = manifests.NAME) -> int:
        return manifests.load(self.storage, name).generation

    def _do(self, action: Callable[[], object], after: Model, left: int | None) -> None:
        """Do something to the index that makes it say ``after``; be killed in the step ``left``."""
        first = self._generation()
        self.storage.left = left
        with contextlib.suppress(Killed):
            action()
        self.storage.left = None
        self._reopen()
        self._settle(after, self._generation() - first)

    def _settle(self, after: Model, generations: int) -> None:
        """The model, once the index is so many generations on; all but the first change nothing."""
        if generations:
            self.before = self.model if generations == 1 else after
            self.model = after
            self.next_id = max([self.next_id, *(i + 1 for i, _ in after.images.values())])
        elif self._generation() > 1 and self._generation(manifests.PREVIOUS) == self._generation():
            self.before = None

    steps = st.one_of(st.none(), st.integers(0, 14))

    @rule(
        names=some_paths, count=st.lists(counts, min_size=4, max_size=4), left=steps, data=st.data()
    )
    def add(self, names, count, left, data) -> None:
        """New images, and images that take the place of others; some are removed besides."""
        rng = np.random.default_rng(sum(count) + self.next_id)
        images = [(record(p), random_keypoints(rng, n)) for p, n in zip(names, count, strict=False)]
        gone = data.draw(st.sets(ids, max_size=2))
        known = {p: (i, x) for p, (i, x) in self.model.images.items() if i not in gone}
        known |= {
            p: (self.next_id + n, x) for n, (p, x) in enumerate(zip(names, images, strict=True))
        }
        rejects = {p: r for p, r in self.model.rejects.items() if p not in names}
        self._do(lambda: self.writer.commit(images, removed=gone), Model(known, rejects), left)

    @rule(gone=st.sets(ids, min_size=1, max_size=6), left=steps)
    def remove(self, gone, left) -> None:
        """Images that are there, and ids of none."""
        known = {p: (i, x) for p, (i, x) in self.model.images.items() if i not in gone}
        after = replace(self.model, images=known)
        self._do(lambda: self.writer.commit([], removed=gone), after, left)

    @rule(names=some_paths, forgotten=st.sets(paths, max_size=2), left=steps)
    def reject(self, names, forgotten, left) -> None:
        """Of a picture that is in the index too: it keeps its entry."""
        new = [Reject(path, "corrupt_data", "cut", len(path), 7) for path in names]
        known = {p: r for p, r in self.model.rejects.items() if p not in forgotten}
        after = replace(self.model, rejects=known | {r.path: r for r in new})
        self._do(lambda: self.writer.commit([], new, forgotten=forgotten), after, left)

    @rule(forgotten=st.sets(paths, min_size=1, max_size=4), left=steps)
    def forget(self, forgotten, left) -> None:
        known = {p: r for p, r in self.model.rejects.items() if p not in forgotten}
        after = replace(self.model, rejects=known)
        self._do(lambda: self.writer.commit([], forgotten=forgotten), after, left)

    @rule(left=steps)
    def compact(self, left) -> None:
        self._do(lambda: self.writer.compact(), self.model, left)

    @rule(left=steps)
    def merge(self, left) -> None:
        self._do(lambda: self.writer.merge(), self.model, left)

    @rule()
    def nothing(self) -> None:
        generation = self._generation()
        assert self.writer.commit([]) == generation

    @precondition(lambda self: self.before is not None)
    @rule(left=steps)
    def go_back(self, left) -> None:
        self.writer.__exit__(None, None, None)
        self._do(lambda: recover(self.storage, to_previous=True), self.before, left)

    @rule()
    def recover_what_is_whole(self) -> None:
        self.writer.__exit__(None, None, None)
        assert not recover(self.storage).changed
        self._reopen()

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        snapshot = Snapshot.of(self.storage)
        assert {r.path: r for r in snapshot.records()} == {
            path: image for path, (_, (image, _)) in self.model.images.items()
        }
        assert snapshot.rejects == self.model.rejects
        for path in NAMES:
            slot = snapshot.find(path)
            found = None if slot is None else snapshot.id_of(slot)
            assert found == (self.model.images[path][0] if path in self.model.images else None)
            assert slot is None or snapshot.slot_of(found) == slot
        assert (snapshot.ids[1:] > snapshot.ids[:-1]).all()
        assert snapshot.manifest.next_id == self.next_id
        known = {i for i, _ in self.model.images.values()}
        assert {i for i in range(self.next_id + 2) if snapshot.slot_of(i) is not None} == known

    @invariant()
    def it_counts_what_the_model_counts(self) -> None:
        snapshot = Snapshot.of(self.storage)
        images = [image for _, image in self.model.images.values()]
        words = [points.word for _, points in images]
        counted = np.bincount(np.concatenate([np.empty(0, np.int64), *words]), minlength=WORDS)
        assert snapshot.collection_frequency.tolist() == counted.tolist()
        assert (snapshot.images, snapshot.keypoints) == (len(images), counted.sum())
        fresh = write_index(MemoryStorage(), [images])
        assert contents_hash(snapshot) == contents_hash(fresh)

    @invariant()
    def it_is_whole_and_leaves_nothing_behind(self) -> None:
        assert check_index(self.storage).damage == ()
        there = {name for name in self.storage.names() if not name.startswith(".")}
        known = {manifests.NAME, manifests.PREVIOUS} & there
        assert manifests.PREVIOUS in known or self._generation() == 1
        loaded = [manifests.load(self.storage, name) for name in known]
        assert there - known == {entry.name for found in loaded for entry in found.files()}

    def teardown(self) -> None:
        self.writer.__exit__(None, None, None)


class FolderMachine(IndexMachine):
    """The same on a real disk."""

    def new_storage(self) -> Mortal:
        self.folder = tempfile.TemporaryDirectory()
        return Mortal(self.folder.name)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class TestIndexInMemory(IndexMachine.TestCase):
    settings = settings(max_examples=18, stateful_step_count=35, deadline=None, derandomize=True)


class TestIndexOnDisk(FolderMachine.TestCase):
    settings = settings(max_examples=8, stateful_step_count=15, deadline=None, derandomize=True)
