"""A catalogue on disk: pictures, manifest and truth. Stops anywhere, goes on where it stopped."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

from kpsearch.parallel import map_in_order
from kpsearch.synthetic.camera import CameraOptions
from kpsearch.synthetic.files import Progress, claim_folder, replace_file, write_missing
from kpsearch.synthetic.listing import Picture, list_pictures, manifest_text, truth_line
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.photos import encode_jpeg, render_photo
from kpsearch.synthetic.spec import CatalogueSpec

_DEFAULT = CameraOptions()


def write_catalogue(
    spec: CatalogueSpec,
    folder: str | os.PathLike[str],
    *,
    photos_per_item: float = 0.0,
    queries: int = 0,
    strangers: int = 0,
    camera: CameraOptions = _DEFAULT,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write the catalogue to ``folder`` and return that path.

    ``catalogue/`` holds a flat picture of each item. ``photos/`` holds ``photos_per_item``
    photos an item (on average; role 'reference'), ``queries`` photos of items and ``strangers``
    photos of packs that are in no catalogue (role 'query'). ``manifest.csv`` lists the pictures
    and ``truth.jsonl`` all that is known of them; both are written last. Files are written
    under another name first, so a file that exists is complete, and is not made again. The
    bytes do not depend on ``n_jobs``.

    Raises `UsageError` when the folder holds a catalogue of another spec.
    """
    root = Path(folder)
    pictures = list(
        list_pictures(spec, photos_per_item=photos_per_item, queries=queries, strangers=strangers)
    )
    options = {"spec": asdict(spec), "camera": asdict(camera)}
    claim_folder(root, ("catalogue", "photos"), options)
    encode = partial(_encode, spec, camera)
    write_missing(root, pictures, encode, n_jobs=n_jobs, progress=progress)
    lines = map_in_order(
        partial(_truth_line, spec, camera), pictures, n_jobs=n_jobs, chunk_size=256
    )
    replace_file(root / "truth.jsonl", "".join(lines).encode())
    replace_file(root / "manifest.csv", manifest_text(spec, pictures).encode())
    return root


def _encode(spec: CatalogueSpec, camera: CameraOptions, picture: Picture) -> bytes:
    """The JPEG file of one picture."""
    if picture.photo is None:
        return encode_jpeg(render_item(spec, picture.item), spec.jpeg_quality)
    return render_photo(spec, picture.item, picture.photo, camera).jpeg


def _truth_line(spec: CatalogueSpec, camera: CameraOptions, picture: Picture) -> str:
    return truth_line(spec, picture, camera)
