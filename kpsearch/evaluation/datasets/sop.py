"""Stanford Online Products (Song et al. 2016): the 60,502 test pictures of 11,316 products.

    FOLDER/Ebay_test.txt     image_id class_id super_class_id path, separated by spaces
    FOLDER/bicycle_final/111085122871_0.JPG ...

Every picture is a query and its own gallery.
"""

from __future__ import annotations

import os

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import numbered_lines
from kpsearch.evaluation.truth import Truth, TruthRow

_HEADER = ["image_id", "class_id", "super_class_id", "path"]


def read(folder: str) -> Truth:
    """The ground truth in ``Ebay_test.txt``; the category is the kind of product."""
    folder = os.path.abspath(folder)
    listing = os.path.join(folder, "Ebay_test.txt")
    lines = [(number, line.split(maxsplit=3)) for number, line in numbered_lines(listing)]
    if not lines or lines[0][1] != _HEADER:
        raise UnusableFile(f"{listing}:1: expected the header {' '.join(_HEADER)}")
    for number, fields in lines:
        if len(fields) != len(_HEADER):
            raise UnusableFile(f"{listing}:{number}: {len(fields)} fields, expected {len(_HEADER)}")
    return Truth(tuple(_row(folder, product, path) for _, (_, product, _, path) in lines[1:]))


def _row(folder: str, product: str, path: str) -> TruthRow:
    kind = path.partition("/")[0].removesuffix("_final")
    return TruthRow(os.path.join(folder, path), product, "both", kind, "Stanford Online Products")


LAYOUT = Layout("sop", read, ("sop", "metric-learning", "manifest"))
