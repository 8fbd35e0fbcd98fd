"""What each stage and each choice is worth, on pictures with known answers.

    python tools/bench_retrieval.py stages       what each stage adds
    python tools/bench_retrieval.py verification what is done for the shortlist, and expansion
    python tools/bench_retrieval.py scorers      every scorer, by size of vocabulary
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
    ExpansionOptions,
    FeatureOptions,
    ScoringOptions,
    SearchOptions,
    VerificationOptions,
    VocabularyOptions,
)

UNVERIFIED = SearchOptions(verification=None)
Row = tuple[str, FeatureOptions, VocabularyOptions, SearchOptions]


def stages() -> list[Row]:
    """What each stage adds, then every other scorer and way with bursts."""
    each = ScoringOptions(group_bursts=False)
    unverified = {"tf-idf": replace(each, scorer="tfidf", burstiness="none")}
    for scorer in ("hamming", "likelihood"):
        for way in ("none", "removal", "within", "between", "both"):
            unverified[f"{scorer}, {way}"] = replace(each, scorer=scorer, burstiness=way)
    unverified |= {
        "hamming, both, grouped": ScoringOptions(scorer="hamming", burstiness="both"),
        "likelihood, removal, grouped": ScoringOptions(),
        "likelihood, both, grouped": ScoringOptions(burstiness="both"),
        "ASMK*": replace(each, scorer="asmk"),
        "ASMK*, grouped": ScoringOptions(scorer="asmk"),
    }
    searches = {name: replace(UNVERIFIED, scoring=scoring) for name, scoring in unverified.items()}
    searches["the defaults: verified"] = SearchOptions()
    shared = (FeatureOptions(), VocabularyOptions())
    return [(name, *shared, search) for name, search in searches.items()]


def verification() -> list[Row]:
    """What re-matching, the end of verification and guided matching are worth, and expansion."""
    usual = VerificationOptions()
    choices = {
        "no re-matching, 500 at once": replace(
            usual, rematched_postings=0, shortlist=500, block=500, guided=0
        ),
        "matched again, 300 at once": replace(usual, block=300, guided=0),
        "blocks of 50 while they pay": replace(usual, guided=0),
        "guided: the defaults": usual,
    }
    searches = {name: SearchOptions(verification=options) for name, options in choices.items()}
    searches["expanded"] = SearchOptions(expansion=ExpansionOptions())
    searches["expanded, mirrored"] = SearchOptions(expansion=ExpansionOptions(), mirrored=True)
    shared = (FeatureOptions(), VocabularyOptions())
    return [(name, *shared, search) for name, search in searches.items()]


def scorers() -> list[Row]:
    """The scorers, with vocabularies of several sizes."""
    scorings = {
        "likelihood": ScoringOptions(),
        "Hamming": ScoringOptions(scorer="hamming", burstiness="both"),
        "ASMK*": ScoringOptions(scorer="asmk", group_bursts=False),
    }
    return [
        (f"{name}{shown}, {words or 'auto'} words", FeatureOptions(), VocabularyOptions(words), s)
        for words in (None, 16_384, 65_536)
        for name, scoring in scorings.items()
        for shown, s in (
            ("", replace(UNVERIFIED, scoring=scoring)),
            (", verified", SearchOptions(scoring=scoring)),
        )
    ]


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
    "verification": verification,
    "scorers": scorers,
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
