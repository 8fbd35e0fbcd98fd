"""The real ``kpsearch`` command, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

from kpsearch.index import Storage, check_index
from tests.textures import encode, textured

ROOT = Path(__file__).resolve().parents[2]
ENDS_BY_ITSELF_SECONDS = 300
"""A command that takes longer hangs."""
COMMAND = [sys.executable, "-m", "kpsearch"]
LIMITED = """
import resource, runpy, sys
_, most_bytes = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), most_bytes))
runpy.run_module("kpsearch", run_name="__main__", alter_sys=True)
"""
"""The command, none of whose files may grow beyond so many bytes."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path]))}


def kpsearch(
    *arguments: object, file_limit_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    limited = [sys.executable, "-c", LIMITED, str(file_limit_bytes)]
    return subprocess.run(
        [*(COMMAND if file_limit_bytes is None else limited), *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_BY_ITSELF_SECONDS,
    )


def done(*arguments: object) -> str:
    """What a command prints that succeeds."""
    finished = kpsearch(*arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def save_pictures(folder: Path, names: list[str], *, side_px: int = 120) -> list[Path]:
    """A picture under each name, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        seed = zlib.crc32(path.name.encode())
        path.write_bytes(encode(textured(seed, side_px, side_px)))
    return paths


def require_undamaged(index: Path) -> None:
    assert check_index(Storage(index)).damage == ()
