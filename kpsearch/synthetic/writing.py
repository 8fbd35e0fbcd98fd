"""A catalogue on disk: pictures, manifest and truth. Stops anywhere, goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from kpsearch.errors import UsageError
from kpsearch.parallel import map_in_order
from kpsearch.synthetic.camera import CameraOptions
from kpsearch.synthetic.listing import Picture, list_pictures, manifest_text, truth_line
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.photos import encode_jpeg, render_photo
from kpsearch.synthetic.spec import CatalogueSpec

Progress = Callable[[int, int], None]
"""Called with the number of pictures done and the number of all."""

_CHUNK = 16
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
    _claim(root, spec, camera)
    _write_pictures(root, spec, pictures, camera, n_jobs=n_jobs, progress=progress)
    lines = map_in_order(
        partial(_truth_line, spec, camera), pictures, n_jobs=n_jobs, chunk_size=256
    )
    _replace_file(root / "truth.jsonl", "".join(lines).encode())
    _replace_file(root / "manifest.csv", manifest_text(spec, pictures).encode())
    return root


def _claim(root: Path, spec: CatalogueSpec, camera: CameraOptions) -> None:
    """Make the folders, and note what they are for; refuse those that are for something else."""
    for name in ("catalogue", "photos"):
        (root / name).mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"spec": asdict(spec), "camera": asdict(camera)}, indent=1) + "\n"
    note = root / "spec.json"
    if note.exists() and note.read_text(encoding="utf-8") != wanted:
        raise UsageError(
            f"{root}: holds a catalogue made with other options (see {note.name}); "
            "choose another folder, or delete this one"
        )
    _replace_file(note, wanted.encode())


def _write_pictures(
    root: Path,
    spec: CatalogueSpec,
    pictures: list[Picture],
    camera: CameraOptions,
    *,
    n_jobs: int,
    progress: Progress | None,
) -> None:
    missing = [picture for picture in pictures if not (root / picture.path).exists()]
    done = len(pictures) - len(missing)
    coded = map_in_order(partial(_encode, spec, camera), missing, n_jobs=n_jobs, chunk_size=_CHUNK)
    for picture, data in zip(missing, coded, strict=True):
        _replace_file(root / picture.path, data)
        done += 1
        if progress is not None:
            progress(done, len(pictures))


def _encode(spec: CatalogueSpec, camera: CameraOptions, picture: Picture) -> bytes:
    """The JPEG file of one picture."""
    if picture.photo is None:
        return encode_jpeg(render_item(spec, picture.item), spec.jpeg_quality)
    return render_photo(spec, picture.item, picture.photo, camera).jpeg


def _truth_line(spec: CatalogueSpec, camera: CameraOptions, picture: Picture) -> str:
    return truth_line(spec, picture, camera)


def _replace_file(path: Path, data: bytes) -> None:
    """Write all of the file or none of it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
