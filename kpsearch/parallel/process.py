"""An isolated worker process, as its parent holds it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fcntl import F_GETFL, F_SETFL, fcntl
from multiprocessing import Pipe
from multiprocessing.reduction import ForkingPickler
from typing import Any

from kpsearch.options import WorkerLimits
from kpsearch.parallel.child import ERROR, OUT_OF_MEMORY
from kpsearch.types import Casualty

START_SECONDS = 120.0
"""Most that a new process may take until it is ready, on a machine that is very busy."""
GRACE_SECONDS = 5.0
"""How much longer than its limit an item may take, should the process block its alarm."""

_PROGRAM = (
    "import sys; sys.path[:] = {path!a}; from kpsearch.parallel.child import serve; serve({pipe})"
)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
_NO_MEMORY = re.compile(r"std::bad_alloc|out of memory|cannot allocate memory", re.IGNORECASE)
_LAST_WORDS_BYTES = 4096
_LAST_WORDS_LINES = 3
_LAST_WORDS_CHARACTERS = 300


class WorkerDied(Exception):
    """The process is gone, or as good as gone, and so is the item it worked on."""

    def __init__(self, casualty: Casualty, *, from_outside: bool = False) -> None:
        super().__init__(casualty, from_outside)
        self.casualty = casualty
        self.from_outside = from_outside
        """Whether somebody else may have killed it, such as a service manager."""


class Worker:
    """A process that does one job at a time: `begin` it, then take its `results`.

    It has a pipe and a file for what it prints that no other process has, so when it dies nothing
    else is torn.
    """

    def __init__(self) -> None:
        self.tried = False
        """Whether it has started on a job before."""
        self._limits = WorkerLimits()
        self._due = 0
        """Results of its job that have not been taken."""
        self._printed = 0
        """Bytes it had printed when the last answer came."""
        self._log = os.memfd_create("worker-stderr", os.MFD_CLOEXEC)
        fcntl(self._log, F_SETFL, fcntl(self._log, F_GETFL) | os.O_APPEND)
        self._pipe, far = Pipe()
        with far:
            self._process = _start(far.fileno(), self._log)

    @property
    def free(self) -> bool:
        """Whether it lives and has nothing to do."""
        return self._due == 0 and self._process.poll() is None

    def begin(
        self, function: Callable[[Any], Any], items: Sequence[Any], limits: WorkerLimits
    ) -> bool:
        """Hand it a job; False where it was gone before it started on it."""
        self._due, self._limits = len(items), limits
        work = bytes(ForkingPickler.dumps((function, items)))
        try:
            self._pipe.send((sys.path, limits, work))
            self._take(START_SECONDS)
        except (BrokenPipeError, ConnectionResetError, WorkerDied):
            return False
        self.tried = True
        return True

    def results(self) -> Iterator[Any]:
        """The results of the job as they come. Raises `WorkerDied`, or the function's own error."""
        seconds = self._limits.seconds
        patience = None if seconds is None else seconds + GRACE_SECONDS
        while self._due:
            value = self._take(patience)
            self._due -= 1
            if not self._due:
                self._pass_on_printed()
            yield value

    def kill(self) -> None:
        """End the process at once; any thread may, and it may have ended already."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process, pass on what it printed, and give back its descriptors."""
        self.kill()
        self._pass_on_printed()
        self._pipe.close()
        os.close(self._log)

    def disown(self) -> None:
        """From now on never end the process: it belongs to the one that we were forked from."""
        self._process.returncode = 0

    def last_words(self) -> str:
        """The last lines it printed since its last answer, as one."""
        start = max(self._printed, os.fstat(self._log).st_size - _LAST_WORDS_BYTES)
        text = os.pread(self._log, _LAST_WORDS_BYTES, start).decode("utf-8", "backslashreplace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return "; ".join(lines[-_LAST_WORDS_LINES:])[-_LAST_WORDS_CHARACTERS:]

    def _take(self, patience: float | None) -> Any:
        """What the next answer holds."""
        try:
            answered = self._pipe.poll(patience)
            if answered:
                kind, self._printed, value = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._death() from None
        except Exception as error:
            nonsense = f"its answer cannot be read: {type(error).__name__}"
            raise WorkerDied(Casualty("decoder_crashed", nonsense)) from error
        if not answered:
            raise WorkerDied(self._timeout())
        if kind == OUT_OF_MEMORY:
            raise WorkerDied(self._out_of_memory())
        if kind == ERROR:
            self._due = 0
            raise value
        return value

    def _death(self) -> WorkerDied:
        """What a process that closed its pipe died of."""
        try:
            status = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return WorkerDied(Casualty("decoder_crashed", "closed its pipe"))
        if status == -signal.SIGALRM:
            return WorkerDied(self._timeout())
        words = self.last_words()
        if status == -signal.SIGABRT and _NO_MEMORY.search(words):
            return WorkerDied(self._out_of_memory())
        text = ": ".join(filter(None, (_ending(status), words)))
        return WorkerDied(Casualty("decoder_crashed", text), from_outside=-status in _FROM_OUTSIDE)

    def _timeout(self) -> Casualty:
        return Casualty("timeout", f"no answer within {self._limits.seconds or START_SECONDS:g} s")

    def _out_of_memory(self) -> Casualty:
        limit = self._limits.memory_bytes
        allowed = "there is" if limit is None else f"the {limit / 2**20:g} MiB allowed"
        return Casualty("out_of_memory", f"wanted more memory than {allowed}")

    def _pass_on_printed(self) -> None:
        """Let what was printed in vain, such as a warning, reach our own stderr."""
        if self._printed:
            text = os.pread(self._log, self._printed, 0)
            os.ftruncate(self._log, 0)
            self._printed = 0
            with suppress(OSError):
                os.write(2, text)


def _start(pipe: int, log: int) -> subprocess.Popen[bytes]:
    """A new process at the other end of ``pipe``; a Ctrl-C on the terminal does not reach it.

    It stays in our session: Linux shares the machine out among sessions, ``nice`` or not.
    """
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, pipe=pipe)],
        pass_fds=(pipe,),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, **_ONE_THREAD},
        process_group=0,
    )


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
