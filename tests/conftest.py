"""A small catalogue, its index and a classifier, made once a process; no test writes to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions
from kpsearch.synthetic import CameraOptions, CatalogueSpec, write_catalogue

if TYPE_CHECKING:
    from tests.trained import Trained


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine packs, three photos of packs, and one photo of a pack that is not among them."""
    return write_catalogue(
        CatalogueSpec(items=9, seed=4, side_px=320),
        tmp_path_factory.mktemp("catalogue"),
        queries=3,
        strangers=1,
        camera=CameraOptions(side_px=400, severity=0.2),
    )


@pytest.fixture(scope="session")
def catalogue_index(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the nine packs."""
    folder = tmp_path_factory.mktemp("index")
    build_index([catalogue / "catalogue"], folder, features=FeatureOptions(max_keypoints=400))
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A classifier of three categories, trained on a few pictures."""
    from tests.trained import trained

    return trained(tmp_path_factory.mktemp("trained"))
