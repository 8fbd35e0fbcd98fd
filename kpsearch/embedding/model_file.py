"""The file of a deep model."""

from __future__ import annotations

from pathlib import Path

from kpsearch.errors import UnusableModel


def read_model(path: str) -> bytes:
    """What is in it; raises `UnusableModel` for a file that cannot be read or is empty."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UnusableModel(f"{path}: cannot be read: {error.strerror}") from error
    if not content:
        raise UnusableModel(f"{path}: is empty, no ONNX model")
    return content
