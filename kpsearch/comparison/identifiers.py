"""Which picture or query of a ground truth an id in somebody's file means."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

from kpsearch.evaluation import Truth


class PictureNames:
    """Finds the picture that an id names, by its path in the truth, and the query, by its query id.

    In this order, the first that fits: the path itself; the path relative to the folder of the
    manifest, or to that of the data set; relative to the working directory; for an id without a
    folder the name of a file that only one picture of the truth has, and then such a name without
    its ending. A query that asks about a part of a picture has an id with the rectangle after the
    path; the picture alone names it, too, where nothing else is asked about the picture.
    """

    def __init__(self, truth: Truth, place: str) -> None:
        paths = list(dict.fromkeys(row.path for row in truth.rows))
        queries = {row.query_id: row.path for row in truth.queries()}
        self._paths = {path: path for path in paths}
        self._names = _unique(paths, os.path.basename)
        self._stems = _unique(paths, lambda path: os.path.splitext(os.path.basename(path))[0])
        self._queries = {query: query for query in queries}
        self._query_names = _unique(queries, os.path.basename)
        self._only_query_of = _unique(queries, lambda query: queries[query])
        home = os.path.abspath(place)
        self._folders = (home if os.path.isdir(home) else os.path.dirname(home), os.getcwd())
        # A run repeats its ids query by query.
        self.path_of = lru_cache(maxsize=None)(self._path_of)
        self.query_of = lru_cache(maxsize=None)(self._query_of)

    def _path_of(self, identifier: str) -> str | None:
        """The path in the truth, None for an id that names none of its pictures."""
        return (
            self._within(identifier, self._paths)
            or self._names.get(identifier)
            or self._stems.get(identifier)
        )

    def _query_of(self, identifier: str) -> str | None:
        """The query id in the truth, None for an id that names none of its queries."""
        return (
            self._within(identifier, self._queries)
            or self._query_names.get(identifier)
            or self._only_query_of.get(self.path_of(identifier) or "")
        )

    def _within(self, identifier: str, known: dict[str, str]) -> str | None:
        for folder in self._folders:
            path = known.get(os.path.abspath(os.path.join(folder, identifier)))
            if path is not None:
                return path
        return None


def _unique(paths: Iterable[str], name_of: Callable[[str], str]) -> dict[str, str]:
    """The path that has a name, for each name that only one path has."""
    named = [(name_of(path), path) for path in paths]
    count = Counter(name for name, _ in named)
    return {name: path for name, path in named if count[name] == 1}
