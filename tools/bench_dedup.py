"""Deduplication where the right answers are known, beside perceptual hashes; and how it scales.

    python tools/bench_dedup.py                         generated and real pictures, some 10 minutes
    python tools/bench_dedup.py --quick                 few of each
    python tools/bench_dedup.py --sets synthetic --items 1000 --seed 3
    python tools/bench_dedup.py --scale 1000 10000 100000   seconds and memory, no pictures

For each set: micro-AP over all pairs and recall at 90% and 99% precision, for kpsearch and for the
hashes that are installed (the extra `peers`); recall by transformation; what relation is told for
which; variants taken for duplicates, and duplicates for variants.

The generated set has copies of every kind and strength of `kpsearch.synthetic.copies`, variants,
shared parts and strangers. The real one, where the data lie beside the repository, has photos of
the same things, look-alikes, and copies as in Copydays. --work keeps pictures between runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench_data import REAL, real_truth
from dedup_bench.engine import judge_set
from dedup_bench.figures import SetFigures, figures
from dedup_bench.hashes import PEERS, NotInstalled, hash_scores
from dedup_bench.labelled import LabelledSet, generated_set
from dedup_bench.measures import ScoredPairs
from dedup_bench.real_set import real_set
from dedup_bench.scale.running import ScaleFigures, measure_scale
from dedup_bench.scale.tables import scale_tables
from dedup_bench.tables import errors_text, set_tables

from kpsearch.errors import KpsearchError
from kpsearch.options import CandidateOptions
from kpsearch.parallel import single_threaded

SETS = ("synthetic", "real")
QUICK_ITEMS, QUICK_COPIES = 60, 60


def labelled_sets(given: argparse.Namespace, root: Path) -> Iterator[LabelledSet]:
    """The sets asked for, their pictures made under ``root``."""
    if "synthetic" in given.sets:
        folder = root / f"synthetic-{given.items}-{given.seed}"
        yield generated_set(folder, given.items, seed=given.seed, n_jobs=given.jobs)
    if "real" in given.sets:
        data = real_truth()
        if data is None:
            print(f"skipped the real pictures: there is no {REAL}", flush=True)
            return
        folder = root / f"real-{given.copies}-{given.seed}"
        yield real_set(
            data, REAL.parent, folder, copies=given.copies, seed=given.seed, n_jobs=given.jobs
        )


def measure(truth: LabelledSet, given: argparse.Namespace, root: Path) -> SetFigures:
    """One set, by kpsearch and by all peers that can run."""
    peers: dict[str, ScoredPairs] = {}
    for name in given.peers:
        try:
            peers[name] = hash_scores(name, truth, n_jobs=given.jobs)
        except NotInstalled as missing:
            print(f"skipped {name}: {missing}", flush=True)
    with tempfile.TemporaryDirectory(prefix="judging-", dir=root) as folder:
        judgement = judge_set(truth, Path(folder), precision=given.precision, n_jobs=given.jobs)
    if given.errors is not None:
        given.errors.mkdir(parents=True, exist_ok=True)
        text = errors_text(truth, judgement)
        (given.errors / f"{truth.name}.csv").write_text(text, encoding="utf-8")
    return figures(truth, judgement, peers)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--items", type=int, default=200, help="of the generated catalogue")
    parser.add_argument("--copies", type=int, default=240, help="made of real pictures")
    parser.add_argument("--quick", action="store_true", help="few items and copies")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--precision", type=float, default=0.99, help="asked of what is merged")
    parser.add_argument("--scale", nargs="*", type=int, default=[], metavar="PICTURES")
    parser.add_argument(
        "--postings",
        type=int,
        default=CandidateOptions().postings,
        help="with --scale: read for a picture at most",
    )
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="make pictures and indexes here, and keep them")
    parser.add_argument("--errors", type=Path, help="folder for a CSV of each set's wrong pairs")
    parser.add_argument("--json", type=Path, help="write all figures here")
    given = parser.parse_args(arguments)
    if given.quick:
        given.items, given.copies = QUICK_ITEMS, QUICK_COPIES
    return given


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="kpsearch-dedup-") as scratch:
            root = given.work or Path(scratch)
            root.mkdir(parents=True, exist_ok=True)
            run(given, root)
    except (KpsearchError, OSError) as error:
        sys.exit(f"bench_dedup: {error}")


def run(given: argparse.Namespace, root: Path) -> None:
    """Measure and print what was asked for."""
    found: dict[str, object] = {}
    with single_threaded():
        if given.scale:
            found["scale"] = [asdict(each) for each in run_scales(given, root)]
            keep(given.json, found)
            return
        for truth in labelled_sets(given, root):
            result = measure(truth, given, root)
            print(f"\n{set_tables(result)}", flush=True)
            found[truth.name] = result.to_json()
            keep(given.json, found)


def run_scales(given: argparse.Namespace, root: Path) -> list[ScaleFigures]:
    """Measure catalogues without pictures, and print a table that grows by a column each."""
    measured: list[ScaleFigures] = []
    for pictures in sorted(given.scale):
        with tempfile.TemporaryDirectory(prefix="scale-", dir=root) as folder:
            measured.append(
                measure_scale(
                    pictures,
                    Path(folder),
                    options=CandidateOptions(postings=given.postings),
                    seed=given.seed,
                    n_jobs=given.jobs,
                    progress=lambda *told: print(*told, file=sys.stderr),
                )
            )
        print(f"\n{scale_tables(measured)}", flush=True)
    return measured


def keep(file: Path | None, found: dict[str, object]) -> None:
    """Write the figures so far."""
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
