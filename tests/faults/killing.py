"""Writers that are killed at random moments, again and again.

    python -m tests.faults.killing commits FOLDER --kills 60 --seed 0
    python -m tests.faults.killing pictures FOLDER --kills 20 --seed 0

``commits``: steps of a random history. After each kill the index must hold all that was
acknowledged, be whole to the last byte, and say exactly what its history says.
``pictures``: indexing of a folder of pictures. When the run after the last kill is through, the
index must say what one says that was built in one go.

Prints one line; the exit status is 1 if anything was lost. Writers are forked from this process,
which has everything loaded and runs no second thread: so kills fall into the work.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import cv2
import h5py  # noqa: F401
import numpy as np
import PIL.ImageOps  # noqa: F401
import sklearn.cluster  # noqa: F401

from kpsearch.errors import IndexMissing
from kpsearch.index import IndexWriter, Snapshot, Storage, check_index, contents_hash
from kpsearch.indexing import build_index, job
from tests.faults.history import State, after, fingerprint_of, perform, step
from tests.textures import encode, textured

STEPS_AN_INDEX = 120
PICTURES = 48
BATCH = 2
MOST_LINES = 10
"""A writer is left alone until it has reported up to so many things."""

Report = Callable[[str], None]


class Violation(Exception):
    """Something was lost or is wrong."""


class Killer:
    """Runs writers in forked children and kills them, at any point of their work alike.

    The moment is a number of reports, and then a share of the time that one more takes: so kills
    spread in the same way over fast machines and slow ones.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seconds_a_line = 0.0

    def run(self, work: Callable[[Report], None], *, spare: bool = False) -> tuple[list[str], bool]:
        """What a writer reported before it was killed, or had finished, and whether it was killed.

        ``spare`` has it finish.
        """
        assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _work_and_exit(work, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            pipe.readline()
            told = pipe.readlines() if spare else self._kill(child, pipe)
        status = os.waitpid(child, 0)[1]
        if status not in (0, signal.SIGKILL):
            raise Violation(f"a writer ended with status {status}")
        return [line.decode().strip() for line in told], status != 0

    def _kill(self, child: int, pipe: BinaryIO) -> list[bytes]:
        wanted = int(self.rng.integers(MOST_LINES + 1))
        started = time.perf_counter()
        told = [line for _ in range(wanted) if (line := pipe.readline())]
        if told:
            self.seconds_a_line = (time.perf_counter() - started) / len(told)
        time.sleep(float(self.rng.uniform(0, 2)) * self.seconds_a_line)
        os.kill(child, signal.SIGKILL)
        return told + pipe.readlines()


def _work_and_exit(work: Callable[[Report], None], pipe: int) -> None:
    def report(line: str) -> None:
        os.write(pipe, f"{line}\n".encode())

    try:
        report("ready")
        work(report)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


class Commits:
    """An index with a history, and how far the history is known to have come."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.state = State()
        self.number = 0
        """Of the next step."""
        self.generation = 0
        """Acknowledged."""

    def write(self, report: Report) -> None:
        state = self.state
        with IndexWriter(self.folder) as writer:
            for number in range(self.number, STEPS_AN_INDEX):
                wanted = step(number, state, seed=self.seed)
                before = writer.manifest.generation if writer.manifest else 0
                report(f"begins {number} {before}")
                report(f"acknowledged {number} {perform(writer, wanted)}")
                state = after(state, wanted)

    def follow(self, told: list[str]) -> str | None:
        """Take note of what a child reported; returns the kind of the step it was killed in."""
        within = None
        for line in told:
            word, *rest = line.split()
            if word == "begins":
                begun = step(int(rest[0]), self.state, seed=self.seed)
                self.generation, within = int(rest[1]), begun.kind
            elif word == "acknowledged":
                self.generation, within = int(rest[1]), None
                self.state, self.number = after(self.state, begun), self.number + 1
        return within

    def require_nothing_lost(self) -> bool:
        """Compare the index with its history; returns whether it was a step ahead."""
        try:
            found = Snapshot.open(self.folder)
        except IndexMissing:
            if self.generation:
                raise Violation(
                    f"generation {self.generation} was acknowledged and is gone"
                ) from None
            return False
        ahead = found.generation > self.generation
        if found.generation < self.generation:
            raise Violation(
                f"{self.generation} was acknowledged, the index is at {found.generation}"
            )
        if ahead:
            wanted = step(self.number, self.state, seed=self.seed)
            self.state, self.number = after(self.state, wanted), self.number + 1
            self.generation = found.generation
        if fingerprint_of(found) != self.state.fingerprint():
            raise Violation(f"generation {found.generation}, step {self.number}: other contents")
        damage = check_index(Storage(self.folder)).damage
        if damage:
            raise Violation(f"generation {found.generation}: {damage}")
        return ahead


def kill_commits(folder: Path, kills: int, seed: int) -> str:
    """Kill writers of one index after another; returns a line on what that was like."""
    killer = Killer(seed)
    seen: Counter[str] = Counter()
    commits = None
    while seen["kills"] < kills:
        if commits is None or commits.number >= STEPS_AN_INDEX:
            shutil.rmtree(folder, ignore_errors=True)
            seen["indexes"] += 1
            commits = Commits(folder, seed + seen["indexes"])
        told, killed = killer.run(commits.write)
        within = commits.follow(told)
        seen["acknowledged"] += sum(line.startswith("acknowledged") for line in told)
        seen["kills"] += killed
        seen["within"] += killed and within is not None
        seen["compacting"] += killed and within == "compact"
        seen["ahead"] += commits.require_nothing_lost()
    return (
        f"{seen['kills']} kills in {seen['indexes']} indexes, {seen['within']} of them within a "
        f"step ({seen['compacting']} compacting) and {seen['ahead']} between a commit and "
        f"its acknowledgement: 0 of {seen['acknowledged']} acknowledged commits lost"
    )


def kill_indexing(folder: Path, kills: int, seed: int) -> str:
    """Kill runs over a folder of pictures until the last one is left to finish."""
    cv2.setNumThreads(1)
    job.BATCH_IMAGES = BATCH
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number in range(PICTURES):
        content = encode(textured(number, 120, 90))
        (pictures / f"{number:02}.png").write_bytes(content)
    killer = Killer(seed)
    killer.run(partial(_index, pictures, folder / "whole"), spare=True)
    whole = Snapshot.open(folder / "whole")
    if whole.images != PICTURES:
        raise Violation(f"{whole.images} of {PICTURES} pictures were indexed in one go")
    done, indexes = 0, 0
    while done < kills or (folder / f"killed-{indexes}").exists():
        index = folder / f"killed-{indexes}"
        _, killed = killer.run(partial(_index, pictures, index), spare=done >= kills)
        done += killed
        if not killed:
            indexes += 1
            _require_same(index, contents_hash(whole))
    return f"{done} kills while indexing {PICTURES} pictures: {indexes} indexes equal one in one go"


def _index(pictures: Path, index: Path, report: Report) -> None:
    build_index([pictures], index, progress=lambda stage, done, _: report(f"{stage} {done}"))


def _require_same(index: Path, expected: str) -> None:
    if contents_hash(Snapshot.open(index)) != expected:
        raise Violation(f"{index}: says something else than an index built in one go")
    damage = check_index(Storage(index)).damage
    if damage:
        raise Violation(f"{index}: {damage}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["commits", "pictures"])
    parser.add_argument("folder", type=Path, help="a folder to work in")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kill = {"commits": kill_commits, "pictures": kill_indexing}[given.what]
    try:
        line = kill(given.folder / given.what, given.kills, given.seed)
    except Violation as violation:
        sys.exit(f"{given.what}, seed {given.seed}: {violation}")
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
