"""ROxford and RParis (Radenović et al. 2018): the revisited labels of Oxford 5k and Paris 6k.

    FOLDER/jpg/all_souls_000000.jpg ...   or the images anywhere below FOLDER
    FOLDER/gnd_roxford5k.json             made by tools/convert_revisitop.py from gnd_roxford5k.pkl

The JSON has ``imlist`` (the gallery), ``qimlist`` (70 queries, not in the gallery) and ``gnd``: for
each query ``bbx`` (x1 y1 x2 y2) and ``easy``, ``hard`` and ``junk``, which number the gallery
from 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import paths_of, pictures_by_stem, the_file_ending
from kpsearch.evaluation.datasets.rectangles import region_between
from kpsearch.evaluation.protocols import MEDIUM
from kpsearch.evaluation.truth import Truth, TruthRow

_LABELS = ("easy", "hard", "junk")


def read(folder: str, *, name: str) -> Truth:
    """The ground truth ``gnd_NAME.json`` of the images below ``folder``; relevant is medium's."""
    file = the_file_ending(folder, f"gnd_{name}.json")
    content = _content(file)
    pictures = pictures_by_stem(folder)
    paths_of([*content["imlist"], *content["qimlist"]], pictures, listed_in=file)
    gallery = [pictures[stem] for stem in content["imlist"]]
    queries = [
        TruthRow(pictures[stem], stem, "query", source=name, region=region_between(*known["bbx"]))
        for stem, known in zip(content["qimlist"], content["gnd"], strict=True)
    ]
    return Truth(
        rows=(
            *(TruthRow(path, "", "reference") for path in gallery),
            *queries,
        ),
        labels={
            row.query_id: {label: _chosen(gallery, known[label]) for label in _LABELS}
            for row, known in zip(queries, content["gnd"], strict=True)
        },
        setup=MEDIUM,
    )


def _content(file: str) -> dict[str, Any]:
    """The parsed file, with as many queries as labels."""
    try:
        with open(file, encoding="utf-8") as stream:
            content: dict[str, Any] = json.load(stream)
        if len(content["qimlist"]) != len(content["gnd"]):
            raise UnusableFile(f"{file}: {len(content['gnd'])} labels for its queries")
        images = range(len(content["imlist"]))
        for known in content["gnd"]:
            region_between(*known["bbx"])
            numbers = [number for label in _LABELS for number in known[label]]
            if not all(isinstance(number, int) and number in images for number in numbers):
                raise UnusableFile(f"{file}: a label names an image that is not in imlist")
    except OSError as error:
        raise UnusableFile(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UnusableFile(
            f"{file}: not what tools/convert_revisitop.py writes ({error!r}); convert again"
        ) from error
    return content


def _chosen(gallery: Sequence[str], numbers: Sequence[int]) -> frozenset[str]:
    return frozenset(gallery[number] for number in numbers)


ROXFORD5K = Layout("roxford5k", partial(read, name="roxford5k"), ("revisited", "revisited-all"))
RPARIS6K = Layout("rparis6k", partial(read, name="rparis6k"), ("revisited", "revisited-all"))
