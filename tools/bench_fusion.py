"""Keypoints alone, a deep embedding alone, and the two fused, on pictures with known answers.

    python tools/bench_fusion.py MODEL.onnx [--mean A,B,C --std A,B,C] [--manifest MANIFEST.csv]

Prints mAP / recall@1 of each for each source, what fusion gains over the better of the two, how
much that depends on the steepness, and the steepness that the other sources would have chosen
(leave one source out). Reads the ground truth beside the repository, or MANIFEST; without either it
uses a generated catalogue.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from bench_data import truth_or_generated

from kpsearch.embedding import in_colour
from kpsearch.evaluation import (
    QueryOutcome,
    SourceSummary,
    Truth,
    format_table,
    read_truth,
    summarise,
)
from kpsearch.features import extract_features
from kpsearch.images import read_image
from kpsearch.indexing import build_index
from kpsearch.options import EmbeddingOptions, FusionOptions, SearchOptions
from kpsearch.parallel import single_threaded
from kpsearch.scoring import embedding_evidence
from kpsearch.search import Searcher, StageLog, View
from kpsearch.search.fusion import cosines, embedder_for

STEEPNESSES = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
Ranking = list[int]
"""Slots, best first."""
Figures = dict[str, SourceSummary]
Cell = tuple[float, float]
"""mAP and recall@1."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """All that was found out about each query: rows are queries, columns slots."""

    keypoints: list[Ranking]
    fused: list[Ranking]
    scores: npt.NDArray[np.float64]
    """Of the keypoints, after verification; 0 where nothing matched."""
    cosines: npt.NDArray[np.float32]
    barred: npt.NDArray[np.bool_]
    """The query itself."""
    milliseconds: dict[str, float]


def gather(truth: Truth, searcher: Searcher, model: str) -> Gathered:
    snapshot = searcher.snapshot
    alone = SearchOptions(limit=max(snapshot.slots, 1))
    options = replace(alone, fuse=FusionOptions(model))
    shape = (len(truth.queries()), snapshot.slots)
    scores, likeness = np.zeros(shape), np.zeros(shape, np.float32)
    barred, embedder = np.zeros(shape, np.bool_), embedder_for(snapshot, FusionOptions(model))
    rankings: tuple[list[Ranking], list[Ranking]] = ([], [])
    spent: dict[str, list[float]] = {"keypoints": [], "embedding": [], "fused ranking": []}
    for row, query in enumerate(truth.queries()):
        exclude = [query.path] if query.is_reference else []
        barred[row, [slot for path in exclude if (slot := snapshot.find(path)) is not None]] = True
        picture = read_image(query.path, at_least_px=800)
        started = [time.perf_counter()]
        features = extract_features(picture, snapshot.manifest.features)
        views = [View.whole(features)]
        hits = searcher.rank(views, alone, StageLog(), exclude=exclude)
        started.append(time.perf_counter())
        vector = embedder.embed(in_colour(picture, embedder))
        started.append(time.perf_counter())
        both = searcher.rank(views, options, StageLog(), exclude=exclude, vector=vector)
        started.append(time.perf_counter())
        for ranking, found in zip(rankings, (hits, both), strict=True):
            ranking.append([slot for h in found if (slot := snapshot.slot_of(h.id)) is not None])
        scores[row, rankings[0][-1]] = [hit.score for hit in hits]
        likeness[row] = cosines(snapshot, vector)
        for name, taken in zip(spent, np.diff(started), strict=True):
            spent[name].append(1000 * float(taken))
    medians = {name: float(np.median(values)) for name, values in spent.items()}
    return Gathered(rankings[0], rankings[1], scores, likeness, barred, medians)


def ranked(scores: npt.NDArray[np.floating], barred: npt.NDArray[np.bool_]) -> list[Ranking]:
    orders = np.argsort(np.where(barred, np.inf, -scores), axis=1, kind="stable")
    return [
        order[: len(order) - left_out].tolist()
        for order, left_out in zip(orders, barred.sum(axis=1), strict=True)
    ]


def figures(truth: Truth, searcher: Searcher, rankings: list[Ranking]) -> Figures:
    outcomes = []
    for query, ranking in zip(truth.queries(), rankings, strict=True):
        relevant = {searcher.snapshot.find(path) for path in truth.relevant(query)}
        outcomes.append(
            QueryOutcome(
                query=query.path,
                source=query.source,
                relevant_positions=tuple(i for i, s in enumerate(ranking) if s in relevant),
                n_relevant=len(relevant),
                group_of_four=False,
                answered=True,
            )
        )
    return summarise(outcomes, "rectangle")


def cell(figures: Figures, source: str) -> Cell:
    found = figures[source]
    return float(found.map or 0), float(found.recall_at_1 or 0)


def main() -> None:
    given = arguments()
    numbers = {
        name: tuple(map(float, value.split(",")))
        for name, value in (("mean", given.mean), ("std", given.std))
        if value
    }
    with tempfile.TemporaryDirectory() as scratch, single_threaded():
        truth = read_truth(given.manifest) if given.manifest else truth_or_generated()[0]
        index = given.index or scratch + "/index"
        build_index(
            [row.path for row in truth.references()],
            index,
            embed=given.model,
            embedding=EmbeddingOptions(**numbers) if numbers else None,
        )
        searcher = Searcher.open(index)
        found = gather(truth, searcher, given.model)
        report(truth, searcher, found)


def report(truth: Truth, searcher: Searcher, found: Gathered) -> None:
    keypoints = figures(truth, searcher, found.keypoints)
    deep = figures(truth, searcher, ranked(found.cosines, found.barred))
    fused = figures(truth, searcher, found.fused)
    rows = []
    for source in keypoints:
        cells = [cell(x, source) for x in (keypoints, deep, fused)]
        better = [max(a, b) for a, b in zip(cells[0], cells[1], strict=True)]
        gain = [f - b for f, b in zip(cells[2], better, strict=True)]
        shown = [f"{a:.4f} / {b:.3f}" for a, b in cells]
        rows.append([source or "(no source)", *shown, f"{gain[0]:+.4f} / {gain[1]:+.3f}"])
    headers = ["mAP / recall@1", "keypoints", "embedding", "fused", "over the better"]
    print(format_table(headers, rows, align="lrrrr"))
    manifest = searcher.snapshot.manifest
    dimensions = manifest.embedding.dimensions if manifest.embedding else 0
    print(f"\n{dimensions} dimensions, {2 * dimensions} bytes an image more;")
    print("median ms:", ", ".join(f"{k} {v:.1f}" for k, v in found.milliseconds.items()))
    sensitivity(truth, searcher, found, keypoints, deep)


def sensitivity(
    truth: Truth, searcher: Searcher, found: Gathered, keypoints: Figures, deep: Figures
) -> None:
    """The gain over the better of the two in mAP, by steepness; and which the others choose."""
    gains: dict[float, dict[str, float]] = {}
    for steepness in STEEPNESSES:
        evidence = np.stack(
            [
                embedding_evidence(cosine, cosine[~barred], steepness)
                for cosine, barred in zip(found.cosines, found.barred, strict=True)
            ]
        )
        measured = figures(truth, searcher, ranked(found.scores + evidence, found.barred))
        gains[steepness] = {
            source: cell(measured, source)[0]
            - max(cell(keypoints, source)[0], cell(deep, source)[0])
            for source in keypoints
        }
    print("\nGain in mAP over the better of the two, by steepness:")
    rows = [[source, *(f"{gains[s][source]:+.4f}" for s in STEEPNESSES)] for source in keypoints]
    print(format_table(["", *map(str, STEEPNESSES)], rows, align="l" + "r" * len(STEEPNESSES)))
    print("\nChosen by the other sources (no loss, then most gain), and what it gives this one:")
    for source in keypoints:
        others = [other for other in keypoints if other != source]
        chosen = max(
            STEEPNESSES,
            key=lambda s: (
                min(0.0, *(gains[s][other] for other in others)),
                sum(gains[s][other] for other in others),
            ),
        )
        print(f"  {source}: {chosen:g}, {gains[chosen][source]:+.4f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--mean", help="of the channels, A,B,C")
    parser.add_argument("--std", help="of the channels, A,B,C")
    parser.add_argument("--manifest")
    parser.add_argument("--index", help="keep the index here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
