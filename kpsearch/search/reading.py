"""The pictures of a query as an index wants them: read, cut out, mirrored, described."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.embedding import Embedder, in_colour
from kpsearch.errors import NotInstalled, UnknownName
from kpsearch.features import extract_features, make_extractor
from kpsearch.images import as_grey, read_image
from kpsearch.search.region import Region, crop
from kpsearch.search.view import Placement, View, placed, seen
from kpsearch.types import Image

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Snapshot

Picture = str | os.PathLike[str] | Image
"""A query's picture: its path, or the picture itself."""


def read_picture(picture: Picture, region: Region | None, snapshot: Snapshot) -> Image:
    """The picture, in the resolution that is needed for it; raises `ImageRejected`."""
    if isinstance(picture, Image):
        return picture
    max_side_px = snapshot.manifest.features.max_side_px
    return read_image(picture, at_least_px=None if region else max_side_px)


def views_of(
    pictures: Sequence[Image],
    regions: Sequence[Region | None],
    snapshot: Snapshot,
    *,
    mirrored: bool,
) -> list[View]:
    """Each picture, or its region, as it is, and if ``mirrored`` as a mirror shows it too.

    Raises `UsageError` for a region outside its picture, `NotInstalled` or `UnknownName` for an
    index whose extractor is not here.
    """
    options = snapshot.manifest.features
    try:
        make_extractor(options.extractor)
    except (NotInstalled, UnknownName) as error:
        folder = snapshot.storage.folder
        raise type(error)(f"{folder}: made with {options.extractor}, but: {error}") from error
    views = []
    for number, (picture, asked) in enumerate(zip(pictures, regions, strict=True)):
        region, grey = asked or Region(0, 0, *picture.size), as_grey(picture)
        for turned in (False, True) if mirrored else (False,):
            features = extract_features(seen(grey, region, mirrored=turned), options)
            views.append(placed(features, Placement(number, picture.size, region, turned)))
    return views


def embedding_of(
    pictures: Sequence[Image],
    regions: Sequence[Region | None],
    embedder: Embedder,
    *,
    on_disk: Sequence[bool],
) -> npt.NDArray[np.float32]:
    """(d,) the mean of the pictures' embeddings, of unit length.

    A picture that is ``on_disk`` is read again, in colour.
    """
    vectors = []
    for picture, region, there in zip(pictures, regions, on_disk, strict=True):
        colour = in_colour(picture, embedder, whole=region is not None) if there else picture
        vectors.append(embedder.embed(colour if region is None else crop(colour, region)))
    if len(vectors) == 1:
        return vectors[0]
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
