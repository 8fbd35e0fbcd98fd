"""kpsearch itself, with its defaults."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from kpsearch.evaluation.protocols import MANIFEST
from kpsearch.evaluation.run import evaluation_options
from kpsearch.indexing import build_index
from kpsearch.options import SearchOptions
from kpsearch.search import Searcher
from kpsearch.version import __version__
from peers.peer import Query, Ranked, Setting, Spent, timed


class Engine:
    """kpsearch as ``kpsearch evaluate`` runs it."""

    description = f"kpsearch {__version__}, defaults"

    def __init__(self, setting: Setting) -> None:
        pass

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        started = time.perf_counter()
        build_index(references, folder, n_jobs=1)
        seconds = time.perf_counter() - started
        self.searcher = Searcher.open(folder)
        return self.searcher.snapshot.size_bytes, seconds

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        options = evaluation_options(SearchOptions(), self.searcher.snapshot.slots, MANIFEST)
        return [self._ranked(query.path, options) for query in queries]

    def _ranked(self, path: str, options: SearchOptions) -> Ranked:
        with timed() as whole:
            answer = self.searcher.query(path, options, exclude=[path])
        stages = answer.timings_ms
        extraction_ms = stages["read"] + stages["extract"]
        share = whole.spent.cpu_ms / whole.spent.wall_ms
        search_ms = whole.spent.wall_ms - extraction_ms
        return Ranked(
            hits=tuple((hit.path, hit.score) for hit in answer.hits),
            extraction=Spent(extraction_ms, extraction_ms * share),
            search=Spent(search_ms, search_ms * share),
        )
