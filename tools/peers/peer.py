"""What a way to find pictures has to do to be compared, and how its work is timed.

Everything runs on one thread. Times are taken twice: on the clock, and of the processor. The two
agree on an idle machine; on a busy one only the second says what the work costs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import xxhash

if TYPE_CHECKING:
    import numpy.typing as npt

    from peers.keypoints import KeypointReader

MAX_RANKING = 1000
"""Hits kept of each ranking, as in `kpsearch.evaluation`."""


class Unavailable(Exception):
    """A peer cannot run here; the text says what is missing and where it comes from."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of the clock and of the processor."""

    wall_ms: float
    cpu_ms: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall_ms + other.wall_ms, self.cpu_ms + other.cpu_ms)


@dataclass(slots=True)
class Stopwatch:
    """Holds what was spent once its block has ended."""

    spent: Spent = Spent(0.0, 0.0)


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Time a block of this process; what other processes do for it is not in ``cpu_ms``."""
    watch = Stopwatch()
    wall, cpu = time.perf_counter(), time.process_time()
    yield watch
    watch.spent = Spent((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


@dataclass(frozen=True, slots=True)
class Query:
    """A picture to find."""

    path: str
    among: frozenset[str]
    """The references of its reduced gallery. A peer too slow for more ranks these alone."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a peer answered."""

    hits: tuple[tuple[str, float], ...]
    """(path, score), best first; the query's own picture may be among them."""
    extraction: Spent
    """Reading the picture and describing it."""
    search: Spent
    """All the rest."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a peer may need to be made."""

    keypoints: KeypointReader
    model: Path | None
    """An ONNX file that embeds pictures."""
    work: Path
    """Where features are kept between runs."""


class Peer(Protocol):
    """A way to find a picture among references."""

    description: str
    """Versions and settings, in a line."""

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        """Index the references in an empty folder: bytes that a query needs, and seconds taken."""
        ...

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        """An answer for each query, in their order."""
        ...


def best_first(
    paths: Sequence[str], scores: npt.NDArray[np.floating]
) -> tuple[tuple[str, float], ...]:
    """The hits by falling score; equal ones by a hash of the path, so that no source gains."""
    tie = np.array([_digest(path) for path in paths], np.uint64)
    order = np.lexsort((tie, -scores))[:MAX_RANKING]
    return tuple((paths[i], float(scores[i])) for i in order)


@cache
def _digest(path: str) -> int:
    return xxhash.xxh3_64_intdigest(os.fsencode(path))
