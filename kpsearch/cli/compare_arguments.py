"""What ``kpsearch compare`` is asked for, checked before anything is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kpsearch.comparison import Distance, Facts, Recipe, RunFile


@dataclass(frozen=True, slots=True)
class Request:
    """The runs to compare; every name is of a run that there is or will be."""

    files: tuple[RunFile, ...]
    facts: tuple[tuple[str, Facts], ...]
    """Costs of the ``files``, by name."""
    recipes: tuple[Recipe, ...]
    outputs: tuple[tuple[str, str], ...]
    """Runs to write, and where."""


def read_request(
    runs: Sequence[str],
    distances: Sequence[str],
    facts: Sequence[str],
    recipes: Sequence[str],
    outputs: Sequence[str],
    baseline: str | None,
) -> Request:
    """What the arguments say; raises `UsageError` for what makes no sense."""
    from kpsearch.comparison import checked_baseline

    files = run_files(runs, distances)
    names = [file.name for file in files]
    costs = _facts(facts, names)
    fused = _recipes(recipes, names)
    names += [recipe.name for recipe in fused]
    checked_baseline(names, baseline)
    return Request(tuple(files), costs, fused, _outputs(outputs, names))


def run_files(runs: Sequence[str], distances: Sequence[str]) -> list[RunFile]:
    """The runs asked for, by name and file; raises `UsageError` for what makes no sense."""
    from kpsearch.comparison import RunFile
    from kpsearch.errors import UsageError

    named = [_named_file(run) for run in runs]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two runs are called {twice!r}; name them as NAME=FILE")
    default, by_name = _distances(distances)
    unknown = next((name for name in by_name if name not in names), None)
    if unknown is not None:
        raise UsageError(f"--distance {unknown}=...: no run is called so")
    return [RunFile(name, path, by_name.get(name, default)) for name, path in named]


def _named_file(run: str) -> tuple[str, str]:
    name, equals, path = run.partition("=")
    if equals and name and path and not os.path.exists(run):
        return name, path
    return os.path.splitext(os.path.basename(run))[0] or run, run


def _distances(given: Sequence[str]) -> tuple[Distance, dict[str, Distance]]:
    from kpsearch.comparison import DISTANCES
    from kpsearch.errors import UsageError

    default: Distance = "cosine"
    by_name: dict[str, Distance] = {}
    for text in given:
        name, equals, wanted = text.rpartition("=")
        distance = next((known for known in DISTANCES if known == wanted), None)
        if distance is None:
            raise UsageError(f"--distance {text}: say {' or '.join(DISTANCES)}, NAME= before it")
        if equals:
            by_name[name] = distance
        else:
            default = distance
    return default, by_name


def _facts(given: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, Facts], ...]:
    from kpsearch.comparison import parse_facts
    from kpsearch.errors import UsageError

    found = []
    for text in given:
        name, facts = parse_facts(text)
        if name not in names:
            raise UsageError(f"--facts {text}: no run is called {name!r}")
        found.append((name, facts))
    return tuple(found)


def _recipes(given: Sequence[str], names: Sequence[str]) -> tuple[Recipe, ...]:
    from kpsearch.comparison import parse_recipe
    from kpsearch.comparison.fusion import require_parts
    from kpsearch.errors import UsageError

    known = list(names)
    recipes = []
    for text in given:
        recipe = parse_recipe(text)
        if recipe.name in known:
            raise UsageError(f"--fuse {text}: there is a run {recipe.name!r}; use another name")
        require_parts(recipe, known)
        known.append(recipe.name)
        recipes.append(recipe)
    return tuple(recipes)


def _outputs(given: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    from kpsearch.cli.output import require_place
    from kpsearch.errors import UsageError

    pairs = []
    for text in given:
        name, _, path = text.partition("=")
        if not path or name not in names:
            raise UsageError(f"--write-run {text}: say NAME=FILE; there is {', '.join(names)}")
        require_place(path)
        pairs.append((name, path))
    return tuple(pairs)
