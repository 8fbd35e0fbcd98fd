"""Signals that wait while a commit is under way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Within it SIGINT and SIGTERM are kept waiting; the first of them is delivered at its end.

    A commit that has begun is so brought to its end. It is safe without: this is so that work
    done is kept. Python delivers signals to the main thread; in another there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda n, _: waiting.append(n)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if waiting:  # after a failure there is worse to tell
        signal.raise_signal(waiting[0])
