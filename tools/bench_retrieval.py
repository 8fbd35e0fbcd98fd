"""What each stage and each choice is worth, on pictures with known answers.

    python tools/bench_retrieval.py stages       what each stage adds
    python tools/bench_retrieval.py features     longest side, keypoints, threshold
    python tools/bench_retrieval.py vocabulary   words, seeds of the training
    python tools/bench_retrieval.py assignment   words looked up for a keypoint of the query

Prints a table: mAP / recall@1 for each source, milliseconds a query and bytes an image. Reads the
ground truth beside the repository, or MANIFEST given by --manifest; without either it uses a
generated catalogue. Features are read once for all rows that share them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench_data import truth_or_generated

from kpsearch.evaluation import Evaluation, Truth, evaluate, format_table, read_truth
from kpsearch.options import (
    FeatureOptions,
    ScoringOptions,
    SearchOptions,
    VocabularyOptions,
)

UNVERIFIED = SearchOptions(verification=None)
Row = tuple[str, FeatureOptions, VocabularyOptions, SearchOptions]


def stages() -> list[Row]:
    scorings = [
        ("tf-idf", ScoringOptions(weighting="tfidf", remove_bursts=False)),
        ("+ Hamming embedding", ScoringOptions(weighting="hamming", remove_bursts=False)),
        ("+ burst removal", ScoringOptions(weighting="hamming")),
        ("likelihood weights instead", ScoringOptions()),
    ]
    rows = [
        (name, FeatureOptions(), VocabularyOptions(), replace(UNVERIFIED, scoring=scoring))
        for name, scoring in scorings
    ]
    rows.append(("+ verification", FeatureOptions(), VocabularyOptions(), SearchOptions()))
    return rows


def features() -> list[Row]:
    choices = [
        FeatureOptions(),
        FeatureOptions(threshold=0.04),
        FeatureOptions(threshold=0.02),
        FeatureOptions(max_side_px=640),
        FeatureOptions(max_side_px=1024),
        FeatureOptions(max_keypoints=500),
        FeatureOptions(max_keypoints=1500),
        FeatureOptions(max_keypoints=2000, max_side_px=1024),
    ]
    return [
        (
            f"{o.max_side_px} px, {o.max_keypoints}, threshold {o.threshold or 'default'}",
            o,
            VocabularyOptions(),
            SearchOptions(),
        )
        for o in choices
    ]


def vocabulary() -> list[Row]:
    choices = [
        *(VocabularyOptions(words=words) for words in (1024, 4096, 16_384, 65_536)),
        *(VocabularyOptions(seed=seed) for seed in range(3)),
    ]
    return [
        (f"{o.words or 'auto'} words, seed {o.seed}", FeatureOptions(), o, SearchOptions())
        for o in choices
    ]


def assignment() -> list[Row]:
    return [
        (
            f"{count} words",
            FeatureOptions(),
            VocabularyOptions(),
            SearchOptions(scoring=ScoringOptions(assignments=count)),
        )
        for count in (1, 2, 3, 5)
    ]


TABLES = {
    "stages": stages,
    "features": features,
    "vocabulary": vocabulary,
    "assignment": assignment,
}


def measure(truth: Truth, row: Row, folder: Path, jobs: int) -> Evaluation:
    """Evaluate one row; rows with the same features and vocabulary share an index."""
    _, wanted, training, search = row
    name = "-".join(map(str, (*vars_of(wanted), *vars_of(training)))).replace("/", "_")
    return evaluate(
        truth, folder / name, features=wanted, vocabulary=training, search=search, n_jobs=jobs
    )


def vars_of(options: FeatureOptions | VocabularyOptions) -> list[object]:
    return [getattr(options, name) for name in options.__dataclass_fields__]


def cells(name: str, result: Evaluation, seconds: float) -> list[str]:
    figures = [f"{s.map:.3f} / {s.recall_at_1:.3f}" for s in result.sources.values()]
    query_ms = sum(ms for stage, ms in result.timings_ms.items() if stage != "report")
    return [
        name,
        *figures,
        f"{query_ms:.0f}",
        f"{result.bytes_per_image:.0f}",
        f"{result.bytes_per_keypoint:.2f}",
        f"{seconds:.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--manifest", help="another ground truth")
    parser.add_argument("--jobs", type=int, default=-1)
    given = parser.parse_args()
    truth, kind = truth_or_generated()
    if given.manifest:
        truth, kind = read_truth(given.manifest), os.path.basename(given.manifest)
    print(f"{kind}: {len(truth.references())} references, {len(truth.queries())} queries")
    table: list[list[str]] = []
    headers: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as scratch:
        for row in TABLES[given.table]():
            started = time.perf_counter()
            result = measure(truth, row, Path(scratch), given.jobs)
            table.append(cells(row[0], result, time.perf_counter() - started))
            headers = [given.table, *result.sources, "ms", "B/image", "B/kp", "s"]
            print("  ".join(table[-1]), flush=True)
    print()
    print(format_table(headers, table, align="l" + "r" * (len(headers) - 1)))


if __name__ == "__main__":
    main()
