"""The structure of TIFF files: every directory, and the strips or tiles of every page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kpsearch.images.container import Container, Route, check_size, corrupt
from kpsearch.images.signatures import unsupported
from kpsearch.images.tags import BadTags, Entry, TagReader

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _SAMPLE_FORMAT = 254, 256, 257, 258, 339
_STRIPS, _TILES, _OLD_JPEG = (273, 279), (324, 325), (513, 514)
_SAMPLES, _STRIP_ROWS, _PLANES, _TILE_WIDTH, _TILE_HEIGHT = 277, 278, 284, 322, 323
_SEPARATE = 2
_SUB_DIRECTORIES, _EXIF, _GPS = 330, 34665, 34853
_UNSIGNED, _UNDEFINED, _FLOAT = 1, 4, 3
_MAX_PAGES = 10_000

Tags = dict[int, Entry]


def inspect(data: bytes) -> Container:
    """The header of a TIFF whose directories and pixels all lie inside the file; raises ``Flaw``.

    The size is that before Pillow, which decodes these files, turns them upright by itself.
    """
    try:
        reader = TagReader(data)
        pages = _pages(data, reader)
        _check_readable(reader, pages[0])
        for page in pages:
            _check_pixels(data, reader, page)
        width, height = _size(reader, pages[0])
    except BadTags as error:
        raise corrupt(f"bad TIFF: {error}") from error
    return Container("TIFF", width, height, Route.PILLOW, frames=len(pages))


def _pages(data: bytes, reader: TagReader) -> list[Tags]:
    """The directories of the chain. The first is checked for its size before the rest is read."""
    pages: list[Tags] = []
    seen: set[int] = set()
    start = reader.first
    while start and start not in seen:
        seen.add(start)
        tags, following = reader.directory(start)
        if not pages:
            check_size(*_size(reader, tags))
        _check_values(data, reader, tags)
        pages.append(tags)
        start = following
        if len(pages) > _MAX_PAGES:
            raise BadTags(f"more than {_MAX_PAGES} pages")
    if start or not pages:
        raise BadTags("the directories form a loop" if pages else "no directory")
    return pages


def _size(reader: TagReader, tags: Tags) -> tuple[int, int]:
    return _integer(reader, tags, _WIDTH), _integer(reader, tags, _HEIGHT)


def _integer(reader: TagReader, tags: Tags, tag: int, default: int | None = None) -> int:
    if tag not in tags and default is not None:
        return default
    values = reader.integers(tags[tag]) if tag in tags else np.zeros(0, np.int64)
    if len(values) == 0:
        raise BadTags(f"tag {tag} is missing")
    return int(values.max())


def _check_values(data: bytes, reader: TagReader, tags: Tags) -> None:
    """No value, and no directory of EXIF or GPS tags, may lie outside of the file."""
    if any(entry.end > len(data) for entry in tags.values()):
        raise BadTags("the values of a tag are cut off")
    for tag in (_EXIF, _GPS):
        if tag in tags:
            inner, _ = reader.directory(_integer(reader, tags, tag))
            if any(entry.end > len(data) for entry in inner.values()):
                raise BadTags("the values of a tag are cut off")


def _check_readable(reader: TagReader, tags: Tags) -> None:
    """Refuse samples that are not 1 to 16 bit intensities, and a raw photo's thumbnail."""
    if _SUB_DIRECTORIES in tags and _integer(reader, tags, _SUBFILE, 0) & 1:
        raise unsupported("camera raw")
    kind = _integer(reader, tags, _SAMPLE_FORMAT, _UNSIGNED)
    if kind == _FLOAT:
        raise corrupt("floating-point samples: measurements, not a picture")
    bits = _integer(reader, tags, _BITS, 1)
    if kind not in (_UNSIGNED, _UNDEFINED) or bits > 16:
        raise corrupt(f"signed or {bits}-bit samples: measurements, not a picture")


def _check_pixels(data: bytes, reader: TagReader, tags: Tags) -> None:
    for offsets_tag, lengths_tag in (_STRIPS, _TILES, _OLD_JPEG):
        if offsets_tag in tags:
            starts = reader.integers(tags[offsets_tag])
            lengths = _lengths(reader, tags, lengths_tag, len(starts))
            if len(starts) and int((starts + lengths).max()) > len(data):
                raise BadTags("the pixels are cut off")
            # Pillow leaves what a missing strip should hold black, without a word.
            if len(starts) < _pieces(reader, tags, offsets_tag):
                raise BadTags("some of the pixels are missing")
            return
    raise BadTags("there are no pixels")


def _pieces(reader: TagReader, tags: Tags, offsets_tag: int) -> int:
    """How many strips or tiles it takes to cover the picture."""
    width, height = _size(reader, tags)
    if offsets_tag == _STRIPS[0]:
        rows = max(_integer(reader, tags, _STRIP_ROWS, height), 1)
        pieces = -(-height // rows)
    elif offsets_tag == _TILES[0]:
        across = max(_integer(reader, tags, _TILE_WIDTH), 1)
        down = max(_integer(reader, tags, _TILE_HEIGHT), 1)
        pieces = -(-width // across) * -(-height // down)
    else:
        return 1
    separate = _integer(reader, tags, _PLANES, 1) == _SEPARATE
    return pieces * (_integer(reader, tags, _SAMPLES, 1) if separate else 1)


def _lengths(reader: TagReader, tags: Tags, tag: int, count: int) -> npt.NDArray[np.int64]:
    """(count,) bytes of each strip or tile; old writers leave them out: then only the start."""
    if tag not in tags:
        return np.ones(count, np.int64)
    lengths = reader.integers(tags[tag])
    if len(lengths) != count:
        raise BadTags("the strips do not match their lengths")
    return lengths
