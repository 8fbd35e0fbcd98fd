"""Which picture of a ground truth an id in somebody's file means."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

from kpsearch.evaluation import Truth


class PictureNames:
    """Finds the picture that an id names, by its path in the truth.

    In this order, the first that fits: the path itself; the path relative to the manifest's folder;
    relative to the working directory; for an id without a folder the name of a file that only
    one picture of the truth has, and then such a name without its ending.
    """

    def __init__(self, truth: Truth, manifest: str) -> None:
        paths = list(dict.fromkeys(row.path for row in truth.rows))
        self._paths = {path: path for path in paths}
        self._names = _unique(paths, os.path.basename)
        self._stems = _unique(paths, lambda path: os.path.splitext(os.path.basename(path))[0])
        self._folders = (os.path.dirname(os.path.abspath(manifest)), os.getcwd())
        self._found = lru_cache(maxsize=None)(self._find)  # a run repeats its ids query by query

    def path_of(self, identifier: str) -> str | None:
        """The path in the truth, None for an id that names none of its pictures."""
        return self._found(identifier)

    def _find(self, identifier: str) -> str | None:
        for folder in self._folders:
            path = self._paths.get(os.path.abspath(os.path.join(folder, identifier)))
            if path is not None:
                return path
        return self._names.get(identifier) or self._stems.get(identifier)


def _unique(paths: Iterable[str], name_of: Callable[[str], str]) -> dict[str, str]:
    """The path that has a name, for each name that only one path has."""
    named = [(name_of(path), path) for path in paths]
    count = Counter(name for name, _ in named)
    return {name: path for name, path in named if count[name] == 1}
