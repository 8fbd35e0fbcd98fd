"""Work on pictures in processes that a bad one may cost."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from kpsearch.options import WorkerLimits
from kpsearch.parallel.ordered import map_in_order
from kpsearch.types import Casualty, Reject

R = TypeVar("R")


def on_pictures(
    work: Callable[[str], R], paths: Sequence[str], *, n_jobs: int, limits: WorkerLimits
) -> Generator[R | Reject, None, None]:
    """``work(path)`` of each, in order, as `map_in_order`; a `Reject` for what cost a process."""
    results = map_in_order(work, paths, n_jobs=n_jobs, isolated=limits)
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, Casualty):
            yield Reject(path, result.code, result.text)
        else:
            yield result
