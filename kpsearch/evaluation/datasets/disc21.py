"""DISC21, the Image Similarity Challenge's data (Douze et al. 2021): copies among distractors.

    FOLDER/**/R000000.jpg ...       references, distractors of the originals among them
    FOLDER/**/Q00000.jpg ...        queries, most of them of nothing that is there
    FOLDER/**/dev_ground_truth.csv  query_id,reference_id (a header is skipped; one file only)

Every picture named Q... below the folder is a query, with a line in the ground truth or without:
keep there the queries that the file is about. Training pictures (T...) play no part.
"""

from __future__ import annotations

import re

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import (
    numbered_lines,
    paths_of,
    pictures_by_stem,
    the_file_ending,
)
from kpsearch.evaluation.truth import Truth, TruthRow

_QUERY = re.compile(r"Q\d{5}")
_REFERENCE = re.compile(r"R\d{6}")
_HEADER = "query_id,reference_id"


def read(folder: str) -> Truth:
    """The ground truth in the one ``*ground_truth.csv`` below ``folder``."""
    file = the_file_ending(folder, "ground_truth.csv")
    pictures = pictures_by_stem(folder)
    originals = _originals(file)
    queries = [
        TruthRow(path, stem, "query", source="DISC21")
        for stem, path in pictures.items()
        if _QUERY.fullmatch(stem)
    ]
    paths_of(originals, pictures, listed_in=file)
    return Truth(
        rows=(
            *(
                TruthRow(path, stem, "reference")
                for stem, path in pictures.items()
                if _REFERENCE.fullmatch(stem)
            ),
            *queries,
        ),
        labels={
            row.query_id: {
                "relevant": paths_of(originals.get(row.instance, ()), pictures, listed_in=file)
            }
            for row in queries
        },
    )


def _originals(file: str) -> dict[str, list[str]]:
    """References of each query that has one."""
    originals: dict[str, list[str]] = {}
    for number, line in numbered_lines(file):
        if line == _HEADER:
            continue
        query, comma, reference = line.partition(",")
        if not comma or not _QUERY.fullmatch(query):
            raise UnusableFile(f"{file}:{number}: expected {_HEADER}")
        if reference:
            originals.setdefault(query, []).append(reference)
    return originals


LAYOUT = Layout("disc21", read, ("disc21", "manifest"))
