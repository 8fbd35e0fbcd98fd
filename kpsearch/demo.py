"""The demo: a catalogue, photos of its items, the answers, and a page that shows them.

Without a folder the catalogue is made by `kpsearch.synthetic`. With one, the catalogue is the
user's own pictures, and the photos are taken of a seeded sample of them by the same camera.
Either way the right answers are known.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import ImageRejected, KpsearchError, UsageError
from kpsearch.evaluation import read_truth
from kpsearch.images import find_images, read_image
from kpsearch.indexing import IndexReport, Progress, build_index
from kpsearch.report import write_match_report, write_picture
from kpsearch.search import Searcher
from kpsearch.synthetic import CameraOptions, CatalogueSpec, photograph, write_catalogue

if TYPE_CHECKING:
    from kpsearch.types import Answer, Reject

ITEMS = 60
QUERIES = 24
STRANGERS = 4
SEED = 7
LARGEST_SUBJECT_PX = 1600
"""A user's picture is photographed at no more than this longest side."""
MARKER = ".kpsearch-demo"
"""A file in the output folder that says an index in it is the demo's own, and may be replaced."""


@dataclass(frozen=True, slots=True)
class Shoot:
    """Photos to ask about, and the truth about them."""

    catalogue: tuple[str, ...]
    """Files and folders to index."""
    photos: tuple[str, ...]
    truth: Mapping[str, frozenset[str]]
    """The paths that are right for each photo; none for a thing that is not in the catalogue."""


@dataclass(frozen=True, slots=True, eq=False)
class DemoResult:
    """What the demo made and found."""

    answers: tuple[Answer, ...]
    truth: Mapping[str, frozenset[str]]
    indexed: IndexReport
    page: Path

    def is_right(self, answer: Answer) -> bool:
        """Whether the best hit is a right one, or a stranger got no match."""
        right = self.truth[answer.query]
        if not right:
            return not answer.matched
        return bool(answer.hits) and answer.hits[0].path in right


def run_demo(
    output: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> DemoResult:
    """Run the demo into ``output``: photos, index, match pictures and ``matches/index.html``.

    Pictures in ``folder`` are only read. Raises `UsageError` when it holds none.
    """
    root = Path(output)
    report = progress or (lambda *_: None)
    _make_folder(root)
    shoot = (
        _own_catalogue(root, n_jobs, report)
        if folder is None
        else _users_catalogue(root, os.fspath(folder), report)
    )
    index = root / "index"
    _make_way(root, index)
    indexed = build_index(
        shoot.catalogue, index, n_jobs=n_jobs, progress=progress, on_reject=on_reject
    )
    searcher = Searcher.open(index)
    answers = []
    for number, photo in enumerate(shoot.photos, 1):
        answers.append(searcher.query(photo))
        report("querying", number, len(shoot.photos))
    page = write_match_report(
        root / "matches",
        answers,
        title="Photos and the catalogue items they show",
        index_facts={
            "catalogue": shoot.catalogue[0],
            "images": f"{searcher.snapshot.images:,}",
            "keypoints": f"{searcher.snapshot.keypoints:,}",
            "visual words": f"{len(searcher.snapshot.vocabulary):,}",
        },
        truth=shoot.truth,
    )
    return DemoResult(tuple(answers), shoot.truth, indexed, page)


def _own_catalogue(root: Path, n_jobs: int, progress: Progress) -> Shoot:
    made = write_catalogue(
        CatalogueSpec(ITEMS, seed=SEED),
        root / "catalogue",
        queries=QUERIES,
        strangers=STRANGERS,
        n_jobs=n_jobs,
        progress=lambda done, total: progress("rendering the catalogue", done, total),
    )
    truth = read_truth(os.fspath(made / "manifest.csv"))
    queries = truth.queries()
    return Shoot(
        catalogue=(os.fspath(made / "catalogue"),),
        photos=tuple(row.path for row in queries),
        truth={row.path: truth.relevant(row) for row in queries},
    )


def _users_catalogue(root: Path, folder: str, progress: Progress) -> Shoot:
    paths = [os.path.abspath(path) for path in find_images([folder])]
    rng = np.random.default_rng(SEED)
    photos: dict[str, frozenset[str]] = {}
    for number in rng.permutation(len(paths)).tolist():
        if len(photos) == QUERIES:
            break
        target = root / "photos" / f"photo-{len(photos) + 1:02d}.jpg"
        if _take_photo(paths[number], target, np.random.default_rng([SEED, number])):
            photos[os.path.abspath(target)] = frozenset([paths[number]])
            progress("photographing", len(photos), min(QUERIES, len(paths)))
    if not photos:
        raise UsageError(f"{folder}: holds no usable picture")
    return Shoot(catalogue=(folder,), photos=tuple(photos), truth=photos)


def _take_photo(path: str, target: Path, rng: np.random.Generator) -> bool:
    """Photograph a picture with the demo's camera; False for one that cannot be read."""
    try:
        picture = read_image(path, colour=True, at_least_px=LARGEST_SUBJECT_PX)
    except ImageRejected:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    write_picture(target, photograph(picture.pixels, rng, CameraOptions()).pixels)
    return True


def _make_folder(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KpsearchError(f"{root}: no folder can be made here: {error.strerror}") from error


def _make_way(root: Path, index: Path) -> None:
    """Remove the index of an earlier demo; raises `UsageError` for anything else in its place."""
    marker = root / MARKER
    if index.exists() and not marker.exists():
        raise UsageError(f"{index}: is in the way; choose another output folder")
    marker.touch()
    if index.exists():
        shutil.rmtree(index)
