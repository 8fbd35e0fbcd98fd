"""A whole job of deduplication: hold the index, find pairs, judge them, group them.

All it makes on the way lies in a folder of its own, so that a job that is killed goes on where it
was.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import xxhash

from kpsearch.dedup.calibration import Acceptance, Calibration, accept, refit
from kpsearch.dedup.decisions import Decisions, apply
from kpsearch.dedup.finding import Found, Progress, find_pairs
from kpsearch.dedup.grouping import group_pairs
from kpsearch.dedup.holding import hold
from kpsearch.dedup.journal import Journal
from kpsearch.dedup.judging import (
    FEW_KEYPOINTS,
    Task,
    exact,
    exact_pairs,
    judge,
    of_a_part,
    only_a_part,
)
from kpsearch.dedup.matching.catalogue import Catalogue
from kpsearch.dedup.matching.matcher import Workplace
from kpsearch.dedup.records import Relation
from kpsearch.dedup.relation.opening import is_as_indexed
from kpsearch.errors import IndexMismatch
from kpsearch.images import escape_path
from kpsearch.index import Snapshot
from kpsearch.options import CandidateOptions, DedupOptions, WorkerLimits
from kpsearch.version import __version__
from kpsearch.vocabulary import same_vocabulary

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

    from kpsearch.dedup.records import Entry, Group, JudgedPair

JOURNAL = "journal.sqlite"


def _silent(stage: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a job has found."""

    entries: list[Entry]
    """All pictures, by number."""
    pairs: list[JudgedPair]
    """Rising; recalibrated, where there are decisions."""
    calibration: Calibration
    acceptance: Acceptance
    groups: tuple[Group, ...]
    warnings: tuple[str, ...]
    """For a reader, a line each."""
    seconds: dict[str, float]
    """By stage."""

    @property
    def found_duplicates(self) -> bool:
        """Whether a picture could be done without."""
        return bool(self.groups)


class Job:
    """One catalogue, or a batch against a fixed one, and a folder to work in.

    A context manager. Raises `IndexLocked` where another process works in the folder,
    `IndexMissing`, `IndexDamaged`, and `IndexMismatch` for two indexes whose words differ.
    """

    def __init__(
        self,
        index: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        *,
        against: str | os.PathLike[str] | None = None,
        options: CandidateOptions | None = None,
        n_jobs: int = 1,
        progress: Progress = _silent,
        limits: WorkerLimits | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._indexes = [index] if against is None else [index, against]
        self._options = options or CandidateOptions()
        self._n_jobs = n_jobs
        self._progress = progress
        self._limits = limits or WorkerLimits()
        self._started: dict[str, float] = {}
        self._known: dict[int, Entry] = {}
        self.seconds: dict[str, float] = {}
        """By stage, of this run."""

    def __enter__(self) -> Self:
        for index in self._indexes:
            Snapshot.open(index)  # a mistyped name leaves no folder behind
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(self.folder / JOURNAL)
        self._journal.__enter__()  # first: it keeps other processes out of the folder
        try:
            names = ["index", "against"]
            held = [hold(i, self.folder / n) for i, n in zip(self._indexes, names, strict=False)]
            _require_same_words(held)
            self._identity = _identity(held, self._options)
            self._journal.claim(self._identity)
        except BaseException:
            self._journal.__exit__(None, None, None)
            raise
        self.catalogue = Catalogue(*held)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.__exit__(kind, error, trace)

    @cached_property
    def found(self) -> Found:
        """Pairs, from what the index stores alone."""
        forward = self.folder / "forward"
        forward.mkdir(exist_ok=True)
        folders = [str(s.storage.folder.absolute()) for s in self.catalogue.snapshots]
        place = Workplace(tuple(folders), str(forward.absolute()), self._options, self._identity)
        return find_pairs(
            self.catalogue, place, self._journal, n_jobs=self._n_jobs, progress=self._timed
        )

    @cached_property
    def judged(self) -> list[JudgedPair]:
        """What the pictures of those pairs are to each other, and those of the same bytes."""
        tasks = self._tasks()
        told = partial(self._timed, "comparing pictures")
        pairs = judge(tasks, self._journal, n_jobs=self._n_jobs, limits=self._limits, progress=told)
        parts = [of_a_part(pair) for pair in self.found.pairs if only_a_part(pair)]
        best = _best_of_each(pairs + parts + self._exact())
        return [pair for pair in best if not self._twins.intersection(pair.ends)]

    def conclude(self, options: DedupOptions, decisions: Decisions) -> Outcome:
        """Probabilities, which of the pairs are merged, and into what groups."""
        entries = [self._entry(number) for number in range(len(self.catalogue))]
        decided = apply(self.judged, entries, decisions)
        calibration = refit(decided)
        pairs = calibration.applied(decided)
        acceptance = accept(pairs, options.precision)
        gone = self._gone(pairs, acceptance.accepted)
        here = [row for row, pair in enumerate(pairs) if not gone.intersection(pair.ends)]
        accepted = np.zeros(len(pairs), np.bool_)
        accepted[here] = acceptance.accepted[here]
        grouping = group_pairs(
            [pairs[row] for row in here],
            accepted[here],
            entries,
            cut=self.found.cut,
            keep=options.keep,
        )
        return Outcome(
            entries=entries,
            pairs=pairs,
            calibration=calibration,
            acceptance=replace(acceptance, accepted=accepted),
            groups=grouping.groups,
            warnings=self._warnings(gone) + grouping.warnings,
            seconds=dict(self.seconds),
        )

    def tidy(self) -> None:
        """Remove what only an unfinished job needs; the journal stays, for the next conclusion."""
        for name in ("index", "against", "forward"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _timed(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is, and note how long it takes."""
        now = time.perf_counter()
        if done == 0 or stage not in self._started:
            self._started[stage] = now
        self.seconds[stage] = now - self._started[stage]
        self._progress(stage, done, total)

    def _tasks(self) -> list[Task]:
        """Pairs that geometry verifies, and near in perceptual hash those of few keypoints."""
        entry, few = self._entry, self.catalogue.keypoint_counts < FEW_KEYPOINTS
        opened = [pair for pair in self.found.pairs if not only_a_part(pair)]
        tasks = [Task(entry(pair.a), entry(pair.b), pair) for pair in opened]
        poor = self.found.alike[few[self.found.alike].any(axis=1)]
        return tasks + [Task(entry(a), entry(b), None) for a, b in poor.tolist()]

    def _exact(self) -> list[JudgedPair]:
        """Pictures of the same bytes: with the fixed one of them, or with the first such."""
        catalogue = self.catalogue
        within = exact_pairs(catalogue.first_alike[: catalogue.asking])
        fixed = self._fixed_by_content
        across = [
            exact(number, fixed[key])
            for number in range(catalogue.asking)
            if fixed and (key := catalogue.content_hashes[number].tobytes()) in fixed
        ]
        known = {pair.a for pair in across}
        return [pair for pair in within if pair.b not in known] + across

    @cached_property
    def _fixed_by_content(self) -> dict[bytes, int]:
        """The first fixed picture of each content; none where nothing is fixed."""
        numbers = range(len(self.catalogue) - 1, self.catalogue.asking - 1, -1)
        return {self.catalogue.content_hashes[n].tobytes(): n for n in numbers}

    @cached_property
    def _twins(self) -> set[int]:
        """Pictures of the batch that are fixed as well, by path and content.

        One file is no duplicate of itself, and what is said of the fixed one is said of it.
        """
        asking, count = self.catalogue.asking, len(self.catalogue)
        fixed = {(e.path, e.content_hash) for e in map(self._entry, range(asking, count))}
        batch = map(self._entry, range(asking)) if fixed else ()
        return {e.number for e in batch if (e.path, e.content_hash) in fixed}

    def _gone(self, pairs: list[JudgedPair], accepted: npt.NDArray[np.bool_]) -> set[int]:
        """Pictures of accepted pairs whose file is not there any more, or is another one."""
        ends = {end for row in np.flatnonzero(accepted).tolist() for end in pairs[row].ends}
        return {number for number in ends if not is_as_indexed(self._entry(number))}

    def _entry(self, number: int) -> Entry:
        if number not in self._known:
            self._known[number] = self.catalogue.entry(number)
        return self._known[number]

    def _warnings(self, gone: set[int]) -> tuple[str, ...]:
        warnings = []
        if gone:
            first = escape_path(self._entry(min(gone)).path)
            warnings.append(
                f"gone or changed since they were indexed, and in no group: {len(gone)} of the "
                f"pictures, {first} first; index them again"
            )
        if self._twins:
            warnings.append(
                "in the other index as well, by path and content, and left aside: "
                f"{len(self._twins)} of the pictures"
            )
        if self.catalogue.keeps_sketches:
            return tuple(warnings)
        return (
            *warnings,
            "an index made by an earlier version keeps no perceptual hashes and no mirror "
            "sketches: mirrored copies, and copies without texture, are not found; index the "
            "pictures anew",
        )


def _best_of_each(pairs: list[JudgedPair]) -> list[JudgedPair]:
    """One judgement for each two pictures, rising: as it is or in a mirror, what is surest."""
    best: dict[tuple[int, int], JudgedPair] = {}
    for pair in pairs:
        before = best.get(pair.ends)
        if before is None or _sureness(pair) > _sureness(before):
            best[pair.ends] = pair
    return [best[key] for key in sorted(best)]


def _sureness(pair: JudgedPair) -> tuple[bool, bool, float]:
    """What is known outweighs that nothing is."""
    return pair.relation.merges, pair.relation is not Relation.INSUFFICIENT, pair.log_odds


def _require_same_words(snapshots: list[Snapshot]) -> None:
    """Raise `IndexMismatch` where the keypoints of two indexes cannot be compared."""
    if len(snapshots) < 2:
        return
    batch, fixed = snapshots
    same = same_vocabulary(batch.vocabulary, fixed.vocabulary)
    if not same or batch.manifest.features != fixed.manifest.features:
        raise IndexMismatch(
            "the two indexes have different vocabularies; index the batch with "
            "`kpsearch index --vocabulary INDEX2`"
        )


def _identity(snapshots: list[Snapshot], options: CandidateOptions) -> str:
    """All that the results of a job follow from."""
    manifests = [xxhash.xxh3_128_hexdigest(s.manifest.to_bytes()) for s in snapshots]
    return json.dumps([__version__, manifests, asdict(options)])
