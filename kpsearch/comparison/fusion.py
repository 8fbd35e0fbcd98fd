"""Late fusion: one ranking from those of several runs, without looking at a picture again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from kpsearch.comparison.calibration import calibrated_rankings
from kpsearch.comparison.facts import total
from kpsearch.comparison.runs import DEPTH, Ranking, Run
from kpsearch.errors import UsageError
from kpsearch.evaluation import Truth

RRF_K = 60
"""Of reciprocal rank fusion: the value of Cormack et al., who found it not to matter much."""
DEFAULT_METHOD = "rrf"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run to be made from others."""

    name: str
    parts: tuple[str, ...]
    """Names of at least two runs."""
    method: str = DEFAULT_METHOD
    """A key of `METHODS`."""


def parse_recipe(text: str) -> Recipe:
    """The recipe in ``NAME=RUN1+RUN2[+...][:METHOD]``; raises `UsageError` for anything else."""
    name, equals, rest = text.partition("=")
    runs, colon, method = rest.rpartition(":")
    if not colon:
        runs, method = rest, DEFAULT_METHOD
    parts = tuple(runs.split("+"))
    if not name or not equals or len(parts) < 2 or not all(parts):
        raise UsageError(
            f"--fuse {text}: say NAME=RUN1+RUN2, and :{' or :'.join(METHODS)} if wanted"
        )
    if method not in METHODS:
        raise UsageError(f"--fuse {text}: no method {method!r}; known: {', '.join(METHODS)}")
    if len(set(parts)) < len(parts):
        raise UsageError(f"--fuse {text}: names a run twice")
    return Recipe(name, parts, method)


def fuse(
    recipe: Recipe, runs: Mapping[str, Run], truth: Truth, *, depth: int = DEPTH, seed: int = 0
) -> Run:
    """The fused run of those that the recipe names; it costs what they cost together.

    Raises `UsageError` when one of them is not among ``runs``, or cannot be calibrated.
    """
    require_parts(recipe, runs)
    parts = [runs[name] for name in recipe.parts]
    rankings = METHODS[recipe.method](parts, truth, seed)
    return Run(
        recipe.name,
        {query: ranking[:depth] for query, ranking in rankings.items()},
        total(part.facts for part in parts),
    )


def require_parts(recipe: Recipe, names: Collection[str]) -> None:
    """Raise `UsageError` when a run that the recipe needs is not among the ``names``."""
    unknown = [name for name in recipe.parts if name not in names]
    if unknown:
        raise UsageError(
            f"{recipe.name}: no run {unknown[0]!r} to fuse; there is {', '.join(names)}"
        )


def reciprocal_rank(rankings: Sequence[Ranking]) -> Ranking:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009): the sum of 1 / (60 + rank).

    Ranks count from 1; a ranking that does not have a picture adds nothing to it. Equal sums are in
    the order of the first ranking, then of the second.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, (path, _) in enumerate(ranking, 1):
            scores[path] = scores.get(path, 0.0) + 1 / (RRF_K + rank)
    return tuple(sorted(scores.items(), key=lambda hit: -hit[1]))


def _by_rank(runs: Sequence[Run], truth: Truth, seed: int) -> dict[str, Ranking]:
    queries = dict.fromkeys(query for run in runs for query in run.rankings)
    return {
        query: reciprocal_rank([run.rankings.get(query, ()) for run in runs]) for query in queries
    }


METHODS: Mapping[str, Callable[[Sequence[Run], Truth, int], Mapping[str, Ranking]]] = {
    "rrf": _by_rank,
    "calibrated": calibrated_rankings,
}
"""How runs are fused, by name: rankings by query from the runs, the truth and a seed."""
