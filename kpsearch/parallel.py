"""Bulk work over processes: the only door to joblib.

Results come back in the order of the items and do not depend on ``n_jobs``: every item is
worked on by one thread, wherever it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CHUNKS_A_WINDOW = 16
"""Chunks in flight for each worker: the bound on results waiting for their consumer."""


def available_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    n_jobs: int = 1,
    chunk_size: int = 8,
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order.

    ``function`` must be picklable when ``n_jobs`` is not 1; -1 means every CPU. At most
    ``CHUNKS_A_WINDOW`` chunks a worker are in flight, so memory does not grow with ``items``.
    The backend is joblib's, so ``joblib.parallel_config("dask")`` spreads the work over a cluster.
    """
    workers = available_cpus() if n_jobs < 0 else max(n_jobs, 1)
    chunks = _chunked(items, chunk_size)
    if workers == 1:
        for chunk in chunks:
            yield from _run_chunk(function, chunk)
        return
    yield from _map_on_workers(function, chunks, workers)


def _map_on_workers(
    function: Callable[[T], R], chunks: Iterator[list[T]], workers: int
) -> Iterator[R]:
    from joblib import Parallel, delayed

    with Parallel(
        n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="3 * n_jobs"
    ) as pool:
        while window := list(islice(chunks, CHUNKS_A_WINDOW * workers)):
            for results in pool(delayed(_run_chunk)(function, chunk) for chunk in window):
                yield from results


def _run_chunk(function: Callable[[T], R], chunk: list[T]) -> list[R]:
    with single_threaded():
        return [function(item) for item in chunk]


class single_threaded:  # noqa: N801 - used as a function, like contextlib's managers
    """Within it OpenCV and BLAS use one thread: workers do not fight, sums do not reorder."""

    def __enter__(self) -> None:
        import cv2
        from threadpoolctl import threadpool_limits

        self._cv_threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        self._blas = threadpool_limits(limits=1)

    def __exit__(self, *_: object) -> None:
        import cv2

        self._blas.restore_original_limits()
        cv2.setNumThreads(self._cv_threads)


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
