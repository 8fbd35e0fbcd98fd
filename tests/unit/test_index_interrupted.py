"""A writer that is killed at any step leaves an index that opens, and that the next completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kpsearch.errors import IndexMissing
from kpsearch.index import IndexWriter, Snapshot, Storage, check_index
from kpsearch.index import manifest as manifests
from kpsearch.options import FeatureOptions
from tests.indexes import random_images, small_vocabulary

IMAGES = random_images([3, 0, 5, 2])
BATCHES = [IMAGES[:2], IMAGES[2:]]

KILLED_AT_EVERY_STEP = """
import os, signal, sys
from tests.unit.test_index_interrupted import commit_all

root = sys.argv[1]
steps = 0


def counted(name, last):
    real = getattr(os, name)

    def call(*args, **options):
        global steps
        steps += 1
        if steps == last:
            if name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)

    setattr(os, name, call)


def run(last):
    for name in ("open", "write", "fsync", "replace", "unlink"):
        counted(name, last)
    commit_all(f"{root}/{last}")


last = 0
while True:
    last += 1
    child = os.fork()
    if child == 0:
        run(last)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(last - 1)
"""


def commit_all(folder: str | os.PathLike[str]) -> None:
    """Commit the batches that are not in the index yet."""
    with IndexWriter(folder) as writer:
        if writer.manifest is None:
            writer.create(FeatureOptions(), small_vocabulary())
        for batch in BATCHES:
            if writer.snapshot().find(batch[0][0].path) is None:
                writer.commit(batch)


def _known_names(folder: Path) -> set[str]:
    storage = Storage(folder)
    loaded = [manifests.load(storage, n) for n in (manifests.NAME, manifests.PREVIOUS)]
    named = {entry.name for manifest in loaded for entry in manifest.files()}
    return named | {manifests.NAME, manifests.PREVIOUS, ".lock", ".lock-owner"}


def _images(folder: Path) -> int:
    """How many images a killed writer has left; -1 where it has left no index."""
    try:
        snapshot = Snapshot.open(folder)
    except IndexMissing:
        return -1
    assert check_index(Storage(folder)).damage == ()
    return snapshot.images


def test_a_run_killed_at_any_step_is_completed_by_the_next(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, tmp_path],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kills = int(done.stdout)
    assert kills > 25
    found = []
    for step in range(1, kills + 1):
        folder = tmp_path / str(step)
        found.append(_images(folder))
        commit_all(folder)
        assert check_index(Storage(folder)).damage == ()
        records = [record.path for record in Snapshot.open(folder).records()]
        assert records == [record.path for record, _ in IMAGES]
        assert set(os.listdir(folder)) <= _known_names(folder)
    assert found == sorted(found)
    assert set(found) == {-1, 0, 2, 4}
