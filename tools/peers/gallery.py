"""Which pictures are looked for among which: queries drawn evenly, distractors, small galleries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.evaluation import Truth, TruthRow
from kpsearch.images import find_images
from kpsearch.synthetic import CatalogueSpec, write_catalogue


def drawn_queries(truth: Truth, count: int, sources: Sequence[str], seed: int) -> list[TruthRow]:
    """``count`` queries of each source (all, for 0), in the order of the truth.

    Of ``sources`` each is a part of a source's name, in any case; none means all. Raises
    `UsageError` for one that is part of none.
    """
    known = sorted({row.source for row in truth.queries()})
    for part in sources:
        if not any(part.lower() in source.lower() for source in known):
            raise UsageError(f"no query is of a source like {part!r}; there are {', '.join(known)}")
    by_source: dict[str, list[TruthRow]] = {}
    for row in truth.queries():
        if not sources or any(part.lower() in row.source.lower() for part in sources):
            by_source.setdefault(row.source, []).append(row)
    rng = np.random.default_rng(seed)
    return [
        rows[i]
        for rows in by_source.values()
        for i in sorted(rng.permutation(len(rows))[: count or len(rows)])
    ]


def reduced_gallery(
    truth: Truth, row: TruthRow, gallery: Sequence[str], others: int, seed: int
) -> frozenset[str]:
    """The right references of a query and a sample of ``others`` wrong ones, never itself."""
    relevant = truth.relevant(row)
    wrong = [path for path in gallery if path not in relevant and path != row.path]
    rng = np.random.default_rng([seed, *os.fsencode(row.path)])
    return relevant | {wrong[i] for i in rng.permutation(len(wrong))[:others]}


def find_distractors(
    given: Sequence[str], count: int, known: Sequence[str], seed: int
) -> list[str]:
    """``count`` pictures that are no reference, for nothing to match.

    First those of the folders ``given``, in a random order; beyond them a generated catalogue,
    kept between runs. Raises `UsageError` for one of the folders that is none or has no picture.
    """
    for folder in given:
        if not os.path.isdir(folder):
            raise UsageError(f"{folder}: no folder of distractors")
        if not any(True for _ in find_images([folder])):
            raise UsageError(f"{folder}: has no picture to take for a distractor")
    taken = {os.path.realpath(path) for path in known}
    found = [os.path.abspath(path) for path in find_images(given)]
    real = [path for path in dict.fromkeys(found) if os.path.realpath(path) not in taken]
    order = np.random.default_rng(seed).permutation(len(real))[:count]
    return [*(real[i] for i in order), *generated(count - len(order))]


def generated(count: int) -> list[str]:
    """Catalogue pictures of ``count`` generated items."""
    if count < 1:
        return []
    folder = Path(tempfile.gettempdir()) / f"kpsearch-distractors-{count}"
    write_catalogue(CatalogueSpec(count), folder, queries=0, n_jobs=1)
    return sorted(os.fspath(path) for path in (folder / "catalogue").iterdir())
