"""The road of pictures into an index: found, extracted, quantised, committed batch by batch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import ImageRejected, IndexMismatch, KpsearchError, WrongFolder
from kpsearch.features import extract_features, make_extractor
from kpsearch.images import escape_path, find_images, read_image, stat_facts
from kpsearch.index import ImageRecord, IndexWriter, Keypoints, Snapshot, quantise_keypoints
from kpsearch.options import FeatureOptions, VocabularyOptions
from kpsearch.parallel import map_in_order
from kpsearch.types import FileFacts, Image, Reject
from kpsearch.vocabulary import (
    Vocabulary,
    load_vocabulary,
    train_vocabulary,
    vocabulary_arrays,
    words_for,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Features

BATCH_IMAGES = 2048
"""Pictures a commit: what a killed job has to do again."""
PASSING_CODES = frozenset(
    {"unreadable", "out_of_memory", "changed_while_reading", "timeout", "decoder_crashed"}
)
"""Rejects that need not be the file's fault: tried again by the next run."""
SAMPLE_KEYPOINTS = 2_000_000
"""Most that the pictures sampled for a vocabulary may have together: 300 MB in memory."""
SUSPICIOUS_AFTER = 1000
"""When more than half of so many first pictures are rejected, the job stops."""

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how many pictures are done, and of how many."""


@dataclass(slots=True)
class IndexReport:
    """What a run of `build_index` did."""

    generation: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    still_rejected: int = 0
    """Rejected by an earlier run, for a reason that lies in the file, and not changed since."""
    keypoints: int = 0
    without_features: int = 0
    words: int = 0
    rejects: list[Reject] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(path, what was odd about it) of pictures that were accepted all the same."""
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """The features of one picture and the facts of its file."""

    path: str
    features: Features
    facts: FileFacts
    warning: str


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    path: str
    category: str = ""
    known_hash: bytes = b""
    """Of the picture the index holds under this path."""
    ready: Extracted | Reject | None = None
    """Extracted already, for the vocabulary."""


_REJECTED = _Task("")
"""Stands for a file that was rejected before and has not changed: nothing is to be done."""


@dataclass(frozen=True, slots=True)
class _SameContent:
    path: str


def build_index(
    paths: Iterable[str | os.PathLike[str]],
    index: str | os.PathLike[str],
    *,
    features: FeatureOptions | None = None,
    vocabulary: VocabularyOptions | str | os.PathLike[str] | None = None,
    categories: dict[str, str] | None = None,
    n_jobs: int = 1,
    follow_links: bool = False,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> IndexReport:
    """Create or update the index in folder ``index`` from files and folders of pictures.

    New and changed files are added (a changed one replaces its older self), unchanged ones are
    skipped by size and mtime, then by content. Paths are kept absolute. ``vocabulary`` is how to
    train one, or a file or an index to take it from; an existing index keeps its own, and its
    ``features``. ``categories`` gives the category of a path, as returned by ``os.path.abspath``.

    Each batch is durable once committed; an interrupted run goes on from there. A bad picture
    is a record in the report and in the index, never an exception. Raises `WrongFolder`,
    `IndexMismatch`, `IndexLocked`, `CommitFailed`.
    """
    job = _Job(n_jobs, progress or (lambda *_: None), on_reject or (lambda _: None))
    with IndexWriter(index) as writer, job.timed("all"):
        with job.timed("listing"):
            todo = job.list_tasks(paths, writer.snapshot(), categories or {}, follow_links)
        options = _settle_features(writer, features)
        if writer.manifest is None:
            todo = job.make_vocabulary(writer, todo, options, vocabulary)
        elif vocabulary is not None:
            _require_same_vocabulary(writer, vocabulary)
        job.add(writer, todo, options)
        job.report.generation = writer.manifest.generation if writer.manifest else 0
    return job.report


def _settle_features(writer: IndexWriter, wanted: FeatureOptions | None) -> FeatureOptions:
    if writer.manifest is None:
        make_extractor((wanted or FeatureOptions()).extractor)  # an unknown name fails here
        return wanted or FeatureOptions()
    has = writer.manifest.features
    if wanted is not None and wanted != has:
        raise IndexMismatch(
            f"{writer.storage.folder}: made with {has}, not {wanted}; leave the options out, "
            "or make a new index"
        )
    return has


def _require_same_vocabulary(
    writer: IndexWriter, wanted: VocabularyOptions | str | os.PathLike[str]
) -> None:
    snapshot = writer.snapshot()
    assert snapshot is not None
    own = snapshot.vocabulary
    if isinstance(wanted, VocabularyOptions):
        same = wanted.words in (None, own.words_asked, len(own))
    else:
        arrays, others = vocabulary_arrays(own), vocabulary_arrays(_load_vocabulary(wanted))
        same = all(np.array_equal(arrays[name], others[name]) for name in arrays)
    if not same:
        raise IndexMismatch(
            f"{writer.storage.folder}: has a vocabulary already; another one needs a new index"
        )


def _load_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """The vocabulary in a file, or of the index in a folder."""
    return Snapshot.open(path).vocabulary if os.path.isdir(path) else load_vocabulary(path)


@dataclass(slots=True)
class _Job:
    """The state of one run: what it was given to work with, and its report."""

    n_jobs: int
    progress: Progress
    on_reject: Callable[[Reject], None]
    report: IndexReport = field(default_factory=IndexReport)
    known_rejects: dict[str, Reject] = field(default_factory=dict)
    """The last reject of each path that the index has on record, an image of it or not."""

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
        categories: dict[str, str],
        follow_links: bool,
    ) -> list[_Task]:
        """The pictures that are new or may have changed, each once."""
        segments = snapshot.segments if snapshot else ()
        self.known_rejects = {r.path: r for segment in segments for r in segment.rejects()}
        found = find_images(paths, follow_links=follow_links)
        tasks = [
            _task_of(path, snapshot, self.known_rejects, categories.get(path, ""))
            for path in dict.fromkeys(os.path.abspath(name) for name in found)
        ]
        self.report.still_rejected = sum(task is _REJECTED for task in tasks)
        self.report.unchanged += tasks.count(None)
        return [task for task in tasks if task is not None and task is not _REJECTED]

    def make_vocabulary(
        self,
        writer: IndexWriter,
        tasks: list[_Task],
        options: FeatureOptions,
        wanted: VocabularyOptions | str | os.PathLike[str] | None,
    ) -> list[_Task]:
        """Give a new index its vocabulary; the pictures read for it need not be read again."""
        if wanted is not None and not isinstance(wanted, VocabularyOptions):
            vocabulary = _load_vocabulary(wanted)
            if vocabulary.extractor != options.extractor:
                raise IndexMismatch(
                    f"{os.fspath(wanted)}: a vocabulary of {vocabulary.extractor} descriptors, "
                    f"not of {options.extractor}"
                )
            writer.create(options, vocabulary)
            return tasks
        training = wanted or VocabularyOptions()
        rng = np.random.default_rng(training.seed)
        bounded = min(training.sample_images, SAMPLE_KEYPOINTS // options.max_keypoints)
        drawn = np.sort(rng.permutation(len(tasks))[: max(bounded, 1)]).tolist()
        with self.timed("extraction"):
            sample = self._extract_sample([tasks[i].path for i in drawn], options)
        with self.timed("vocabulary"):
            self.progress("training the vocabulary", 0, 1)
            writer.create(options, self._train(sample, len(tasks), training, options))
            self.progress("training the vocabulary", 1, 1)
        ready = dict(zip(drawn, sample, strict=True))
        return [_Task(task.path, task.category, ready=ready.get(i)) for i, task in enumerate(tasks)]

    def _extract_sample(
        self, paths: list[str], options: FeatureOptions
    ) -> list[Extracted | Reject]:
        sample: list[Extracted | Reject] = []
        rejected = 0
        for found in map_in_order(_Extractor(options), paths, n_jobs=self.n_jobs):
            sample.append(found)
            rejected += isinstance(found, Reject)
            self._stop_if_wrong_folder(len(sample), rejected)
            self.progress("reading a sample", len(sample), len(paths))
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
        keypoints = sum(len(rows) for rows in found) * images / max(len(sample), 1)
        return train_vocabulary(
            descriptors,
            training.words or words_for(int(keypoints)),
            training,
            extractor=options.extractor,
            n_jobs=self.n_jobs,
        )

    def add(self, writer: IndexWriter, tasks: list[_Task], options: FeatureOptions) -> None:
        """Extract, quantise and commit, batch by batch."""
        assert writer.manifest is not None
        # Absolute: a worker that lives since an earlier job may be in another folder.
        vocabulary_path = os.path.abspath(writer.storage.folder / writer.manifest.vocabulary.name)
        work = _Quantiser(options, vocabulary_path)
        results = map_in_order(work, iter(tasks), n_jobs=self.n_jobs)
        self.report.words = len(_vocabulary_at(vocabulary_path))
        snapshot = writer.snapshot()
        done = 0
        while batch := tasks[done : done + BATCH_IMAGES]:
            images: list[tuple[ImageRecord, Keypoints]] = []
            rejects: list[Reject] = []
            replaced: list[int] = []
            try:
                with self.timed("extraction"):
                    for _ in batch:
                        self._sort_result(next(results), snapshot, images, rejects, replaced)
                        done += 1
                        self._stop_if_wrong_folder(done, len(self.report.rejects))
                        self.progress("indexing", done, len(tasks))
            finally:
                # An interrupt keeps what is done: the batch is committed short.
                with self.timed("commit"):
                    writer.commit(images, rejects, replaced)

    def _sort_result(
        self,
        result: tuple[ImageRecord, Keypoints] | Reject | _SameContent,
        snapshot: Snapshot | None,
        images: list[tuple[ImageRecord, Keypoints]],
        rejects: list[Reject],
        replaced: list[int],
    ) -> None:
        if isinstance(result, _SameContent):
            self.report.unchanged += 1
            return
        path = result.path if isinstance(result, Reject) else result[0].path
        old = snapshot.find(path) if snapshot else None
        if isinstance(result, Reject):
            if self.known_rejects.get(path) != result:
                rejects.append(result)
            self.report.rejects.append(result)
            self.on_reject(result)
            return
        images.append(result)
        if old is not None:
            replaced.append(old)
        self.report.replaced += old is not None
        self.report.added += old is None
        self.report.keypoints += len(result[1])
        self.report.without_features += len(result[1]) == 0
        if result[0].warning:
            self.report.warnings.append((path, result[0].warning))

    def _stop_if_wrong_folder(self, done: int, rejected: int) -> None:
        if done == SUSPICIOUS_AFTER and rejected > done // 2:
            raise WrongFolder(f"{rejected} of the first {done} files were rejected: wrong folder?")


def _task_of(
    path: str, snapshot: Snapshot | None, rejected: dict[str, Reject], category: str
) -> _Task | None:
    """The work a file needs; None where the index holds it as it is."""
    if snapshot is None:
        return _Task(path, category)
    try:
        facts = stat_facts(path)
    except ImageRejected:
        return _Task(path, category)
    old = rejected.get(path)
    if old is not None and (old.size_bytes, old.mtime_ns) == facts:
        return _Task(path, category) if old.code in PASSING_CODES else _REJECTED
    slot = snapshot.find(path)
    if slot is None:
        return _Task(path, category)
    record = snapshot.record(slot)
    if (record.size_bytes, record.mtime_ns) == facts:
        return None
    return _Task(path, category or record.category, known_hash=record.content_hash)


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


@dataclass(frozen=True, slots=True)
class _Extractor:
    """A path to its features, in a worker."""

    options: FeatureOptions

    def __call__(self, path: str) -> Extracted | Reject:
        image = _read(path, self.options)
        return image if isinstance(image, Reject) else _extract(image, self.options)


def _read(path: str, options: FeatureOptions) -> Image | Reject:
    try:
        return read_image(path, at_least_px=options.max_side_px)
    except ImageRejected as error:
        return _reject(path, error)


def _extract(image: Image, options: FeatureOptions) -> Extracted:
    features = extract_features(image, options)
    return Extracted(image.path, features, image.facts, "; ".join(image.warnings))


@dataclass(frozen=True, slots=True)
class _Quantiser:
    """A path to what the index keeps of it, in a worker."""

    options: FeatureOptions
    vocabulary_path: str

    def __call__(self, task: _Task) -> tuple[ImageRecord, Keypoints] | Reject | _SameContent:
        found = task.ready or _read(task.path, self.options)
        if isinstance(found, Image):
            if found.facts.content_hash == task.known_hash:
                return _SameContent(task.path)
            found = _extract(found, self.options)
        if isinstance(found, Reject):
            return found
        vocabulary = _vocabulary_at(self.vocabulary_path)
        return _quantise(found, vocabulary, task.category)


@lru_cache(maxsize=1)
def _vocabulary_at(path: str) -> Vocabulary:
    return load_vocabulary(path)


def _quantise(
    found: Extracted, vocabulary: Vocabulary, category: str
) -> tuple[ImageRecord, Keypoints]:
    features = found.features
    words = vocabulary.quantise(features.descriptors)
    record = ImageRecord(
        path=found.path,
        size=features.image_size,
        size_bytes=found.facts.size_bytes,
        mtime_ns=found.facts.mtime_ns,
        content_hash=found.facts.content_hash,
        category=category,
        warning=found.warning,
    )
    return record, quantise_keypoints(
        features.xy,
        features.scale,
        features.angle_rad,
        features.image_size,
        words.ids[:, 0],
        words.signatures[:, 0],
    )


def _reject(path: str, error: ImageRejected) -> Reject:
    try:
        size_bytes, mtime_ns = stat_facts(path)
    except ImageRejected:
        size_bytes, mtime_ns = 0, 0
    return Reject(path, error.code, error.text, size_bytes, mtime_ns)


def reject_line(reject: Reject) -> str:
    """How a reject is shown on a terminal."""
    return f"rejected {escape_path(reject.path)}: {reject.code}: {reject.text}"
