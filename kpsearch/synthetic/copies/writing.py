"""A set to judge deduplication by, on disk: pictures, and what any two are to each other."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from kpsearch.synthetic.copies.copy import Copy, Pixels, resized
from kpsearch.synthetic.copies.framing import put_on_white
from kpsearch.synthetic.copies.kinds import copy_picture
from kpsearch.synthetic.copies.planning import (
    SAME_BYTES,
    Base,
    DedupSpec,
    PlannedPicture,
    part_streams,
    plan_set,
)
from kpsearch.synthetic.copies.shared_parts import paste_part
from kpsearch.synthetic.copies.truth import pairs_text, pictures_text, true_pairs
from kpsearch.synthetic.files import Progress, claim_folder, replace_file, write_missing
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.photos import encode_jpeg
from kpsearch.synthetic.spec import Stream, random_stream
from kpsearch.synthetic.truth import place_of

_MARGINS = (0.03, 0.12)
"""Around a pack on white, as shares of its longer side."""


def write_dedup_set(
    spec: DedupSpec,
    folder: str | os.PathLike[str],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write the set to ``folder`` and return that path.

    ``pictures/`` holds all of them. ``pairs.csv`` lists the pairs that are not plainly different
    and ``pictures.csv`` what each picture was made of; both are written last. A stopped run goes
    on where it stopped, and the bytes do not depend on ``n_jobs``.

    Raises `UsageError` when the folder holds something of another spec.
    """
    root = Path(folder)
    planned = plan_set(spec)
    claim_folder(root, ("pictures",), spec.to_json())
    encode = partial(encode_picture, spec)
    write_missing(root, planned, encode, n_jobs=n_jobs, progress=progress)
    replace_file(root / "pictures.csv", pictures_text(spec, planned).encode())
    replace_file(root / "pairs.csv", pairs_text(true_pairs(spec, planned)).encode())
    return root


def encode_picture(spec: DedupSpec, picture: PlannedPicture) -> bytes:
    """The file of one picture of the set."""
    shown = encode_jpeg(paint_base(spec, picture.base), spec.catalogue.jpeg_quality)
    if picture.kind in ("", SAME_BYTES):
        return shown
    return copied(spec, picture, _decoded(shown)).encode()


def copied(spec: DedupSpec, picture: PlannedPicture, original: Pixels) -> Copy:
    """The copy that a planned picture is, of its original as decoded from its file."""
    rng = random_stream(spec.catalogue.seed, Stream.COPY, picture.number, 3)
    return copy_picture(original, picture.kind, strength=picture.strength, rng=rng)


def paint_base(spec: DedupSpec, base: Base) -> Pixels:
    """What a picture shows before it is copied: (h, w, 3) BGR."""
    pixels = render_item(spec.catalogue, base.item, base.aspects)
    if base.part:
        part, place = part_streams(spec, base)
        pixels = paste_part(pixels, base.part, part=part, place=place)
    return _laid_out(spec, base, pixels)


def _laid_out(spec: DedupSpec, base: Base, pixels: Pixels) -> Pixels:
    """All of a line on white with the same margins, or none of it; the size stays."""
    catalogue = spec.catalogue
    line = place_of(catalogue, base.item).line
    rng = random_stream(catalogue.seed, Stream.MARGIN, line, 1)
    if rng.random() >= spec.on_white:
        return pixels
    framed = put_on_white(pixels, rng, float(rng.uniform(*_MARGINS))).pixels
    scale = catalogue.side_px / max(framed.shape)
    return resized(framed, *(round(side * scale) for side in framed.shape[:2]))


def _decoded(data: bytes) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels, dtype=np.uint8)
