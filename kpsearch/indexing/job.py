"""The state of one run of indexing, from the list of files to the last commit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import ImageRejected, IndexMismatch, KpsearchError
from kpsearch.features import make_extractor
from kpsearch.images import find_images, stat_facts, stop_if_wrong_folder
from kpsearch.index import ImageRecord, IndexWriter, Keypoints, Snapshot
from kpsearch.indexing.categories import CategorySource, require_all_predicted
from kpsearch.indexing.pictures import (
    Extracted,
    Extraction,
    Quantisation,
    SameContent,
    Task,
    in_workers,
    vocabulary_at,
)
from kpsearch.indexing.pruning import Vanished, vanished
from kpsearch.indexing.report import IndexReport, Progress
from kpsearch.options import FeatureOptions, VocabularyOptions, WorkerLimits
from kpsearch.types import Reject
from kpsearch.vocabulary import Metric, Vocabulary, load_vocabulary, train_vocabulary, words_for

if TYPE_CHECKING:
    import numpy.typing as npt

Result = tuple[ImageRecord, Keypoints] | Reject | SameContent
"""What became of a picture."""

BATCH_IMAGES = 2048
"""Pictures a commit: what a killed job has to do again."""
PASSING_CODES = frozenset({"unreadable", "changed_while_reading"})
"""Rejects that size and time of a file say nothing about: tried again by the next run."""
SAMPLE_KEYPOINTS = 2_000_000
"""Most that the pictures sampled for a vocabulary may have together: 300 MB in memory."""


@dataclass(slots=True)
class Job:
    """The state of one run: what it was given to work with, and its report."""

    n_jobs: int
    progress: Progress
    on_reject: Callable[[Reject], None]
    limits: WorkerLimits
    report: IndexReport = field(default_factory=IndexReport)
    settled: set[str] = field(default_factory=set)
    """Paths with a reject on record that no longer holds: the file is as the index has it."""
    gone: Vanished | None = None
    """What is to be pruned."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to the report."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.report.seconds[stage] = self.report.seconds.get(stage, 0.0) + spent

    def list_tasks(
        self,
        paths: Iterable[str | os.PathLike[str]],
        snapshot: Snapshot | None,
        categories: CategorySource,
        *,
        follow_links: bool,
        prune: bool,
        retry_rejects: bool,
    ) -> list[Task]:
        """The pictures that are new or may have changed, each once."""
        paths = list(paths)
        found = dict.fromkeys(map(os.path.abspath, find_images(paths, follow_links=follow_links)))
        if prune and snapshot is not None:
            self.gone = vanished(snapshot, paths, found)
            for path in self.gone.ids.values():
                found.pop(os.fsdecode(path), None)
        self.report.categories_unused = len(categories.own.keys() - found.keys())
        if snapshot is None:
            return [Task(path, categories.of_new(path)) for path in found]
        going = map(os.fsdecode, self.gone.ids.values()) if self.gone else ()
        require_all_predicted(categories, snapshot, found.keys() | set(going))
        tasks = [self._task_of(path, snapshot, categories, retry_rejects) for path in found]
        return [task for task in tasks if task is not None]

    def _task_of(
        self, path: str, snapshot: Snapshot, categories: CategorySource, retry_rejects: bool
    ) -> Task | None:
        """The work a file needs; None where the index has it as it is, or has rejected it so."""
        category = categories.of_new(path)
        try:
            facts = stat_facts(path)
        except ImageRejected:
            return Task(path, category)
        old = snapshot.rejects.get(path)
        if old is not None and (old.size_bytes, old.mtime_ns) == facts:
            if retry_rejects or old.code in PASSING_CODES:
                return Task(path, category)
            self.report.still_rejected += 1
            return None
        slot = snapshot.find(path)
        if slot is None:
            return Task(path, category)
        record = snapshot.record(slot)
        if categories.is_outdated(record):
            return Task(path, categories.of_known(record))
        if (record.size_bytes, record.mtime_ns) != facts:
            category = categories.of_known(record)
            return Task(path, category, known_hash=record.content_hash)
        self._settle(path, snapshot)
        return None

    def _settle(self, path: str, snapshot: Snapshot) -> None:
        """Count a picture as unchanged; if it was rejected in between, that is past."""
        self.report.unchanged += 1
        if path in snapshot.rejects:
            self.settled.add(path)

    def make_vocabulary(
        self,
        writer: IndexWriter,
        tasks: list[Task],
        extraction: Extraction,
        wanted: VocabularyOptions | str | os.PathLike[str] | None,
    ) -> list[Task]:
        """Give a new index its vocabulary; the pictures read for it need not be read again."""
        options = extraction.options
        if wanted is not None and not isinstance(wanted, VocabularyOptions):
            vocabulary = open_vocabulary(wanted)
            if vocabulary.extractor != options.extractor:
                raise IndexMismatch(
                    f"{os.fspath(wanted)}: a vocabulary of {vocabulary.extractor} descriptors, "
                    f"not of {options.extractor}; --features {vocabulary.extractor} goes with it"
                )
            self._create(writer, vocabulary, extraction)
            return tasks
        training = wanted or VocabularyOptions()
        rng = np.random.default_rng(training.seed)
        bounded = min(training.sample_images, SAMPLE_KEYPOINTS // options.max_keypoints)
        drawn = np.sort(rng.permutation(len(tasks))[: max(bounded, 1)]).tolist()
        with self.timed("extraction"):
            sample = self._extract_sample([tasks[i] for i in drawn], extraction)
        with self.timed("vocabulary"):
            self.progress("training the vocabulary", 0, 1)
            vocabulary = self._train(sample, len(tasks), training, options)
            self._create(writer, vocabulary, extraction)
            self.progress("training the vocabulary", 1, 1)
        ready = dict(zip(drawn, sample, strict=True))
        return [Task(task.path, task.category, ready=ready.get(i)) for i, task in enumerate(tasks)]

    @staticmethod
    def _create(writer: IndexWriter, vocabulary: Vocabulary, how: Extraction) -> None:
        writer.create(
            how.options,
            vocabulary,
            how.embedding,
            categories=how.categories,
            sketches=how.sketched,
        )

    def _extract_sample(self, tasks: list[Task], work: Extraction) -> list[Extracted | Reject]:
        sample: list[Extracted | Reject] = []
        rejected = 0
        for found in in_workers(work, tasks, n_jobs=self.n_jobs, limits=self.limits):
            sample.append(found)
            rejected += isinstance(found, Reject)
            stop_if_wrong_folder(len(sample), rejected)
            self.progress("reading a sample", len(sample), len(tasks))
        if rejected == len(sample):
            for reject in sample:
                if isinstance(reject, Reject):
                    self.on_reject(reject)
            raise KpsearchError(
                f"nothing to index: none of {len(sample)} files is a usable picture"
                if sample
                else "nothing to index: no picture found"
            )
        return sample

    def _train(
        self,
        sample: Sequence[Extracted | Reject],
        images: int,
        training: VocabularyOptions,
        options: FeatureOptions,
    ) -> Vocabulary:
        found = [item.features.descriptors for item in sample if isinstance(item, Extracted)]
        descriptors = _draw_rows(found, training.sample_descriptors, training.seed)
        binary = make_extractor(options.extractor).binary
        keypoints = sum(len(rows) for rows in found) * images / max(len(sample), 1)
        return train_vocabulary(
            descriptors,
            training.words or words_for(int(keypoints)),
            training,
            extractor=options.extractor,
            metric=Metric.HAMMING if binary else Metric.EUCLIDEAN,
            n_jobs=self.n_jobs,
        )

    def add(self, writer: IndexWriter, tasks: list[Task], extraction: Extraction) -> None:
        """Extract, quantise and commit, batch by batch."""
        assert writer.manifest is not None
        # Absolute: a worker that lives since an earlier job may be in another folder.
        vocabulary_path = os.path.abspath(writer.storage.folder / writer.manifest.vocabulary.name)
        self.report.words = len(vocabulary_at(vocabulary_path))
        snapshot = writer.snapshot()
        assert snapshot is not None
        work = Quantisation(extraction, vocabulary_path)
        with closing(in_workers(work, tasks, n_jobs=self.n_jobs, limits=self.limits)) as results:
            for done in range(0, len(tasks), BATCH_IMAGES):
                self._add_batch(writer, snapshot, results, done, len(tasks))
        with self.timed("commit"):
            self._tidy(writer)
            if extraction.categories is not None:
                # Not before: a run that is cut short has to be begun again.
                writer.remember(extraction.categories)
        if writer.damage is not None:
            raise writer.damage

    def _add_batch(
        self,
        writer: IndexWriter,
        snapshot: Snapshot,
        results: Generator[Result, None, None],
        done: int,
        total: int,
    ) -> None:
        """Commit the next pictures; an interrupt commits those that are done, without a merge."""
        images: list[tuple[ImageRecord, Keypoints]] = []
        rejects: list[Reject] = []
        try:
            with self.timed("extraction"):
                for result in islice(results, BATCH_IMAGES):
                    self._sort_result(result, snapshot, images, rejects)
                    done += 1
                    stop_if_wrong_folder(done, len(self.report.rejects))
                    self.progress("indexing", done, total)
        except BaseException:
            results.close()
            writer.commit(images, rejects, merging=False)
            raise
        with self.timed("commit"):
            writer.commit(images, rejects)

    def _tidy(self, writer: IndexWriter) -> None:
        """Forget what is gone, and rejects that no longer hold."""
        gone = self.gone.still() if self.gone is not None else Vanished({}, ())
        writer.commit([], removed=gone.ids, forgotten=self.settled.union(gone.rejects))
        self.report.pruned = len(gone.ids)

    def _sort_result(
        self,
        result: Result,
        snapshot: Snapshot,
        images: list[tuple[ImageRecord, Keypoints]],
        rejects: list[Reject],
    ) -> None:
        if isinstance(result, SameContent):
            self._settle(result.path, snapshot)
            return
        if isinstance(result, Reject):
            rejects.append(result)
            self.report.rejects.append(result)
            self.on_reject(result)
            return
        images.append(result)
        record, points = result
        replaces = snapshot.find(record.path) is not None
        self.report.replaced += replaces
        self.report.added += not replaces
        self.report.keypoints += len(points)
        self.report.without_features += len(points) == 0
        if record.warning:
            self.report.warnings.append((record.path, record.warning))


def open_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """The vocabulary in a file, or of the index in a folder."""
    return Snapshot.open(path).vocabulary if os.path.isdir(path) else load_vocabulary(path)


def _draw_rows(parts: list[npt.NDArray[np.uint8]], rows: int, seed: int) -> npt.NDArray[np.uint8]:
    """At most ``rows`` rows of the parts end to end, drawn evenly, in order."""
    total = sum(len(part) for part in parts)
    if total <= rows:
        return np.concatenate(parts)
    kept = np.zeros(total, np.bool_)
    kept[np.random.default_rng(seed).permutation(total)[:rows]] = True
    bounds = np.cumsum([len(part) for part in parts])[:-1]
    chosen = zip(parts, np.split(kept, bounds), strict=True)
    return np.concatenate([part[mask] for part, mask in chosen])
