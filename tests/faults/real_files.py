"""Damage to real files, in a process of its own, so that a crash of it would be seen.

    python -m tests.faults.real_files INDEX SEED STEP TIMES

Takes every STEP-th harm, and recovers from every fifth of those. Prints the violations, a line
each, and at last how many harms there were; a harm that takes a minute ends the process.
"""

from __future__ import annotations

import faulthandler
import itertools
import shutil
import sys
from pathlib import Path

from kpsearch.index import Storage
from tests.faults.damage import Harm, all_harms, violations_of
from tests.faults.salvage import violations_of_recovery
from tests.memory import MemoryStorage

HANG_SECONDS = 60
RECOVER_EVERY = 5


def do(harm: Harm, folder: Path) -> None:
    """Change the files of a folder."""
    for name, content in harm.files.items():
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)


def try_all(index: Path, seed: int, step: int, times: int) -> int:
    """Do every ``step``-th harm to the index, and undo it; returns how many there were."""
    whole = MemoryStorage.copy_of(index).files
    chosen = list(itertools.islice(all_harms(whole, seed, times), 0, None, step))
    for number, harm in enumerate(chosen):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        do(harm, index)
        wrong = violations_of(harm, Storage(index))
        if number % RECOVER_EVERY == 0 and len(harm.files) == 1:
            copy = Path(shutil.copytree(index, index.with_name("copy")))
            wrong += violations_of_recovery(harm, Storage(copy), whole)
            shutil.rmtree(copy)
        do(Harm("undone", {name: whole[name] for name in harm.files}), index)
        for text in wrong:
            sys.stdout.write(f"{text}\n")
    faulthandler.cancel_dump_traceback_later()
    return len(chosen)


if __name__ == "__main__":
    where, *numbers = sys.argv[1:]
    count = try_all(Path(where), *(int(number) for number in numbers))
    sys.stdout.write(f"{count}\n")
