"""Items worked on in processes that may die: each death costs one item.

Processes outlive the job that started them: they wait in a list of this process for the next one,
and end by themselves when none comes.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from kpsearch.errors import KpsearchError
from kpsearch.options import WorkerLimits
from kpsearch.parallel.process import Worker, WorkerDied
from kpsearch.types import Casualty

T = TypeVar("T")
R = TypeVar("R")

_STARTS = 2
"""New processes that may die before they are ready for a job."""

# Reentrant: a generator that nobody uses any more lets its process go whenever it is collected.
_lock = threading.RLock()
_idle: list[Worker] = []
_crews: WeakSet[Crew] = WeakSet()


class _Stopped(Exception):
    """The crew has been told to stop."""


class Crew:
    """The processes at work for one call of `map_in_order`, so that they can be ended together."""

    def __init__(self) -> None:
        self._workers: set[Worker] = set()
        self._stopped = False
        _crews.add(self)

    def __reduce__(self) -> tuple[type[Crew], tuple[()]]:
        """In another process, on a cluster, its threads are a crew of their own."""
        return Crew, ()

    @contextmanager
    def at_work(
        self, function: Callable[[Any], Any], items: Sequence[Any], limits: WorkerLimits
    ) -> Iterator[Worker]:
        """A process that has begun this job; once through with it, it is kept for the next."""
        worker = self._hire(function, items, limits)
        try:
            yield worker
        finally:
            self._let_go(worker)

    def stop(self) -> None:
        """End the processes, and with them the work: no thread of the crew gets another one."""
        with _lock:
            self._stopped = True
            for worker in list(self._workers):
                worker.kill()

    def disown(self) -> None:
        """Leave the processes to the one that this process was forked from."""
        self._stopped = True
        for worker in self._workers:
            worker.disown()

    def _hire(
        self, function: Callable[[Any], Any], items: Sequence[Any], limits: WorkerLimits
    ) -> Worker:
        starts = 0
        while True:
            worker = self._borrow()
            starts += not worker.tried
            try:
                if worker.begin(function, items, limits):
                    return worker
                words = worker.last_words()
            except BaseException:
                self._let_go(worker)
                raise
            self._let_go(worker)
            if starts == _STARTS:
                raise KpsearchError(f"a worker process does not start: {words or 'it died'}")

    def _borrow(self) -> Worker:
        with _lock:
            if self._stopped:
                raise _Stopped
            while _idle and not _idle[-1].free:
                _idle.pop().close()
            worker = _idle.pop() if _idle else Worker()
            self._workers.add(worker)
            return worker

    def _let_go(self, worker: Worker) -> None:
        with _lock:
            self._workers.discard(worker)
            if worker.free:
                _idle.append(worker)
                return
        worker.close()


def run_isolated(
    function: Callable[[T], R], chunk: Sequence[T], limits: WorkerLimits, crew: Crew
) -> Iterator[R | Casualty]:
    """The results of a chunk as they come; an item that its process dies of gives a `Casualty`.

    Where the death may have come from outside (a service manager, the kernel out of memory), the
    item gets a second chance.
    """
    left = deque(chunk)
    second = False
    while left:
        try:
            with crew.at_work(function, list(left), limits) as worker:
                for result in worker.results():
                    left.popleft()
                    second = False
                    yield result
            continue
        except WorkerDied as death:
            second = death.from_outside and not second
            casualty = death.casualty
        if not second:
            left.popleft()
            yield casualty


def attempt_isolated(
    function: Callable[[T], R], chunk: Sequence[T], *, limits: WorkerLimits, crew: Crew
) -> tuple[list[R | Casualty], Exception | None]:
    """What `run_isolated` gives, up to the first error, and that error."""
    results: list[R | Casualty] = []
    try:
        results.extend(run_isolated(function, chunk, limits, crew))
    except Exception as error:
        return results, error
    return results, None


def _end_all() -> None:
    for crew in list(_crews):
        crew.stop()
    with _lock:
        while _idle:
            _idle.pop().close()


def _disown_all() -> None:
    """In a fork: both processes would speak through the same pipes."""
    for crew in list(_crews):
        crew.disown()
    for worker in _idle:
        worker.disown()
        worker.close()
    _idle.clear()
    _lock.release()


atexit.register(_end_all)
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_disown_all)
