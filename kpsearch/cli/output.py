"""What commands print: results to stdout, progress and rejects to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.evaluation import Truth
    from kpsearch.types import Hit, Reject


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A callback that draws one bar a stage on a terminal; silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from tqdm import tqdm

    bar: tqdm[Any] | None = None

    def show(stage: str, done: int, total: int) -> None:
        nonlocal bar
        if bar is None or bar.desc != f"{stage}: ":
            if bar is not None:
                bar.close()
            bar = tqdm(desc=stage, total=total, unit="", dynamic_ncols=True, leave=False)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def require_place(path: str) -> None:
    """Raise `UsageError` where no file can be written, before hours go into what it is for."""
    from kpsearch.errors import UsageError

    folder = os.path.dirname(os.path.abspath(path))
    if not path:
        raise UsageError("an empty path names no file; is a variable not set?")
    if os.path.isdir(path):
        raise UsageError(f"{path}: a folder; name a file to write")
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: there is no folder {folder} to write it in")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: nothing can be written in {folder}")


def require_folder_place(path: str) -> None:
    """Raise `UsageError` where no folder with files in it can be made, as `require_place` does."""
    from kpsearch.errors import UsageError

    folder = os.path.abspath(path)
    while not os.path.lexists(folder):  # ends at the root
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: {folder} is a file; name a folder to write in")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: nothing can be written in {folder}")


def say_what_plays_no_part(truth: Truth) -> None:
    """A misspelt role would leave its pictures out without a word."""
    from collections import Counter

    others = Counter(row.role for row in truth.rows if not (row.is_reference or row.is_query))
    if others:
        counts = ", ".join(f"{count} of role {role!r}" for role, count in sorted(others.items()))
        click.echo(f"kpsearch: rows that play no part: {counts}", err=True)


def print_json(value: object) -> None:
    """One line of JSON. Bytes of a name that are not text come as lone surrogates, escaped."""
    click.echo(json.dumps(value))


def print_reject(reject: Reject) -> None:
    """The line for a rejected picture, on stderr."""
    from kpsearch.indexing import reject_line

    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(reject_line(reject), file=sys.stderr)
    else:
        click.echo(reject_line(reject), err=True)


def rejected_json(reject: Reject) -> dict[str, Any]:
    """A query that could not be asked, so that answers stay in step with questions."""
    return {
        "query": reject.path,
        "hits": [],
        "error": {"code": reject.code, "text": reject.text},
        "timings_ms": {},
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    """A hit as plain JSON values."""
    fused = {} if hit.cosine is None else {"cosine": round(hit.cosine, 4)}
    return {
        "rank": hit.rank,
        "image": hit.path,
        "id": hit.id,
        "category": hit.category,
        "score": round(hit.score, 4),
        "confidence": round(hit.confidence, 6),
        "inliers": hit.inliers,
        "effective_inliers": round(hit.effective_inliers, 2),
        "verified": hit.verified,
        "picture": hit.picture,
        "mirrored": hit.mirrored,
        "via": hit.via,
        "region": _points(hit.region),
        "query_region": _points(hit.query_region),
        "transform": None if hit.transform is None else hit.transform.tolist(),
        **fused,
    }


def _points(polygon: npt.NDArray[Any] | None) -> list[list[float]] | None:
    if polygon is None:
        return None
    return [[round(float(x), 1) + 0.0, round(float(y), 1) + 0.0] for x, y in polygon]
