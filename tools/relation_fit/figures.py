"""The figures of known pairs, as `kpsearch.dedup.relation` computes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from kpsearch.dedup.records import Relation
from kpsearch.dedup.relation import compare
from kpsearch.dedup.relation.decision import TERMS, is_insufficient
from kpsearch.dedup.relation.opening import OPENED_SIDE_PX
from kpsearch.features import shrink
from kpsearch.images import read_image
from kpsearch.types import Image
from relation_fit.generated import KnownPair
from relation_fit.verifying import verified_pair


@dataclass(frozen=True, slots=True)
class Example:
    """A known pair and its figures."""

    source: str
    kind: str
    relation: str
    """Of a to b, or "different"."""
    figures: dict[str, float]
    """Empty where no homography was found, or the pictures do not overlap under it."""

    @property
    def merges(self) -> bool:
        """Whether merging is right."""
        return self.relation != "different" and Relation(self.relation).merges

    @property
    def usable(self) -> bool:
        """Whether there are figures to learn from, or to be measured by."""
        return bool(self.figures) and not is_insufficient(self.figures)

    def terms(self) -> npt.NDArray[np.float64]:
        """(k,) what the regression sees."""
        return np.array([term.of(self.figures) for term in TERMS])


def examples(pairs: Iterable[KnownPair]) -> Iterator[Example]:
    """Each pair matched, verified and compared; mirrored ones turned over first."""
    with TemporaryDirectory() as folder:
        for pair in pairs:
            a, b = (_read(Path(folder) / "picture", data) for data in (pair.a, pair.b))
            verified = verified_pair(a, b, mirrored=pair.relation == Relation.MIRRORED)
            figures = {} if verified is None else dict(compare(a, b, verified).evidence)
            yield Example(pair.source, pair.kind, pair.relation, figures)


def write_examples(path: Path, known: Iterable[Example]) -> None:
    """One line of JSON each."""
    path.write_text("".join(json.dumps(asdict(example)) + "\n" for example in known))


def read_examples(path: Path) -> list[Example]:
    """What `write_examples` wrote."""
    return [Example(**json.loads(line)) for line in path.read_text().splitlines()]


def _read(path: Path, data: bytes) -> Image:
    path.write_bytes(data)
    image = read_image(path, colour=True, at_least_px=OPENED_SIDE_PX)
    return replace(image, pixels=shrink(image.pixels, OPENED_SIDE_PX))
