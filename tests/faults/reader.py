"""Reads pictures in a process of its own, which may die or hang without taking a test along.

Run as a module it reads files, or mutants, and writes a line for each to a report: first its
number alone, then what came of it. So the last line names what killed the process. A picture that
takes too long ends it as well, by the alarm.

    python -m tests.faults.reader files REPORT LIMIT_S FIRST < null-separated paths
    python -m tests.faults.reader mutants REPORT LIMIT_S FIRST STOP SEED
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEVER_S = 3600


@dataclass
class Outcome:
    """What reading one picture came to."""

    code: str = ""
    """Of the reject; empty if it was accepted; ``killed by ...`` where the process died."""
    text: str = ""
    size: tuple[int, int] = (0, 0)
    shape: tuple[int, ...] = ()
    frames: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Run:
    """The outcomes by number, and what leaked on stderr."""

    outcomes: dict[int, Outcome]
    stderr: str


def read_files(paths: Sequence[str], *, limit_s: int) -> Run:
    """Every path read in one process, or in more where one dies."""
    run = Run({}, "")
    while (first := len(run.outcomes)) < len(paths):
        rest = b"\0".join(os.fsencode(path) for path in paths[first:])
        _read_on(run, ["files"], [str(first)], rest, limit_s, len(paths))
    return run


def read_mutants(seed: int, first: int, stop: int, *, limit_s: int) -> Run:
    """The mutants ``first`` to ``stop`` - 1."""
    run = Run({}, "")
    while (at := first + len(run.outcomes)) < stop:
        _read_on(run, ["mutants"], [str(at), str(stop), str(seed)], b"", limit_s, stop)
    return run


def _read_on(
    run: Run, kind: list[str], more: list[str], given: bytes, limit_s: int, stop: int
) -> None:
    """One process, to the end or to its death; that adds at least one outcome."""
    with tempfile.TemporaryDirectory(prefix="kpsearch-reader-") as folder:
        report = os.path.join(folder, "report")
        command = [sys.executable, "-m", "tests.faults.reader", *kind, report, str(limit_s), *more]
        done = subprocess.run(
            command, cwd=ROOT, input=given, capture_output=True, timeout=NEVER_S, check=False
        )
        run.stderr += done.stderr.decode("utf-8", "backslashreplace")
        lines = Path(report).read_text().splitlines() if os.path.exists(report) else []
    last = _take_in(run, lines)
    if done.returncode != 0:
        if last is None:
            raise RuntimeError(f"the reader did not start: {run.stderr}")
        how = signal.Signals(-done.returncode).name if done.returncode < 0 else "an exception"
        run.outcomes[last] = Outcome(f"killed by {how}")


def _take_in(run: Run, lines: list[str]) -> int | None:
    """Add the finished outcomes; returns the number of the last picture that was begun."""
    last = None
    for line in lines:
        number, _, outcome = line.partition(" ")
        last = int(number)
        if outcome:
            run.outcomes[last] = Outcome(**json.loads(outcome))
    return last


def outcome_of(path: str) -> Outcome:
    """In this process."""
    from kpsearch.errors import ImageRejected
    from kpsearch.images import read_image

    start = time.monotonic()
    try:
        image = read_image(path)
    except ImageRejected as error:
        return Outcome(error.code, error.text, seconds=time.monotonic() - start)
    return Outcome(
        size=tuple(image.size),
        shape=image.pixels.shape,
        frames=image.frames,
        warnings=list(image.warnings),
        seconds=time.monotonic() - start,
    )


def _mutant_files(seed: int, first: int, stop: int) -> Iterator[tuple[int, str]]:
    from tests.corpus.mutants import mutant

    with tempfile.TemporaryDirectory(prefix="kpsearch-mutant-") as folder:
        path = os.path.join(folder, "mutant")
        for number in range(first, stop):
            Path(path).write_bytes(mutant(seed, number)[1])
            yield number, path


def main(kind: str, report: str, limit_s: str, first: str, *more: str) -> None:
    """Read what is asked for, and report on it."""
    if kind == "mutants":
        files = _mutant_files(int(more[1]), int(first), int(more[0]))
    else:
        paths = sys.stdin.buffer.read().split(b"\0")
        files = iter(enumerate(map(os.fsdecode, paths), start=int(first)))
    with open(report, "w", buffering=1) as lines:
        for number, path in files:
            lines.write(f"{number}\n")
            signal.alarm(int(limit_s))
            lines.write(f"{number} {json.dumps(asdict(outcome_of(path)))}\n")
            signal.alarm(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
