"""How many threads there are, and how many the libraries may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


def available_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
