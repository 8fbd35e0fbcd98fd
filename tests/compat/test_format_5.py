"""An index with predicted categories as it was written once, of format 5, still says the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kpsearch.index import (
    ImageCategory,
    IndexWriter,
    Snapshot,
    Storage,
    check_index,
    contents_hash,
    recover,
)
from tests.compat.make import (
    CATEGORIES,
    EMBEDDING,
    categorised,
    embedded,
    images,
    unsketched,
    write,
)

GOLDEN = Path(__file__).parent / "format-5"
CONTENTS = "7dd1b315632cf012ca82413f8661c423"


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "index"))


def test_it_opens_and_verifies(copy):
    assert check_index(Storage(copy)).damage == ()
    snapshot = Snapshot.open(copy)
    assert snapshot.manifest.format_version == 5
    assert (snapshot.manifest.embedding, snapshot.manifest.categories) == (EMBEDDING, CATEGORIES)
    assert contents_hash(snapshot) == CONTENTS


def test_its_categories_are_known(copy):
    snapshot = Snapshot.open(copy)
    found = [ImageCategory.parse(r.category) for r in snapshot.records()]
    assert found == [
        ImageCategory(),
        ImageCategory.own("?"),
        ImageCategory(("a|b", "c\\"), predicted=True),
        ImageCategory.own("Thé/Vert"),
    ]
    column = snapshot.categories
    assert [column.distinct[code] for code in column.code[snapshot.live]] == found


def test_it_can_be_committed_to_merged_and_taken_back(copy):
    new, old = unsketched(categorised(embedded(images())))[:2]
    other = replace(CATEGORIES, alpha=0.1)
    with IndexWriter(copy) as writer:
        writer.commit([new, old])
        writer.compact()
        writer.remember(other)
    assert Snapshot.open(copy).manifest.categories == other
    recover(Storage(copy), to_previous=True)
    assert Snapshot.open(copy).manifest.categories == CATEGORIES
    assert contents_hash(Snapshot.open(copy)) == CONTENTS


def test_what_made_it_still_makes_its_like(tmp_path):
    write(str(tmp_path / "index"), EMBEDDING, CATEGORIES)
    assert contents_hash(Snapshot.open(tmp_path / "index")) == CONTENTS
