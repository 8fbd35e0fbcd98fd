"""ASMK* (Tolias, Avrithis & Jégou 2013) by the package of its authors' group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from peers.keypoints import Described
from peers.peer import Query, Ranked, Setting, Unavailable, best_first, timed

DESCRIPTORS_A_WORD = 30
"""k-means learns nothing from fewer; more words than that are not trained."""
LARGEST = 65_536
TRAINED_ON = 1000
"""Images whose descriptors k-means sees, drawn at random: as many as for COLMAP's tree."""
SAMPLED = 2_000_000
BATCH = 200
"""Images added at a time: descriptors are held as floats meanwhile."""


class Asmk:
    """kpsearch's RootSIFT in a binary inverted file of aggregated residuals."""

    def __init__(self, setting: Setting) -> None:
        try:
            import faiss
            from asmk import asmk_method
        except ImportError as error:
            raise Unavailable(f"pip install asmk faiss-cpu ({error})") from error
        faiss.omp_set_num_threads(1)
        self.method: Any = asmk_method.ASMKMethod
        self.keypoints = setting.keypoints
        self.description = f"asmk {version('asmk')}, binary"

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        self.references = list(references)
        described = [self.keypoints(path) for path in references]
        reading = sum(each.spent.wall_ms for each in described) / 1000
        started = time.perf_counter()
        sample = training_sample(described)
        words = words_for(len(sample))
        trained = self.method.initialize_untrained(parameters(words)).train_codebook(sample)
        self.built = self._filled(trained, described)
        self.description += f", {words} words, alpha 3, threshold 0, 5 words a keypoint"
        lists = self.built.inverted_file
        filled = [i for i, count in enumerate(lists.counts) if count]
        size = sum(
            int(lists.counts[i]) * (lists.ivf_vecs[i][0].nbytes + lists.ivf_image_ids[i].itemsize)
            for i in filled
        )
        return size + self.built.codebook.centroids.nbytes, reading + time.perf_counter() - started

    def _filled(self, trained: Any, described: Sequence[Described]) -> Any:
        builder = trained.create_ivf_builder()
        for low in range(0, len(described), BATCH):
            numbered = list(enumerate(described[low : low + BATCH], start=low))
            numbered = [(number, each) for number, each in numbered if len(each.rows)]
            if numbered:
                builder.add(
                    np.concatenate([each.descriptors for _, each in numbered]),
                    np.concatenate([np.full(len(each.rows), number) for number, each in numbered]),
                )
        return trained.add_ivf_builder(builder)

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        return [self._ranked(query.path) for query in queries]

    def _ranked(self, path: str) -> Ranked:
        described = self.keypoints(path)
        if not len(described.rows):
            return Ranked((), described.spent, described.spent)
        with timed() as watch:
            numbers = np.zeros(len(described.rows), np.int64)
            _, _, ranks, scores = self.built.query_ivf(described.descriptors, numbers)
            paths = [self.references[i] for i in ranks[0]]
            hits = best_first(paths, scores[0])
        return Ranked(hits, described.spent, watch.spent)


def training_sample(described: Sequence[Described]) -> np.ndarray:
    """(n, 128) at most `SAMPLED` descriptors, evenly from at most `TRAINED_ON` images."""
    drawn = sorted(np.random.default_rng(0).permutation(len(described))[:TRAINED_ON])
    chosen = [described[i] for i in drawn]
    total = sum(len(each.rows) for each in chosen)
    step = max(1, -(-total // SAMPLED))
    return np.concatenate([each.descriptors[::step] for each in chosen])


def words_for(descriptors: int) -> int:
    """The largest power of two that leaves each word `DESCRIPTORS_A_WORD`."""
    return int(min(LARGEST, 2 ** max(4, int(np.log2(descriptors / DESCRIPTORS_A_WORD)))))


def parameters(words: int) -> dict[str, Any]:
    """The package's own, with its example's values."""
    return {
        "index": {"gpu_id": None},
        "train_codebook": {"codebook": {"size": words}},
        "build_ivf": {
            "kernel": {"binary": True},
            "ivf": {"use_idf": False},
            "quantize": {"multiple_assignment": 1},
            "aggregate": {},
        },
        "query_ivf": {
            "quantize": {"multiple_assignment": 5},
            "aggregate": {},
            "search": {"topk": None},
            "similarity": {"similarity_threshold": 0.0, "alpha": 3.0},
        },
    }
