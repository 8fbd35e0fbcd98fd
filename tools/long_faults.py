"""Long versions of the fault tests, each by a name of its own.

    python tools/long_faults.py mutants [--count 5000] [--seed 0] [--limit-s 5]
    python tools/long_faults.py kills [--kills 2000] [--seed 0] [--folder DIR]
    python tools/long_faults.py power [--rounds 100] [--seed 1]
    python tools/long_faults.py damage [--times 20] [--seed 1]

``mutants`` reads damaged pictures, in a process for each block of them, and demands of each that
it is rejected with a code or read as a picture of a sane size, within the limit. A mutant that
kills or hangs its process is named. ``kills`` ends writers by SIGKILL at random moments, a
twentieth of them while they index pictures, and demands every commit that was acknowledged.
``power`` cuts the power of a simulated disk at every moment of an index's life. ``damage`` harms
the files of an index, a tenth of the times on the disk, and recovers a fifth. Exits with 1 if
anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The tests and the tools share what makes the damage.
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def mutants(given: argparse.Namespace) -> int:
    """Read damaged pictures; returns how many went wrong."""
    from tests.faults.mutation import run_mutants

    def show(done: int) -> None:
        print(f"\r{done} of {given.count} mutants", end="", file=sys.stderr, flush=True)

    started = time.monotonic()
    result = run_mutants(given.count, seed=given.seed, limit_s=given.limit_s, progress=show)
    print(file=sys.stderr)
    for fault in result.faults:
        print(f"FAULT {fault}")
    counts = ", ".join(f"{count} {code}" for code, count in result.codes.most_common())
    print(
        f"mutants: {len(result.faults)} faults in {given.count} of seed {given.seed} ({counts}); "
        f"slowest {result.slowest_s:.2f} s ({result.slowest}); {time.monotonic() - started:.0f} s"
    )
    return len(result.faults)


def kills(given: argparse.Namespace) -> int:
    """SIGKILL writers at random moments; returns how many of the two kinds went wrong."""
    shares = {"commits": given.kills, "pictures": max(given.kills // 20, 1)}
    return sum(_kill(what, count, given) for what, count in shares.items())


def _kill(what: str, count: int, given: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="kpsearch-kills-", dir=given.folder) as folder:
        command = [sys.executable, "-m", "tests.faults.killing", what, folder]
        options = ["--kills", str(count), "--seed", str(given.seed)]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = {**os.environ, **threads}
        done = subprocess.run([*command, *options], cwd=ROOT, env=environment, check=False)
    return done.returncode != 0


def power(given: argparse.Namespace) -> int:
    """Cut the power, with other disks left each round; returns how many promises were broken."""
    from tests.faults.simulation import Simulation

    started, disks, broken = time.monotonic(), 0, 0
    for seed in range(given.seed, given.seed + given.rounds):
        simulation = Simulation(seed=seed)
        for violation in simulation.violations():
            broken += 1
            print(f"seed {seed}: {violation}", file=sys.stderr)
        disks += len(simulation.disks)
    seconds = time.monotonic() - started
    print(f"power: {disks} disks after a power cut, {broken} broken promises; {seconds:.0f} s")
    return broken


def damage(given: argparse.Namespace) -> int:
    """Harm files of an index, and recover; returns how many promises were broken."""
    from tests.faults.damage import all_harms, sample_files, violations_of
    from tests.faults.salvage import violations_of_recovery
    from tests.memory import MemoryStorage

    started = time.monotonic()
    wrong, harms, recoveries = [], 0, 0
    whole = sample_files()
    for harms, harm in enumerate(all_harms(whole, given.seed, given.times), 1):
        wrong += violations_of(harm, MemoryStorage(harm.done_to(whole)))
        if harms % 5 == 0 and len(harm.files) == 1:
            recoveries += 1
            wrong += violations_of_recovery(harm, MemoryStorage(harm.done_to(whole)), whole)
    on_disk, found = _damage_on_disk(given)
    wrong += found
    for text in wrong:
        print(text)
    print(
        f"damage: {harms} harms in memory, {on_disk} on the disk, {recoveries} recoveries, "
        f"{len(wrong)} violations; {time.monotonic() - started:.0f} s"
    )
    return len(wrong)


def _damage_on_disk(given: argparse.Namespace) -> tuple[int, list[str]]:
    """How many harms were done in another process, and what was wrong with what came of them."""
    from kpsearch.index import Storage
    from tests.faults.damage import write_sample

    with tempfile.TemporaryDirectory() as folder:
        index = os.path.join(folder, "index")
        write_sample(Storage(index))
        numbers = [str(number) for number in (given.seed, 10, given.times)]
        command = [sys.executable, "-m", "tests.faults.real_files", index, *numbers]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0:
        lines += [f"the process ended with {done.returncode}", "0"]
    return int(lines[-1]), lines[:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = parser.add_subparsers(required=True, metavar="SECTION")
    section = sections.add_parser("mutants", help="damaged pictures")
    section.add_argument("--count", type=int, default=5000)
    section.add_argument("--seed", type=int, default=0)
    section.add_argument("--limit-s", type=int, default=5)
    section.set_defaults(run=mutants)
    section = sections.add_parser("kills", help="SIGKILL at random moments")
    section.add_argument("--kills", type=int, default=2000)
    section.add_argument("--seed", type=int, default=0)
    section.add_argument("--folder", help="where to write; in memory it is a few times faster")
    section.set_defaults(run=kills)
    section = sections.add_parser("power", help="power cuts on a simulated disk")
    section.add_argument("--rounds", type=int, default=100, help="of about 23,000 disks each")
    section.add_argument("--seed", type=int, default=1)
    section.set_defaults(run=power)
    section = sections.add_parser("damage", help="flipped, zeroed, cut and swapped files")
    section.add_argument("--times", type=int, default=20, help="as many as in the suite")
    section.add_argument("--seed", type=int, default=1)
    section.set_defaults(run=damage)
    given = parser.parse_args()
    sys.exit(1 if given.run(given) else 0)


if __name__ == "__main__":
    main()
