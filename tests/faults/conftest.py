"""A vocabulary made once a process, so that an index of real pictures is made in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpsearch.indexing import build_index
from kpsearch.options import VocabularyOptions
from tests.faults.commands import save_pictures


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index to take it from."""
    folder = tmp_path_factory.mktemp("vocabulary")
    paths = save_pictures(folder / "pictures", [f"word-{n}.png" for n in range(6)])
    build_index(paths, folder / "index", vocabulary=VocabularyOptions(words=64))
    return folder / "index"
