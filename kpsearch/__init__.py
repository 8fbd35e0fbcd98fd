"""Keypoint image retrieval for product catalogues.

The Python API, loaded on first use so that ``import kpsearch`` stays light::

    import kpsearch

    kpsearch.build_index(["photos/"], "my-index")
    searcher = kpsearch.Searcher.open("my-index")
    for hit in searcher.query("phone-photo.jpg").hits:
        print(hit.rank, hit.path, hit.score, hit.inliers)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kpsearch.version import __version__

if TYPE_CHECKING:
    from kpsearch.images import read_image as read_image
    from kpsearch.indexing import build_index as build_index
    from kpsearch.indexing import remove_images as remove_images
    from kpsearch.search import Searcher as Searcher

_LAZY = {
    "Searcher": "kpsearch.search",
    "build_index": "kpsearch.indexing",
    "read_image": "kpsearch.images",
    "remove_images": "kpsearch.indexing",
}

__all__ = ["Searcher", "__version__", "build_index", "read_image", "remove_images"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'kpsearch' has no attribute {name!r}")
