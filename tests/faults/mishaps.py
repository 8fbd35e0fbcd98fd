"""What can befall a worker process, as functions that it can import."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def befall(what: str) -> str:
    """Suffer what is named, or return it in capitals."""
    mishap = MISHAPS.get(what)
    if mishap is not None:
        mishap()
    return what.upper()


def spin() -> None:
    while True:
        pass


def hang_in_c() -> None:
    ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock meanwhile


def hang_deaf() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(1000)


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(np.empty(2**22))  # untouched, so that no slow machine calls it a timeout


def abort_for_want_of_memory() -> None:
    os.write(2, b"terminate called after throwing 'std::bad_alloc'\n  what():  std::bad_alloc\n")
    os.abort()


def exit_with_words() -> None:
    os.write(2, b"".join(b"line %d\n" % n for n in range(5000)) + b"the \x1b last\n\nstraw\n")
    os._exit(3)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def close_its_pipe() -> None:
    os.closerange(3, 100)
    time.sleep(1000)


MISHAPS = {
    "segfault": lambda: ctypes.string_at(0),
    "spin": spin,
    "hang in C": hang_in_c,
    "hang deaf": hang_deaf,
    "eat memory": eat_memory,
    "abort": abort_for_want_of_memory,
    "exit": exit_with_words,
    "leave": lambda: sys.exit(4),
    "leave in peace": lambda: os._exit(0),
    "kill": kill_itself,
    "close its pipe": close_its_pipe,
}


def killed_once(marker: str) -> str:
    """Its process is killed the first time."""
    if not os.path.exists(marker):
        Path(marker).touch()
        kill_itself()
    return "survived"


def chatter(number: int) -> int:
    sys.stdout.write(f"printed {number}\n")
    os.write(1, b"written\n")
    warnings.warn(f"warned {number}", stacklevel=1)
    return number


def chatter_of_a_decoder(code: int) -> None:
    from kpsearch.images.stderr import captured_stderr

    with captured_stderr():
        os.write(2, b"Corrupt JPEG data: bad Huffman code\n")
        if code:
            os._exit(code)


def process_id(_: object) -> int:
    return os.getpid()


class Unpicklable(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def refuse(number: int) -> int:
    if number == 7:
        raise LookupError("seven")
    if number == 9:
        raise Unpicklable("ni", "ne")
    return number


def tell_and_sleep(folder: str) -> None:
    """Leave a file named by the process, then sleep for longer than any test."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(3600)
