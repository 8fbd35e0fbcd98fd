"""A function over many items, on as many processes as are wanted.

Results come back in the order of the items and do not depend on ``n_jobs``: every item is
worked on by one thread, wherever it runs.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, TypeVar, overload

from kpsearch.errors import KpsearchError
from kpsearch.options import WorkerLimits
from kpsearch.parallel.threads import available_cpus, single_threaded
from kpsearch.types import Casualty

T = TypeVar("T")
R = TypeVar("R")

Attempt = Callable[[list[T]], tuple[list[R], Exception | None]]
"""A chunk to its results up to the first error, and that error."""

CHUNKS_A_WINDOW = 16
"""Chunks in flight for each worker: the bound on results waiting for their consumer."""


@overload
def map_in_order(
    function: Callable[[T], R], items: Iterable[T], *, n_jobs: int = 1, chunk_size: int = 8
) -> Iterator[R]: ...


@overload
def map_in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    isolated: WorkerLimits,
    n_jobs: int = 1,
    chunk_size: int = 8,
) -> Iterator[R | Casualty]: ...


def map_in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    isolated: WorkerLimits | None = None,
    n_jobs: int = 1,
    chunk_size: int = 8,
) -> Iterator[R] | Iterator[R | Casualty]:
    """Yield ``function(item)`` for each item, in order.

    ``function`` must be picklable when ``n_jobs`` is not 1; -1 means every CPU. At most
    ``CHUNKS_A_WINDOW`` chunks a worker are in flight, so memory does not grow with ``items``.
    The backend is joblib's, so ``joblib.parallel_config("dask")`` spreads the work over a cluster.

    Where the work is ``isolated``, an item may crash, hang or eat its process's memory: it gives
    a `Casualty` in place of its result and the others go on. Even one job has a process of its
    own then, and ``function`` must lie in a module that can be imported.
    """
    workers = available_cpus() if n_jobs < 0 else max(n_jobs, 1)
    chunks = _chunked(items, chunk_size)
    if isolated is not None:
        return _map_isolated(function, chunks, workers, isolated)
    if workers == 1:
        return (result for chunk in chunks for result in _run_chunk(function, chunk))
    return _map_on_workers(partial(_attempt_chunk, function), chunks, workers)


def _map_isolated(
    function: Callable[[T], R], chunks: Iterator[list[T]], workers: int, limits: WorkerLimits
) -> Iterator[R | Casualty]:
    """A thread for each worker, which waits for a process that may die."""
    from kpsearch.parallel.isolation import Crew, attempt_isolated, run_isolated

    crew = Crew()
    try:
        if workers == 1:
            for chunk in chunks:
                yield from run_isolated(function, chunk, limits, crew)
        else:
            attempt = partial(attempt_isolated, function, limits=limits, crew=crew)
            yield from _map_on_workers(attempt, chunks, workers, stop=crew.stop, prefer="threads")
    finally:
        crew.stop()


def _map_on_workers(
    attempt: Attempt[T, R],
    chunks: Iterator[list[T]],
    workers: int,
    *,
    stop: Callable[[], None] = lambda: None,
    **backend: Any,
) -> Iterator[R]:
    """`map_in_order` over processes, or the ``backend`` that joblib is to prefer.

    A consumer that stops early waits for the chunks that are being worked on, which ``stop`` may
    cut short, and an error comes back as a value: joblib would kill the workers instead, noisily.
    """
    from joblib import Parallel, delayed

    with (
        _named_worker_death(),
        Parallel(
            n_jobs=workers,
            return_as="generator",
            batch_size=1,
            pre_dispatch="3 * n_jobs",
            **backend,
        ) as pool,
    ):
        while window := list(islice(chunks, CHUNKS_A_WINDOW * workers)):
            waiting = iter(window)
            done = pool(delayed(attempt)(chunk) for chunk in waiting)
            try:
                for results, error in done:
                    yield from results
                    if error is not None:
                        raise error
            except BaseException:
                stop()
                raise
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


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
