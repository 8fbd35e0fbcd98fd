"""Small truths and runs for the tests of comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kpsearch.comparison import PictureNames, Run, RunFile, load_run
from kpsearch.evaluation import Truth, TruthRow, read_truth


def write_manifest(folder: Path, rows: Sequence[tuple[str, str, str, str]]) -> Path:
    """A manifest of (path, instance, role, source)."""
    lines = ["path,instance,role,source", *(",".join(row) for row in rows)]
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def small_truth(folder: Path, items: int = 4) -> Path:
    """Items with a reference ``cat/I.jpg`` and a query ``photo/qI.jpg``, of two sources in turn."""
    rows = []
    for item in range(items):
        source = "even" if item % 2 == 0 else "odd"
        rows.append((f"cat/{item}.jpg", f"item{item}", "reference", source))
        rows.append((f"photo/q{item}.jpg", f"item{item}", "query", source))
    return write_manifest(folder, rows)


def write_trec(path: Path, rankings: Mapping[str, Sequence[str]]) -> Path:
    """A run whose scores fall by one a rank."""
    lines = [
        f"{query} Q0 {hit} {rank} {100 - rank} test"
        for query, hits in rankings.items()
        for rank, hit in enumerate(hits, 1)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def loaded(file: Path, manifest: Path, **settings) -> Run:
    truth = read_truth(str(manifest))
    names = PictureNames(truth, str(manifest))
    return load_run(RunFile(file.stem, str(file), **settings), truth, names)


def plain_truth(instances: Mapping[str, int]) -> Truth:
    """So many items a source, each with a query ``/SOURCE-I``, reference ``/ref-SOURCE-I``."""
    rows = []
    for source, items in instances.items():
        for item in range(items):
            name = f"{source}-{item}"
            rows += [
                TruthRow(f"/{name}", name, "query", source=source),
                TruthRow(f"/ref-{name}", name, "reference", source=source),
            ]
    return Truth(tuple(rows))
