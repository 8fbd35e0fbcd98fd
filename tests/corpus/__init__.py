"""Pictures, good and bad, made by seeded code."""

from tests.corpus.bad import BadFile, bad_files, write_bad_corpus, write_special_files
from tests.corpus.many import Case, write_many
from tests.corpus.pictures import (
    ORIENTATION,
    alpha_ramp,
    encode,
    exif,
    good_files,
    mpo,
    picture,
    png,
    png_chunk,
    png_of,
    rgb,
    rgba,
    tiff,
)

__all__ = [
    "ORIENTATION",
    "BadFile",
    "Case",
    "alpha_ramp",
    "bad_files",
    "encode",
    "exif",
    "good_files",
    "mpo",
    "picture",
    "png",
    "png_chunk",
    "png_of",
    "rgb",
    "rgba",
    "tiff",
    "write_bad_corpus",
    "write_many",
    "write_special_files",
]
