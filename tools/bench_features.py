"""Every extractor on pairs of pictures with a known homography, and in retrieval.

    python tools/bench_features.py [NAME...]     the extractors named, or all
    python tools/bench_features.py --variants    sift and surf (or those named): upright, thresholds
    python tools/bench_features.py --pairs-only | --retrieval-only
    python tools/bench_features.py --manifest MANIFEST --jobs N

Pairs (kpsearch/evaluation/pairs.py says how each figure is counted): both pictures are shrunk to
the extractor's working size first, and 3 px is meant in those. Means over the pairs of keypoints a
picture, repeatability, matching score, ratio-test matches that are right, and the share that is;
then how many homographies come out within 3 px; and milliseconds a picture on one thread, the
median, and over SIFT's: each picture is extracted by both in turn, three times, best of three,
and the sums are divided.

Retrieval is `kpsearch evaluate` with its defaults: mAP / recall@1 for each source, median
milliseconds of extraction in a query, bytes. Reads the pictures beside the repository, or MANIFEST
for retrieval; where they are absent it uses generated ones.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from bench_data import pairs_or_generated, truth_or_generated

from kpsearch.errors import UsageError
from kpsearch.evaluation import (
    Evaluation,
    HomographyPair,
    PairMeasure,
    Truth,
    evaluate,
    format_table,
    measure_pair,
    read_truth,
    resized_homography,
)
from kpsearch.features import EXTRACTORS, extract_features, make_extractor, shrink
from kpsearch.images import read_image
from kpsearch.options import FeatureOptions
from kpsearch.parallel import single_threaded
from kpsearch.types import FileFacts, Image, ImageSize

FOUND_PX = 3.0
REPEATS = 3
BASELINE = FeatureOptions("sift")
VARIANTS_OF = ("sift", "surf")

Row = tuple[str, FeatureOptions]
PAIR_HEADERS = [
    "keypoints",
    "repeatability",
    "matching",
    "correct",
    "precision",
    "found",
    "ms",
    "/ SIFT",
]


def extractors(names: Sequence[str]) -> list[Row]:
    return [(name, FeatureOptions(name)) for name in names or EXTRACTORS.names()]


def variants(names: Sequence[str]) -> list[Row]:
    rows = []
    for name in names or VARIANTS_OF:
        options = FeatureOptions(name)
        rows += [(name, options), (f"{name}, upright", replace(options, upright=True))]
        try:
            usual = make_extractor(name).default_threshold
        except UsageError:
            continue  # The row of the name says why.
        rows += [
            (f"{name}, threshold {usual * factor:g}", replace(options, threshold=usual * factor))
            for factor in (0.5, 2)
        ]
    return rows


def refusal(options: FeatureOptions) -> str | None:
    """Why these options cannot be measured: OpenCV lacks the extractor, or it lacks the mode."""
    pixels = np.random.default_rng(0).integers(256, size=(64, 64), dtype=np.uint8)
    noise = Image("noise", pixels, ImageSize(64, 64), FileFacts(0, 0, b""), "PNG")
    try:
        extract_features(noise, options)
    except UsageError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Sight:
    """Two pictures at working size, and the homography between those."""

    one: Image
    other: Image
    homography: np.ndarray


def load(pair: HomographyPair, max_side_px: int) -> Sight:
    originals = [read_image(path) for path in (pair.one_path, pair.other_path)]
    one, other = (shrunk(image, max_side_px) for image in originals)
    homography = resized_homography(
        pair.homography, (originals[0].size, one.size), (originals[1].size, other.size)
    )
    return Sight(one, other, homography)


def shrunk(image: Image, max_side_px: int) -> Image:
    pixels = shrink(image.pixels, max_side_px)
    return replace(image, pixels=pixels, size=ImageSize(pixels.shape[1], pixels.shape[0]))


def measure(sight: Sight, options: FeatureOptions) -> tuple[int, PairMeasure]:
    """Keypoints of both pictures together, and what they are worth."""
    one, other = (extract_features(image, options) for image in (sight.one, sight.other))
    binary = make_extractor(options.extractor).binary
    return len(one) + len(other), measure_pair(one, other, sight.homography, binary=binary)


def seconds(image: Image, options: FeatureOptions) -> float:
    started = time.perf_counter()
    extract_features(image, options)
    return time.perf_counter() - started


def best_seconds(image: Image, options: FeatureOptions) -> tuple[float, float]:
    """The extractor's and SIFT's on one picture, in turn."""
    turns = [(seconds(image, BASELINE), seconds(image, options)) for _ in range(REPEATS)]
    sift, ours = np.min(turns, axis=0)
    return float(ours), float(sift)


def pair_cells(sights: Sequence[Sight], options: FeatureOptions) -> list[str]:
    with single_threaded():
        counted = [measure(sight, options) for sight in sights]
        pictures = {image.path: image for s in sights for image in (s.one, s.other)}
        times = np.array([best_seconds(image, options) for image in pictures.values()])
    measures = [measured for _, measured in counted]
    found = sum(m.homography_error_px <= FOUND_PX for m in measures)
    return [
        f"{np.mean([keypoints / 2 for keypoints, _ in counted]):.0f}",
        f"{np.mean([m.repeatability for m in measures]):.3f}",
        f"{np.mean([m.matching_score for m in measures]):.3f}",
        f"{np.mean([m.correct for m in measures]):.1f}",
        f"{np.mean([m.precision for m in measures]):.3f}",
        f"{found}/{len(measures)}",
        f"{np.median(times[:, 0]) * 1000:.1f}",
        f"{np.divide(*times.sum(axis=0)):.2f}",
    ]


def retrieval_headers(truth: Truth) -> list[str]:
    sources = dict.fromkeys(row.source for row in truth.queries())
    return [*(source or "mAP / recall@1" for source in sources), "ms", "B/image", "B/kp"]


def retrieval_cells(truth: Truth, options: FeatureOptions, jobs: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as scratch:
        result: Evaluation = evaluate(
            truth, os.path.join(scratch, "index"), features=options, n_jobs=jobs
        )
    return [
        *(_figures(summary.map, summary.recall_at_1) for summary in result.sources.values()),
        f"{result.timings_ms['extract']:.1f}",
        f"{result.bytes_per_image:.0f}",
        f"{result.bytes_per_keypoint:.2f}",
    ]


def _figures(*means: float | None) -> str:
    return " / ".join("-" if mean is None else f"{mean:.3f}" for mean in means)


def print_table(
    title: str,
    rows: Sequence[Row],
    headers: Sequence[str],
    cells: Callable[[FeatureOptions], list[str]],
) -> None:
    """A line as each row is done, and then all of them aligned."""
    print(f"{title}\n  {'  '.join(headers)}", flush=True)
    table, refused = [], []
    for name, options in rows:
        why_not = refusal(options)
        if why_not is None:
            table.append([name, *cells(options)])
            print("  ".join(table[-1]), flush=True)
        else:
            refused.append(f"{name}: {why_not}")
            print(refused[-1], flush=True)
    print()
    print(format_table(["", *headers], table, align="l" + "r" * len(headers)))
    print("\n".join([*refused, ""]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none is given")
    parser.add_argument(
        "--variants", action="store_true", help="upright, half and double threshold"
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--pairs-only", action="store_true")
    only.add_argument("--retrieval-only", action="store_true")
    parser.add_argument("--manifest", help="another ground truth for retrieval")
    parser.add_argument("--jobs", type=int, default=-1, help="processes, for retrieval")
    given = parser.parse_args()
    if unknown := set(given.names) - set(EXTRACTORS.names()):
        parser.error(f"no extractor {min(unknown)!r}; there are {', '.join(EXTRACTORS.names())}")
    rows = (variants if given.variants else extractors)(given.names)
    if not given.retrieval_only:
        pairs, kind = pairs_or_generated()
        sights = [load(pair, FeatureOptions().max_side_px) for pair in pairs]
        title = f"{len(pairs)} {kind}"
        print_table(title, rows, PAIR_HEADERS, lambda options: pair_cells(sights, options))
    if not given.pairs_only:
        truth, kind = truth_or_generated()
        if given.manifest:
            truth, kind = read_truth(given.manifest), os.path.basename(given.manifest)
        title = f"{kind}: {len(truth.references())} references, {len(truth.queries())} queries"
        print_table(
            title,
            rows,
            retrieval_headers(truth),
            lambda options: retrieval_cells(truth, options, given.jobs),
        )


if __name__ == "__main__":
    main()
