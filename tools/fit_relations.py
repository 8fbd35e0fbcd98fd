"""What may be merged? Fits the log-odds of `kpsearch.dedup.relation`, and measures them.

    python tools/fit_relations.py [--items N] [--facts FOLDER]     some 30 minutes

Pairs with a known relation are what a job finds in generated sets (copies of every kind, variants,
shared parts, strangers) and among the real pictures beside the repository, where there are any. The
coefficients are fitted to some seeds and sources and measured on others, which they have never
seen. Printed are the coefficients, errors, recall by kind and confusion of relations. With --facts,
the figures of all pairs are kept in FOLDER and read from there again: they are the same however the
coefficients change, and other ones when a figure does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from relation_fit.learning import as_source, fitted, report
from relation_fit.population import (
    Example,
    generated_examples,
    read_examples,
    real_examples,
    write_examples,
)

from kpsearch.parallel import single_threaded

LEARNT_SEEDS, HELD_OUT_SEEDS = (101, 102), (103,)
LEARNT_SOURCES, HELD_OUT_SOURCES = (
    (("dvd", "ukbench"), ("grocery", "shelf_cereal")),
    (("book", "painting"),),
)
COPIES, COPIES_SEED = 120, 11
"""Of the real pictures of a source."""


def main() -> None:
    options = _options()
    learnt = _known("learnt", LEARNT_SEEDS, LEARNT_SOURCES, options)
    held_out = _known("held-out", HELD_OUT_SEEDS, HELD_OUT_SOURCES, options)
    regression = fitted(learnt)
    print(as_source(regression))
    for title, population in (("fitted to", learnt), ("held out", held_out)):
        print(f"\n{title}")
        for source in sorted({example.source for example in population}):
            part = [example for example in population if example.source == source]
            print(f"{source}: {report(part, regression)}")


def _known(
    name: str,
    seeds: tuple[int, ...],
    sources: tuple[tuple[str, ...], ...],
    options: argparse.Namespace,
) -> list[Example]:
    """The figures of a population, from the folder of facts where they are there."""
    path = options.facts / f"{name}.jsonl" if options.facts else None
    if path is not None and path.exists():
        return read_examples(path)
    with single_threaded():
        known = list(_population(seeds, sources, options))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_examples(path, known)
    return known


def _population(
    seeds: tuple[int, ...], sources: tuple[tuple[str, ...], ...], options: argparse.Namespace
) -> Iterator[Example]:
    for seed in seeds:
        print(f"generated pictures, seed {seed}", flush=True)
        yield from generated_examples(seed, options.items, n_jobs=options.jobs)
    for folders in sources:
        print(f"real pictures: {', '.join(folders)}", flush=True)
        yield from real_examples(folders, COPIES, seed=COPIES_SEED, n_jobs=options.jobs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=100, help="of each generated catalogue")
    parser.add_argument("--facts", type=Path, help="a folder for the figures of all pairs")
    parser.add_argument("--jobs", type=int, default=-1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
