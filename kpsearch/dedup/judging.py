"""What the pairs of a job are to each other; pictures are opened, in processes that may die."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.dedup.journal import in_chunks
from kpsearch.dedup.records import DifferenceMap, JudgedPair, Relation
from kpsearch.errors import ImageRejected
from kpsearch.parallel import map_in_order
from kpsearch.types import Casualty
from kpsearch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from kpsearch.dedup.journal import Arrays, Journal
    from kpsearch.dedup.records import Entry, VerifiedPair
    from kpsearch.options import WorkerLimits

STAGE = "judging"
FEW_KEYPOINTS = 400
"""Where neither picture has fewer, and geometry finds nothing in common, perceptual hashes that are
near say nothing. Of 11 copies by strong JPEG (Copydays) in which it found nothing, all had one."""
FEW_MATCHED = 0.06
FEW_INLIERS = 12.0
NEAR_BACKGROUND = 20.0
"""Of 1,000 pairs of one instance (UKBench, SMVS) 1 in 100 has all of matched share, effective
inliers and score below these, of pairs of generated packs with nothing but letters in common 7 in
10."""
PART_LOG_ODDS = -6.0
UNPROVEN_LOG_ODDS = -3.0
SURE_LOG_ODDS = 50.0
"""Of pictures with the same bytes."""
PAIRS_AT_A_TIME = 8
"""Handed to a worker: pairs of one picture follow each other, and it is opened once."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Two pictures to be opened."""

    a: Entry
    b: Entry
    pair: VerifiedPair | None
    """What geometry says of them; None where only their perceptual hashes are near."""


def judge(
    tasks: Sequence[Task],
    journal: Journal,
    *,
    n_jobs: int,
    limits: WorkerLimits,
    progress: Callable[[int, int], None],
) -> list[JudgedPair]:
    """What the pictures of each task are to each other; nothing for those without any relation.

    A judgement is kept under the contents of the pictures: where an index has grown, only the pairs
    that came with it are judged.
    """
    run, names = partial(_isolated, limits=limits), [_name(task) for task in tasks]
    found = in_chunks(
        journal,
        STAGE,
        _judged,
        tasks,
        names=names,
        n_jobs=n_jobs,
        progress=progress,
        run=run,
        is_final=lambda arrays: bool(arrays["final"]),
    )
    judged = [_decoded(arrays, task) for task, arrays in zip(tasks, found, strict=True)]
    journal.forget_all_but(STAGE, names)
    return [pair for pair in judged if pair is not None]


def only_a_part(pair: VerifiedPair) -> bool:
    """Whether geometry alone says that two pictures share no more than a part of them.

    Of the keypoints where they overlap few agree, in a clump, and hardly better than with pictures
    that have nothing in common: letters of one typeface, a logo, a seal. Such pairs are the most
    numerous of a catalogue, and their pictures are not opened.
    """
    return (
        pair.matched_share < FEW_MATCHED
        and pair.effective_inliers < FEW_INLIERS
        and pair.score < NEAR_BACKGROUND * min(pair.background)
    )


def of_a_part(pair: VerifiedPair) -> JudgedPair:
    """The judgement of a pair that shares `only_a_part`."""
    return JudgedPair(
        pair.a,
        pair.b,
        Relation.SHARED_PART,
        PART_LOG_ODDS,
        _figures_of(pair),
        pair.transform,
        pair.mirrored,
        note="by geometry alone",
    )


def exact_pairs(first_alike: npt.NDArray[np.int64]) -> list[JudgedPair]:
    """A pair for each picture that is not the ``first_alike`` (n,) of its bytes, with that one."""
    again = np.flatnonzero(first_alike != np.arange(len(first_alike)))
    return [exact(int(first_alike[number]), number) for number in again.tolist()]


def exact(a: int, b: int) -> JudgedPair:
    """Two pictures of the same bytes."""
    return JudgedPair(a, b, Relation.EXACT, SURE_LOG_ODDS, transform=np.eye(3), note="same bytes")


def _name(task: Task) -> str:
    """Of all that a judgement follows from: the pictures, and how geometry lays them over."""
    laid = b"" if task.pair is None else task.pair.transform.tobytes()
    mirrored = task.pair is not None and task.pair.mirrored
    known = [__version__.encode(), task.a.content_hash, task.b.content_hash, laid]
    return xxhash.xxh3_128_hexdigest(b"|".join([*known, b"m" if mirrored else b""]))


def _figures_of(pair: VerifiedPair) -> dict[str, float]:
    """What geometry says of a pair, among what else is found out about it."""
    return {
        "inliers": float(pair.inliers),
        "effective_inliers": pair.effective_inliers,
        "log10_false_alarms": pair.log10_false_alarms,
        "matched_share": pair.matched_share,
        "score": pair.score,
        "score_over_background": pair.score / max(*pair.background, 1e-6),
    }


def _judged(task: Task) -> Arrays:
    import cv2

    from kpsearch.dedup.relation import judge_hash_pair, judge_pair

    try:
        if task.pair is None:
            return _encoded(judge_hash_pair(task.a, task.b))
        return _encoded(judge_pair(task.pair, task.a, task.b))
    except (cv2.error, np.linalg.LinAlgError, ImageRejected) as error:
        # One odd pair must not end a job of hours; it is named in the report.
        return _encoded(_unjudged(task, f"{type(error).__name__}: {error}"))


def _isolated(
    work: Callable[[Task], Arrays],
    tasks: Sequence[Task],
    *,
    limits: WorkerLimits,
    n_jobs: int,
    chunk_size: int,
) -> Iterator[Arrays]:
    """``work`` of each task; of one that its process did not survive, that it was not judged."""
    results = map_in_order(
        work, tasks, isolated=limits, n_jobs=n_jobs, chunk_size=chunk_size * PAIRS_AT_A_TIME
    )
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Casualty):
            yield _encoded(_unjudged(task, f"{result.code}: {result.text}"))
        else:
            yield result


def _unjudged(task: Task, why: str) -> JudgedPair:
    return JudgedPair(
        task.a.number,
        task.b.number,
        Relation.INSUFFICIENT,
        UNPROVEN_LOG_ODDS,
        note=f"not compared: {why}",
        opened=False,
    )


def _encoded(pair: JudgedPair | None) -> Arrays:
    """As the journal keeps it."""
    value = None if pair is None else _as_json(pair)
    return {
        "pair": np.frombuffer(json.dumps(value).encode(), np.uint8),
        "final": np.array(pair is None or pair.opened),
    }


def _as_json(pair: JudgedPair) -> dict[str, Any]:
    maps = pair.difference
    return {
        "relation": pair.relation.value,
        "log_odds": pair.log_odds,
        "evidence": dict(pair.evidence),
        "transform": None if pair.transform is None else pair.transform.tolist(),
        "mirrored": pair.mirrored,
        "difference": None if maps is None else [_packed(grid) for grid in (maps.a, maps.b)],
        "note": pair.note,
    }


def _decoded(arrays: Arrays, task: Task) -> JudgedPair | None:
    value = json.loads(arrays["pair"].tobytes())
    if value is None:
        return None
    maps, transform = value.pop("difference"), value.pop("transform")
    geometry = {} if task.pair is None else _figures_of(task.pair)
    return JudgedPair(
        a=task.a.number,
        b=task.b.number,
        evidence=geometry | value.pop("evidence"),
        relation=Relation(value.pop("relation")),
        transform=None if transform is None else np.array(transform),
        difference=None if maps is None else DifferenceMap(*map(_unpacked, maps)),
        **value,
    )


def _packed(grid: npt.NDArray[np.uint8]) -> list[Any]:
    return [*grid.shape, base64.b64encode(zlib.compress(grid.tobytes())).decode()]


def _unpacked(packed: Iterable[Any]) -> npt.NDArray[np.uint8]:
    rows, columns, content = packed
    grid = np.frombuffer(zlib.decompress(base64.b64decode(content)), np.uint8)
    return grid.reshape(rows, columns)
