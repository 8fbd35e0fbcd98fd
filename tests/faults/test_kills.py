"""Writers killed by SIGKILL at random moments lose nothing that they have acknowledged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.memory import folder_in_memory

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder():
    with folder_in_memory() as folder:
        yield folder


def _killed(what: str, folder: Path, *, kills: int) -> str:
    """The line that tests.faults.killing prints when nothing was lost."""
    command = [sys.executable, "-m", "tests.faults.killing", what, folder, f"--kills={kills}"]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_acknowledged_commit_is_lost_by_60_kills(folder):
    line = _killed("commits", folder, kills=60)
    kills, _, within, *_, acknowledged = map(int, re.findall(r"\d+", line))
    assert kills == 60
    assert within > 20, "kills should fall into commits"
    assert acknowledged > 60


def test_an_index_built_with_20_kills_says_what_one_built_in_one_go_says(folder):
    assert _killed("pictures", folder, kills=20).startswith("20 kills while indexing")
