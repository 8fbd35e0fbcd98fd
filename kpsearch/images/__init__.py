"""The only door to image files: finding them, reading them, naming them on a terminal."""

import os

# OpenCV reads its limit once, as it is loaded, which the modules below do.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")

from kpsearch.images.door import content_hash, file_hash, stat_facts
from kpsearch.images.finding import find_images, stop_if_wrong_folder
from kpsearch.images.naming import escape_path
from kpsearch.images.reading import as_grey, mirror, read_changed_image, read_image

__all__ = [
    "as_grey",
    "content_hash",
    "escape_path",
    "file_hash",
    "find_images",
    "mirror",
    "read_changed_image",
    "read_image",
    "stat_facts",
    "stop_if_wrong_folder",
]
