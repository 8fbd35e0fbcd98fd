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
    *,
    baseline: str | None,
    truth: str,
) -> Request:
    """What the arguments say; raises `UsageError` for what makes no sense.

    No run is written over ``truth``, a file or folder, or over a run that is read.
    """
    from kpsearch.comparison import checked_baseline

    files = run_files(runs, distances)
    names = [file.name for file in files]
    costs = _facts(facts, names)
    fused = _recipes(recipes, names)
    names += [recipe.name for recipe in fused]
    checked_baseline(names, baseline)
    read = [path for file in files for path in _files_of(file.path)]
    targets = _outputs(outputs, names, taken=[truth, *read])
    return Request(tuple(files), costs, fused, targets)


def run_files(runs: Sequence[str], distances: Sequence[str]) -> list[RunFile]:
    """The runs asked for, by name and file; raises `UsageError` for what makes no sense."""
    from kpsearch.comparison import RunFile
    from kpsearch.comparison.embedding_files import is_embedding_file
    from kpsearch.errors import UsageError

    named = [_named_file(run) for run in runs]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two runs are called {twice!r}; name them as NAME=FILE")
    by_name = _distances(distances)
    default = by_name.pop("", None)
    embedded = [name for name, path in named if is_embedding_file(path)]
    for name, distance in by_name.items():
        if name not in names:
            raise UsageError(f"--distance {name}=...: no run is called so")
        if name not in embedded:
            raise UsageError(f"--distance {name}={distance}: {name} is a TREC run, no embeddings")
    if default is not None and set(embedded) <= set(by_name):
        raise UsageError(f"--distance {default}: there are no embeddings that it would be of")
    return [RunFile(name, path, by_name.get(name, default or "cosine")) for name, path in named]


def _named_file(run: str) -> tuple[str, str]:
    from kpsearch.errors import UsageError

    if not run:
        raise UsageError("an empty path names no run; is a variable not set?")
    name, equals, path = run.partition("=")
    if equals and name and path and not os.path.exists(run):
        return name, path
    return os.path.splitext(os.path.basename(run))[0] or run, run


def _files_of(path: str) -> list[str]:
    """A run's file, and those of its stem that are read with it."""
    stem, ending = os.path.splitext(path)
    ids = (".txt", ".csv") if ending.lower() == ".npy" else ()
    return [path, *(stem + beside for beside in (".json", *ids))]


def _distances(given: Sequence[str]) -> dict[str, Distance]:
    """By the run's name; that of all others by the empty one."""
    from kpsearch.comparison import DISTANCES
    from kpsearch.errors import UsageError

    by_name: dict[str, Distance] = {}
    for text in given:
        name, equals, wanted = text.rpartition("=")
        distance = next((known for known in DISTANCES if known == wanted), None)
        if distance is None:
            raise UsageError(f"--distance {text}: say {' or '.join(DISTANCES)}, NAME= before it")
        if equals and not name:
            raise UsageError(f"--distance {text}: name the run before the =")
        if name in by_name:
            raise UsageError(f"--distance {text}: {by_name[name]} was said before; say it once")
        by_name[name] = distance
    return by_name


def _facts(given: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, Facts], ...]:
    from kpsearch.comparison import parse_facts
    from kpsearch.errors import UsageError

    found: dict[str, Facts] = {}
    for text in given:
        name, facts = parse_facts(text)
        if name not in names:
            raise UsageError(f"--facts {text}: no run is called {name!r}")
        if name in found:
            raise UsageError(f"--facts {text}: the costs of {name} were said before; say them once")
        found[name] = facts
    return tuple(found.items())


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


def _outputs(
    given: Sequence[str], names: Sequence[str], *, taken: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    from kpsearch.cli.output import require_place
    from kpsearch.errors import UsageError

    used = set(map(os.path.realpath, taken))
    pairs = []
    for text in given:
        name, _, path = text.partition("=")
        if not path or name not in names:
            raise UsageError(f"--write-run {text}: say NAME=FILE; there is {', '.join(names)}")
        require_place(path)
        place = os.path.realpath(path)
        if place in used:
            raise UsageError(f"--write-run {text}: the file is read, or written, already")
        used.add(place)
        pairs.append((name, path))
    return tuple(pairs)
