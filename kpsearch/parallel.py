"""Bulk work over processes: the only door to joblib.

Results come back in the order of the items and do not depend on ``n_jobs``: every item is
worked on by one thread, wherever it runs.
"""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from kpsearch.errors import KpsearchError

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
    """`map_in_order` over processes.

    A consumer that stops early waits for the chunks that are being worked on, and an error comes
    back as a value: joblib would kill the workers instead, noisily.
    """
    from joblib import Parallel, delayed

    with (
        _named_worker_death(),
        Parallel(
            n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="3 * n_jobs"
        ) as pool,
    ):
        while window := list(islice(chunks, CHUNKS_A_WINDOW * workers)):
            waiting = iter(window)
            done = pool(delayed(_attempt_chunk)(function, chunk) for chunk in waiting)
            try:
                for results, error in done:
                    yield from results
                    if error is not None:
                        raise error
            finally:
                deque(waiting, maxlen=0)
                deque(done, maxlen=0)


@contextmanager
def _named_worker_death() -> Iterator[None]:
    """A worker that dies becomes an error that says so."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        yield
    except BrokenProcessPool as error:
        raise KpsearchError(
            "a worker process died, by a crash or for want of memory; what was committed stays, "
            "run again to go on (fewer --jobs need less memory)"
        ) from error


def _attempt_chunk(function: Callable[[T], R], chunk: list[T]) -> tuple[list[R], Exception | None]:
    """The results up to the first error, and that error with its traceback as a note."""
    results: list[R] = []
    try:
        with single_threaded():
            for item in chunk:
                results.append(function(item))
    except Exception as error:
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return results, error
    return results, None


def _run_chunk(function: Callable[[T], R], chunk: list[T]) -> list[R]:
    with single_threaded():
        return [function(item) for item in chunk]


@contextmanager
def single_threaded() -> Iterator[None]:
    """Within it OpenCV and BLAS use one thread: workers do not fight, sums do not reorder."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with single_threaded_products():
            yield
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Within it BLAS and OpenMP use one thread.

    Waking a second one costs more than the small matrix products of a query, many times over
    when it has to wait for a busy core.
    """
    with _threadpools().limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _threadpools() -> Any:
    """The thread pools loaded so far. numpy's BLAS is, scikit-learn's OpenMP may come later."""
    import numpy as np  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
