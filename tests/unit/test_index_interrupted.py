"""A run that is killed at any step leaves an index that opens, and that the next run completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import xxhash

from kpsearch.errors import IndexMissing
from kpsearch.index import Snapshot, Storage
from kpsearch.index import manifest as manifests
from kpsearch.indexing import build_index
from tests.textures import textured

KILLED_AT_EVERY_STEP = """
import os, signal, sys
import cv2
from kpsearch.indexing import build_index, job

pictures, vocabulary, root = sys.argv[1:]
cv2.setNumThreads(1)
job.BATCH_IMAGES = 2
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
    build_index([pictures], f"{root}/{last}", vocabulary=vocabulary)


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


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(4):
        coded = cv2.imencode(".png", textured(seed, 80, 60))[1]
        (folder / f"{seed}.png").write_bytes(coded.tobytes())
    return folder


def _check_files(snapshot: Snapshot) -> None:
    for entry in snapshot.manifest.files():
        content = b"".join(snapshot.storage.read(entry.name))
        assert xxhash.xxh3_128_hexdigest(content) == entry.whole_hash


def _known_names(folder: Path) -> set[str]:
    storage = Storage(folder)
    loaded = [manifests.load(storage, n) for n in (manifests.NAME, manifests.PREVIOUS)]
    named = {entry.name for manifest in loaded for entry in manifest.files()}
    return named | {manifests.NAME, manifests.PREVIOUS, ".lock", ".lock-owner"}


def test_a_run_killed_at_any_step_is_completed_by_the_next(pictures, tmp_path):
    build_index([pictures], tmp_path / "whole")
    expected = [record.path for record in Snapshot.open(tmp_path / "whole").records()]
    assert len(expected) == 4
    vocabulary = next((tmp_path / "whole").glob("vocabulary-*.h5"))
    root = tmp_path / "killed"
    root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, pictures, vocabulary, root],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kills = int(done.stdout)
    assert kills > 25
    found: list[int] = []
    for step in range(1, kills + 1):
        folder = root / str(step)
        try:
            snapshot = Snapshot.open(folder)
        except IndexMissing:
            found.append(-1)
        else:
            _check_files(snapshot)
            found.append(snapshot.images)
        report = build_index([pictures], folder, vocabulary=vocabulary)
        assert report.added == 4 - max(found[-1], 0)
        snapshot = Snapshot.open(folder)
        _check_files(snapshot)
        assert [record.path for record in snapshot.records()] == expected
        assert set(os.listdir(folder)) <= _known_names(folder)
    assert found == sorted(found)
    assert set(found) == {-1, 0, 2, 4}
