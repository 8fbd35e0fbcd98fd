"""Which files of a folder are taken for pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from kpsearch.errors import WrongFolder
from kpsearch.images.door import Path, path_name
from kpsearch.images.signatures import SIGNATURE_BYTES, looks_like_image

_READ = {
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "mpo",
    "png",
    "apng",
    "webp",
    "gif",
    "bmp",
    "dib",
    "tif",
    "tiff",
}
# Found as well, so that they are reported as rejects and not missed in silence.
_PHOTOS = {"heic", "heif", "hif", "avif", "jp2", "j2k", "jpf", "jpx", "jxl", "jxr", "hdr", "exr"}
_RAW = {"cr2", "cr3", "nef", "arw", "dng", "raf", "orf", "rw2"}
_OTHER = {"psd", "tga", "qoi", "dds", "ico", "cur", "ppm", "pgm", "pbm", "pnm"}
_EXTENSIONS = _READ | _PHOTOS | _RAW | _OTHER
SUSPICIOUS_AFTER = 1000
"""When more than half of so many first pictures are rejected, the job stops."""


def find_images(paths: Iterable[Path], *, follow_links: bool = False) -> Iterator[str]:
    """The pictures of ``paths``, in the order given and within a folder in the order of bytes.

    A file is yielded as it is given, whatever its name, and so is a path that does not exist, for
    ``read_image`` to reject it by name. A folder is walked: files with the extension of an image
    format, be it one that is not read (HEIC, AVIF, PSD, ...), and files without an extension that
    start like an image; everything else in it is passed over, hidden names too. Linked files are
    taken, linked folders only with ``follow_links``, and then none is entered twice. A folder that
    cannot be listed is yielded itself. Names that are no text survive as surrogate escapes.
    """
    for path in paths:
        name = path_name(path)
        if _is_folder(name):
            yield from _walk(name, follow_links=follow_links)
        else:
            yield name


def stop_if_wrong_folder(done: int, rejected: int) -> None:
    """Raise `WrongFolder` where most of the first pictures were ``rejected``; asked after each."""
    if done == SUSPICIOUS_AFTER and rejected > done // 2:
        raise WrongFolder(f"{rejected} of the first {done} files were rejected: wrong folder?")


def _is_folder(path: str) -> bool:
    try:
        return os.path.isdir(path)
    except ValueError:  # no file can have this name; read_image says so
        return False


def _walk(root: str, *, follow_links: bool) -> Iterator[str]:
    """Depth first, with a stack of our own: folders may be nested deeper than Python's."""
    entered: set[tuple[int, int]] = set()
    todo: list[tuple[str, bool]] = [(root, True)]
    while todo:
        path, folder = todo.pop()
        if not folder:
            yield path
        elif follow_links and not _enter(path, entered):
            continue
        elif (entries := _list(path)) is None:
            yield path
        else:
            kept = (entry for entry in reversed(entries) if not entry.name.startswith("."))
            todo += _sorted_out(kept, follow_links=follow_links)


def _enter(path: str, entered: set[tuple[int, int]]) -> bool:
    """Whether the folder is met for the first time; links may lead to it again, or in a loop."""
    try:
        facts = os.stat(path)
    except OSError:
        return True
    key = (facts.st_dev, facts.st_ino)
    if key in entered:
        return False
    entered.add(key)
    return True


def _list(path: str) -> list[os.DirEntry[str]] | None:
    """The entries of a folder in byte order; None if it cannot be listed."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError:
        return None


def _sorted_out(
    entries: Iterable[os.DirEntry[str]], *, follow_links: bool
) -> Iterator[tuple[str, bool]]:
    """The path and whether it is a folder, of each entry that counts."""
    for entry in entries:
        if _is_dir(entry, follow_links=True):
            if _is_dir(entry, follow_links=follow_links):
                yield entry.path, True
        elif _is_picture(entry):
            yield entry.path, False


def _is_dir(entry: os.DirEntry[str], *, follow_links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow_links)
    except OSError:
        return False


def _is_picture(entry: os.DirEntry[str]) -> bool:
    _, dot, extension = entry.name.rpartition(".")
    return extension.lower() in _EXTENSIONS if dot else _starts_like_image(entry)


def _starts_like_image(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file():  # opening a FIFO could hang, a device could act
            return False
        handle = os.open(entry.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return looks_like_image(os.read(handle, SIGNATURE_BYTES))
        finally:
            os.close(handle)
    except OSError:
        return False
