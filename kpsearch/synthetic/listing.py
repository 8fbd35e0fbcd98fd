"""Which pictures a catalogue folder holds, and the truth of each, without painting any."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from kpsearch.errors import UsageError
from kpsearch.synthetic.camera import CameraOptions
from kpsearch.synthetic.photos import photo_truth
from kpsearch.synthetic.spec import CatalogueSpec, Stream, random_stream, stranger_number
from kpsearch.synthetic.truth import instance_id, item_truth

MANIFEST_COLUMNS = ("path", "instance", "category", "role", "source", "variant_of")
MOST_PHOTOS_AN_ITEM = 1000
"""Photo numbers from here on are those of the queries."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of a catalogue folder."""

    path: str
    """Relative to the folder, with forward slashes."""
    item: int
    photo: int | None
    """The photo's number; None for the flat catalogue picture."""
    role: str
    """'reference' or 'query'."""


def list_pictures(
    spec: CatalogueSpec, *, photos_per_item: float, queries: int, strangers: int
) -> Iterator[Picture]:
    """Catalogue pictures, photos of them for the reference side, queries, stranger queries."""
    _check_counts(spec, photos_per_item, queries, strangers)
    for i in range(spec.items):
        yield Picture(f"catalogue/{instance_id(spec, i)}.jpg", i, None, "reference")
    for i in range(spec.items):
        for k in range(int((i + 1) * photos_per_item) - int(i * photos_per_item)):
            yield Picture(f"photos/{instance_id(spec, i)}-{k:02d}.jpg", i, k, "reference")
    for n in range(queries):
        shown = int(random_stream(spec.seed, Stream.QUERY, n).integers(spec.items))
        yield Picture(f"photos/query-{n:06d}.jpg", shown, MOST_PHOTOS_AN_ITEM + n, "query")
    for n in range(strangers):
        shown = stranger_number(spec, n)
        yield Picture(f"photos/{instance_id(spec, shown)}.jpg", shown, 0, "query")


def _check_counts(
    spec: CatalogueSpec, photos_per_item: float, queries: int, strangers: int
) -> None:
    if not 0 <= photos_per_item <= MOST_PHOTOS_AN_ITEM:
        raise UsageError(f"photos_per_item must be between 0 and {MOST_PHOTOS_AN_ITEM}")
    if min(queries, strangers) < 0:
        raise UsageError("queries and strangers cannot be negative")
    if queries and not spec.items:
        raise UsageError("queries need items to show: ask for items, or for strangers only")


def manifest_text(spec: CatalogueSpec, pictures: Iterable[Picture]) -> str:
    """The pictures as CSV with `MANIFEST_COLUMNS`."""
    sheet = io.StringIO()
    rows = csv.writer(sheet, lineterminator="\n")
    rows.writerow(MANIFEST_COLUMNS)
    for picture in pictures:
        truth = item_truth(spec, picture.item)
        rows.writerow(
            (
                picture.path,
                truth.instance,
                truth.category,
                picture.role,
                "synthetic",
                truth.variant_of,
            )
        )
    return sheet.getvalue()


def truth_line(spec: CatalogueSpec, picture: Picture, camera: CameraOptions) -> str:
    """All that is known of one picture, as one line of JSON; homographies are row by row."""
    known = {
        "path": picture.path,
        "role": picture.role,
        "item": picture.item,
        **asdict(item_truth(spec, picture.item)),
    }
    if picture.photo is not None:
        view = photo_truth(spec, picture.item, picture.photo, camera)
        known |= {
            "photo": picture.photo,
            "homography": view.homography.tolist(),
            "visible": view.visible,
            "occluded": view.occluded,
            "occluder": view.occluder.kind if view.occluder else "",
        }
    return json.dumps(known, ensure_ascii=False) + "\n"
