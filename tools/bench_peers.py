"""kpsearch beside other ways to find a picture: same pictures, same machine, same run.

    python tools/bench_peers.py                                    40 queries a source, all peers
    python tools/bench_peers.py --queries 0 --peers kpsearch,colmap
    python tools/bench_peers.py --levels 0,1000,5000 --distractors FOLDER
    python tools/bench_peers.py --model NETWORK.onnx --runs DIR

Prints two tables, mAP / recall@1 for each source: one on the whole gallery, and one where each
query looks among its right references and some others drawn at random (--others), which is all
that the brute-force matcher has time for. Search is what a query takes once its picture is
described, query is all of it; both are medians, in milliseconds of one processor. docs/peers.md
says how each peer is set. What is not installed is named and skipped.

Reads the ground truth beside the repository, or MANIFEST given by --manifest; without either it
uses a generated catalogue.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_data import truth_or_generated
from peers import PEERS, Query, Setting, Unavailable, make_peer
from peers.gallery import drawn_queries, find_distractors, reduced_gallery
from peers.keypoints import KeypointReader
from peers.measure import Asked, Gallery, Measured, both, measure, search

from kpsearch.cli.output import require_folder_place, require_place
from kpsearch.errors import KpsearchError, UsageError
from kpsearch.evaluation import SourceSummary, Truth, format_table, read_truth, write_run
from kpsearch.parallel import single_threaded

REDUCED_ONLY = ("brute-force",)
"""Peers that see no more than the reduced galleries."""


def measure_all(
    names: Sequence[str],
    setting: Setting,
    truth: Truth,
    asked: Sequence[Asked],
    gallery: Sequence[str],
    distractors: int,
) -> Iterator[Measured]:
    """Each peer in turn, its index in a folder of its own; those that cannot run are named."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix="kpsearch-peer-") as folder:
            place = Gallery(tuple(gallery), distractors, Path(folder))
            try:
                result = measure(name, make_peer(name, setting), truth, asked, place)
            except Unavailable as missing:
                print(f"skipped {name}: {missing}", flush=True)
                continue
        print(f"{name}, {len(gallery)} images: {result.description}", flush=True)
        yield result


def row_of(result: Measured, figures: dict[str, SourceSummary]) -> list[str]:
    """A line of a table."""
    return [
        str(result.distractors),
        result.peer,
        *(f"{s.map or 0:.3f} / {s.recall_at_1 or 0:.3f}" for s in figures.values()),
        f"{result.median_ms(search).cpu_ms:.1f}",
        f"{result.median_ms(both).cpu_ms:.0f}",
        f"{result.size_bytes / result.images:.0f}",
        f"{result.build_seconds:.0f}",
    ]


def tables(results: Sequence[Measured], others: int) -> str:
    """Both tables."""
    whole = [row_of(r, r.whole) for r in results if r.peer not in REDUCED_ONLY]
    reduced = [row_of(r, r.reduced) for r in results]
    if not reduced:
        return "nothing could be measured"
    sources = list(results[0].whole)
    headers = ["more", "peer", *sources, "search ms", "query ms", "B/image", "build s"]
    align = "rl" + "r" * (len(headers) - 2)
    parts = [f"right references and {others} others", format_table(headers, reduced, align=align)]
    if whole:
        parts = ["whole gallery", format_table(headers, whole, align=align), "", *parts]
    return "\n".join(parts)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", help="another ground truth")
    parser.add_argument("--peers", type=peer_names, default=PEERS.names(), help="names, by commas")
    parser.add_argument("--sources", type=parts, default=[], help="parts of their names, by commas")
    parser.add_argument("--queries", type=count, default=40, help="of each source; 0 is all")
    parser.add_argument("--levels", type=counts, default=[0], help="of distractors, by commas")
    parser.add_argument(
        "--distractors", nargs="+", default=[], help="folders of them; generated beyond"
    )
    parser.add_argument(
        "--others", type=count, default=100, help="wrong references of a reduced gallery"
    )
    parser.add_argument("--model", type=Path, help="ONNX file of the network")
    parser.add_argument("--work", type=Path, help="keep COLMAP's features here between runs")
    parser.add_argument("--runs", type=Path, help="write rankings here, as TREC runs")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--seed", type=count, default=0)
    given = parser.parse_args(arguments)
    if given.distractors and not any(given.levels):
        parser.error("--distractors are for --levels above 0")
    if given.model and not given.model.is_file():
        parser.error(f"--model {given.model}: there is no such file")
    try:
        check_places(given)
    except UsageError as error:
        parser.error(str(error))
    return given


def check_places(given: argparse.Namespace) -> None:
    """Raise `UsageError` where the figures could not be written that hours will go into."""
    if given.json is not None:
        require_place(os.fspath(given.json))
    for folder in filter(None, (given.runs, given.work)):
        require_folder_place(os.fspath(folder))


def parts(text: str) -> list[str]:
    """What stands between commas."""
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r} has nothing between two commas")
    return found


def count(text: str) -> int:
    """A whole number from 0."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def counts(text: str) -> list[int]:
    """Whole numbers, each once, rising."""
    return sorted(set(map(count, parts(text))))


def peer_names(text: str) -> list[str]:
    """Names of peers, in the order given."""
    names = list(dict.fromkeys(parts(text)))
    unknown = ", ".join(sorted(set(names) - set(PEERS.names())))
    if unknown:
        known = ", ".join(PEERS.names())
        raise argparse.ArgumentTypeError(f"no peer is called {unknown}; known: {known}")
    return names


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    try:
        run(given)
    except (KpsearchError, ValueError, OSError) as error:
        sys.exit(f"bench_peers: {error}")


def run(given: argparse.Namespace) -> None:
    """Measure and print what was asked for."""
    truth, kind = truth_or_generated()
    if given.manifest:
        truth, kind = read_truth(given.manifest), os.path.basename(given.manifest)
    references = [row.path for row in truth.references()]
    rows = drawn_queries(truth, given.queries, given.sources, given.seed)
    levels = given.levels
    known = [row.path for row in truth.rows if row.is_reference or row.is_query]
    distractors = find_distractors(given.distractors, levels[-1], known, given.seed)
    print(f"{kind}: {len(references)} references, {len(rows)} queries, distractors {levels}")
    results: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="kpsearch-peers-") as scratch, single_threaded():
        setting = Setting(KeypointReader(), given.model, given.work or Path(scratch))
        for level in levels:
            gallery = [*references, *distractors[:level]]
            asked = [
                Asked(
                    row,
                    Query(row.path, reduced_gallery(truth, row, gallery, given.others, given.seed)),
                )
                for row in rows
            ]
            for result in measure_all(given.peers, setting, truth, asked, gallery, level):
                results.append(result)
                keep(results, given.runs, given.json)
    print()
    print(tables(results, given.others))


def keep(results: Sequence[Measured], runs: Path | None, file: Path | None) -> None:
    """Write what was asked for, so far."""
    if runs:
        runs.mkdir(parents=True, exist_ok=True)
        for result in results:
            name = f"{result.peer}-{result.distractors}"
            write_run(os.fspath(runs / f"{name}.trec"), result.run(), tag=name)
    if file:
        file.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
