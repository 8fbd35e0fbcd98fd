from __future__ import annotations

import pytest

from kpsearch.features import installed_extractors


@pytest.fixture(params=installed_extractors())
def name(request: pytest.FixtureRequest) -> str:
    """Each extractor in turn that this machine has."""
    return str(request.param)
