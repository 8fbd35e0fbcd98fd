"""What may be merged? Fits the log-odds of `kpsearch.dedup.relation`, and measures them.

    python tools/fit_relations.py [--rounds N] [--facts FOLDER]

Pairs with a known relation are generated (copies of every kind, variants, shared parts) and made of
the real pictures beside the repository, where there are any: photos of one thing, copies, and
strangers. The coefficients are fitted to some seeds and sources and measured on others, which they
have never seen. Printed are the coefficients, errors, recall by kind and confusion of relations.
With --facts, the figures of all pairs are kept in FOLDER and read from there again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from relation_fit.figures import Example, examples, read_examples, write_examples
from relation_fit.generated import generated_pairs
from relation_fit.learning import as_source, fitted, report
from relation_fit.real import real_pairs

from kpsearch.parallel import single_threaded

LEARNT_SEED, HELD_OUT_SEED = 1001, 2001
LEARNT_SOURCES, HELD_OUT_SOURCES = ("dvd", "ukbench"), ("book", "painting", "grocery")
COPIES, STRANGERS = 60, 60
"""A source."""


def main() -> None:
    options = _options()
    learnt = _known("learnt", LEARNT_SEED, LEARNT_SOURCES, options)
    held_out = _known("held-out", HELD_OUT_SEED, HELD_OUT_SOURCES, options)
    regression = fitted(learnt)
    print(as_source(regression))
    for title, population in (("fitted to", learnt), ("held out", held_out)):
        print(f"\n{title}")
        for source in sorted({example.source for example in population}):
            part = [example for example in population if example.source == source]
            print(f"{source}: {report(part, regression)}")


def _known(
    name: str, seed: int, sources: tuple[str, ...], options: argparse.Namespace
) -> list[Example]:
    """The figures of a population, from the folder of facts where they are there."""
    path = options.facts / f"{name}.jsonl" if options.facts else None
    if path is not None and path.exists():
        return read_examples(path)
    with single_threaded():
        known = list(_population(seed, sources, options.rounds))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_examples(path, known)
    return known


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="generated pairs of every kind")
    parser.add_argument("--facts", type=Path, help="a folder for the figures of all pairs")
    return parser.parse_args()


def _population(seed: int, sources: tuple[str, ...], rounds: int) -> Iterator[Example]:
    yield from examples(generated_pairs(seed, rounds))
    for number, source in enumerate(sources):
        pairs = real_pairs(source, copies=COPIES, strangers=STRANGERS, seed=seed + number)
        yield from examples(pairs)


if __name__ == "__main__":
    main()
