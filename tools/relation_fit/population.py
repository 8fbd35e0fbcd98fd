"""Pairs with a known relation and their figures: what a job finds in sets of which all is known."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bench_data import REAL, real_truth
from dedup_bench.engine import judge_set
from dedup_bench.labelled import DIFFERENT, LabelledPair, LabelledSet, generated_set
from dedup_bench.real_set import real_set

from kpsearch.dedup.records import JudgedPair, Relation
from kpsearch.dedup.relation.decision import TERMS, is_insufficient
from kpsearch.synthetic.copies import IGNORE

SOLID = "ukbench"
"""Photos of solid things from several sides: two of them need not show one picture."""
SOLID_WEIGHT = 0.2
"""What a pair of those weighs: they are many, and no flat items, whatever their label says."""


@dataclass(frozen=True, slots=True)
class Example:
    """A known pair and its figures."""

    source: str
    kind: str
    relation: str
    """Of a to b, or that they are different."""
    figures: dict[str, float]

    @property
    def merges(self) -> bool:
        """Whether merging is right."""
        return self.relation in set(Relation) and Relation(self.relation).merges

    @property
    def usable(self) -> bool:
        """Whether the pictures were compared, and there was enough to go by."""
        return "drawn_cells" in self.figures and not is_insufficient(self.figures)

    @property
    def weight(self) -> float:
        """Beside other pairs that are to be merged, or other pairs that are not."""
        return SOLID_WEIGHT if self.merges and self.kind.startswith(SOLID) else 1.0

    def terms(self) -> npt.NDArray[np.float64]:
        """(k,) what the regression sees."""
        return np.array([term.of(self.figures) for term in TERMS])


def generated_examples(seed: int, items: int, *, n_jobs: int) -> Iterator[Example]:
    """The pairs that are found in a generated set."""
    with tempfile.TemporaryDirectory() as folder:
        truth = generated_set(Path(folder) / "set", items, seed=seed, n_jobs=n_jobs)
        yield from _examples(f"generated {seed}", truth, Path(folder), n_jobs)


def real_examples(
    sources: tuple[str, ...], copies: int, *, seed: int, n_jobs: int
) -> Iterator[Example]:
    """The pairs that are found among the real pictures of some folders, and copies made of them.

    None where there are no real pictures beside the repository.
    """
    data = real_truth()
    if data is None:
        return
    rows = [row for row in data.rows if Path(row.path).relative_to(REAL.parent).parts[0] in sources]
    with tempfile.TemporaryDirectory() as folder:
        truth = real_set(
            replace(data, rows=tuple(rows)),
            REAL.parent,
            Path(folder) / "copies",
            copies=copies,
            seed=seed,
            n_jobs=n_jobs,
        )
        yield from _examples("+".join(sources), truth, Path(folder), n_jobs)


def _examples(source: str, truth: LabelledSet, folder: Path, n_jobs: int) -> Iterator[Example]:
    known = {(pair.a, pair.b): pair for pair in truth.pairs}
    for pair in judge_set(truth, folder, n_jobs=n_jobs).pairs:
        label = known.get((pair.a, pair.b))
        if label is None or label.relation != IGNORE:
            yield _example(source, pair, label)


def _example(source: str, pair: JudgedPair, label: LabelledPair | None) -> Example:
    if label is None:
        return Example(source, DIFFERENT, DIFFERENT, dict(pair.evidence))
    return Example(source, label.transformation, label.relation, dict(pair.evidence))


def write_examples(path: Path, known: Iterable[Example]) -> None:
    """One line of JSON each."""
    path.write_text("".join(json.dumps(asdict(example)) + "\n" for example in known))


def read_examples(path: Path) -> list[Example]:
    """What `write_examples` wrote."""
    return [Example(**json.loads(line)) for line in path.read_text().splitlines()]
