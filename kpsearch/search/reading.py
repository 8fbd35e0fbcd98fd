"""The pictures of a query as an index wants them: read, cut out, mirrored, described."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
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

    from kpsearch.categories import Classifier, Prediction
    from kpsearch.embedding.reading import TakesPictures
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
    vectors = [embedder.embed(p) for p in _coloured(pictures, regions, embedder, on_disk)]
    if len(vectors) == 1:
        return vectors[0]
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def predictions_of(
    pictures: Sequence[Image],
    regions: Sequence[Region | None],
    classifier: Classifier,
    *,
    on_disk: Sequence[bool],
) -> list[Prediction]:
    """What a classifier says of each picture, or its region.

    A picture that is ``on_disk`` is read again, in colour.
    """
    return [classifier.predict(p) for p in _coloured(pictures, regions, classifier, on_disk)]


def _coloured(
    pictures: Sequence[Image],
    regions: Sequence[Region | None],
    model: TakesPictures,
    on_disk: Sequence[bool],
) -> Iterator[Image]:
    """Each picture, or its region, in colour for a model."""
    for picture, region, there in zip(pictures, regions, on_disk, strict=True):
        colour = in_colour(picture, model, whole=region is not None) if there else picture
        yield colour if region is None else crop(colour, region)
