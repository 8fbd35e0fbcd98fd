"""The inside of an isolated worker process: it answers until its parent is gone.

One job at a time comes over the pipe, a function and a chunk of items, and gets these answers:
``READY``, then a ``RESULT`` an item; an ``ERROR`` instead of any of them, or an ``OUT_OF_MEMORY``
instead of a result, ends the job. What the process prints stays in the file behind its descriptors
1 and 2, which the parent reads; with each answer goes how much that is by now.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from kpsearch.errors import KpsearchError
from kpsearch.options import WorkerLimits
from kpsearch.parallel.threads import single_threaded

READY, RESULT, OUT_OF_MEMORY, ERROR = range(4)

IDLE_SECONDS = 60.0
"""Without work for so long, the process ends: a parent that lives on may never need it again."""
MAX_FILE_BYTES = 64 * 2**20
"""Of what it prints: a decoder that complains without end fills no memory."""


def serve(descriptor: int) -> None:
    """Do what comes over the pipe at ``descriptor``, and never return."""
    _settle()
    connection = Connection(descriptor)
    try:
        while connection.poll(IDLE_SECONDS):
            path, limits, work = connection.recv()
            sys.path[:] = path
            _do_job(connection, limits, work)
    except (EOFError, OSError):
        pass  # the parent is gone
    os._exit(0)


def _settle() -> None:
    """Let signals end the process at once, and leave no core file and no other noise."""
    faulthandler.disable()
    for ending in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)


def _do_job(connection: Connection, limits: WorkerLimits, work: bytes) -> None:
    try:
        function, items = ForkingPickler.loads(work)
    except Exception as error:
        connection.send_bytes(_error(error))
        return
    with single_threaded():
        _limit_memory(limits.memory_bytes)
        connection.send_bytes(_packed(READY, None))
        for item in items:
            kind, answer = _answer(function, item, limits.seconds)
            connection.send_bytes(answer)
            if kind != RESULT:
                return


def _answer(
    function: Callable[[Any], Any], item: Any, seconds: float | None
) -> tuple[int, memoryview]:
    """The result, packed; past the time limit the kernel ends the process, even inside C code."""
    signal.setitimer(signal.ITIMER_REAL, seconds or 0)
    try:
        return RESULT, _packed(RESULT, function(item))
    except MemoryError as error:
        return OUT_OF_MEMORY, _packed(OUT_OF_MEMORY, str(error))
    except Exception as error:
        return ERROR, _error(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _error(error: Exception) -> memoryview:
    """The packed error with its traceback as a note, or what can be said of it."""
    note = f"In a worker process:\n{traceback.format_exc()}"
    error.add_note(note)
    try:
        packed = _packed(ERROR, error)
        ForkingPickler.loads(packed)
    except Exception:
        substitute = KpsearchError(f"{type(error).__name__}: {error}")
        substitute.add_note(note)
        packed = _packed(ERROR, substitute)
    return packed


def _packed(kind: int, value: Any) -> memoryview:
    return ForkingPickler.dumps((kind, _printed_bytes(), value))


def _printed_bytes() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(2).st_size


def _limit_memory(memory_bytes: int | None) -> None:
    if memory_bytes is None:
        _lower(resource.RLIMIT_AS, resource.RLIM_INFINITY)
    else:
        _lower(resource.RLIMIT_AS, _mapped_bytes() + memory_bytes)


@lru_cache(maxsize=1)
def _mapped_bytes() -> int:
    """Address space in use once all is loaded; later growth counts against the limit."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _lower(which: int, value: int) -> None:
    """Set a soft limit, as far as the hard one lets it."""
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, hard))
