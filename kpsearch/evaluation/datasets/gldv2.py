"""Google Landmarks v2, retrieval (Weyand et al. 2020): 1,129 queries, 761,757 images.

    FOLDER/index/0/1/2/0123456789abcdef.jpg ...    the gallery
    FOLDER/test/0/1/2/0123456789abcdef.jpg ...     the queries, among others
    FOLDER/retrieval_solution_v2.1.csv             id,images,Usage

``images`` are the relevant ones, separated by spaces; ``Usage`` is Public, Private or Ignored. The
first two are sources of their own, the ignored test images are not asked about.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import (
    files_ending,
    numbered_lines,
    paths_of,
    pictures_by_stem,
)
from kpsearch.evaluation.truth import Truth, TruthRow

_USAGES = ("Public", "Private", "Ignored")


def read(folder: str) -> Truth:
    """The ground truth of the images in ``index`` and ``test``."""
    solution = _solution(folder)
    gallery = pictures_by_stem(os.path.join(folder, "index"))
    tests = pictures_by_stem(os.path.join(folder, "test"))
    rows = [TruthRow(path, stem, "reference") for stem, path in gallery.items()]
    labels: dict[str, dict[str, frozenset[str]]] = {}
    for query, images, usage in _records(solution):
        (path,) = paths_of([query], tests, listed_in=solution)
        rows.append(TruthRow(path, query, "query", source=usage))
        labels[path] = {"relevant": paths_of(images, gallery, listed_in=solution)}
    return Truth(tuple(rows), labels)


def _solution(folder: str) -> str:
    found = [
        path
        for path in files_ending(folder, ".csv")
        if os.path.basename(path).startswith("retrieval_solution")
    ]
    if len(found) != 1:
        raise UnusableFile(
            f"{folder}: {len(found)} files retrieval_solution*.csv in it; keep the one to score by"
        )
    return found[0]


def _records(solution: str) -> Iterator[tuple[str, list[str], str]]:
    """Query, relevant images and usage of each line that is not ignored."""
    lines = numbered_lines(solution)[1:]
    for (number, _), fields in zip(lines, csv.reader(line for _, line in lines), strict=True):
        if len(fields) != 3 or fields[2] not in _USAGES:
            raise UnusableFile(f"{solution}:{number}: expected id,images,Usage")
        query, images, usage = fields
        if usage != "Ignored":
            yield query, images.split(), usage


LAYOUT = Layout("gldv2", read, ("gldv2", "manifest"))
