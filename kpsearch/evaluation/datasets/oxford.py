"""Oxford 5k (Philbin et al. 2007) and Paris 6k (Philbin et al. 2008): 55 queries of 11 landmarks.

    FOLDER/**/all_souls_000000.jpg ...          the images
    FOLDER/**/all_souls_1_query.txt             oxc1_all_souls_000013 136.5 34.1 648.5 955.7
    FOLDER/**/all_souls_1_good.txt, _ok.txt, _junk.txt    names of images, one a line

A query is the rectangle (x1 y1 x2 y2) of an image of the gallery. It stays in the gallery and
counts among the good ones: the first hit is a gift, as in ``compute_ap.cpp``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import (
    files_ending,
    numbered_lines,
    paths_of,
    pictures_by_stem,
)
from kpsearch.evaluation.datasets.rectangles import region_between
from kpsearch.evaluation.protocols import GOOD_OR_OK
from kpsearch.evaluation.truth import Truth, TruthRow

_LABELS = ("good", "ok", "junk")
_QUERY = "_query.txt"


def read(folder: str, *, source: str) -> Truth:
    """The ground truth of all ``*_query.txt`` below ``folder``; the images are its gallery."""
    pictures = pictures_by_stem(folder)
    files = files_ending(folder, _QUERY)
    if not files:
        raise UnusableFile(f"{folder}: no file *{_QUERY} in it; unpack the ground truth there")
    queries = [_query(file, pictures, source=source) for file in files]
    return Truth(
        rows=(
            *(TruthRow(path, stem, "reference") for stem, path in pictures.items()),
            *queries,
        ),
        labels={
            row.query_id: _labels(file, pictures) for file, row in zip(files, queries, strict=True)
        },
        setup=GOOD_OR_OK,
        query_in_gallery=True,
    )


def _query(file: str, pictures: Mapping[str, str], *, source: str) -> TruthRow:
    name, *corners = " ".join(line for _, line in numbered_lines(file)).split()
    try:
        region = region_between(*(float(corner) for corner in corners))
    except (TypeError, ValueError) as error:
        raise UnusableFile(f"{file}: expected a name and a rectangle x1 y1 x2 y2") from error
    (path,) = paths_of([name.removeprefix("oxc1_")], pictures, listed_in=file)
    landmark = os.path.basename(file).removesuffix(_QUERY)
    return TruthRow(path, landmark, "query", source=source, region=region)


def _labels(file: str, pictures: Mapping[str, str]) -> dict[str, frozenset[str]]:
    lists = {label: f"{file.removesuffix(_QUERY)}_{label}.txt" for label in _LABELS}
    return {
        label: paths_of((name for _, name in numbered_lines(path)), pictures, listed_in=path)
        for label, path in lists.items()
    }


OXFORD5K = Layout("oxford5k", partial(read, source="Oxford5k"), ("oxford",))
PARIS6K = Layout("paris6k", partial(read, source="Paris6k"), ("oxford",))
