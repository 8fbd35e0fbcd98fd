"""Features of pictures by a backbone, kept on disk between trainings."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from kpsearch.categories import FEATURES, views_of
from kpsearch.categories.network import OpenCvNetwork
from kpsearch.errors import KpsearchError, UnusableModel, WrongFolder
from kpsearch.images import read_image
from kpsearch.training import open_backbone
from kpsearch.training.extraction import Extracted, Lookout, extract
from tests.built_classifiers import backbone_file, write_picture
from tests.models import CHANNELS

VIEWS = (1.0, 0.6)


@pytest.fixture(scope="module")
def lookout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbone")
    backbone = open_backbone(str(backbone_file(folder)))
    path = folder / "ours.onnx"
    path.write_bytes(backbone.model.SerializeToString(deterministic=True))
    return Lookout(str(path), CHANNELS, backbone.preprocessing, VIEWS)


@pytest.fixture
def paths(tmp_path):
    return [write_picture(tmp_path / f"{n}.png", n / 6, n) for n in range(6)]


def again(paths, lookout, cache, **options) -> Extracted:
    return extract(paths, lookout, cache=cache, **options)


def test_features_are_those_of_the_backbone_by_either_engine(lookout, paths, tmp_path):
    found = again(paths, lookout, tmp_path / "cache")
    assert (found.rows, found.rejects, found.known) == (list(range(6)), [], 0)
    assert (found.features.shape, found.features.dtype) == ((6, 2, CHANNELS), np.float32)
    with open(lookout.model, "rb") as file:
        network = OpenCvNetwork("m", file.read(), (FEATURES,))
    for path, features in zip(paths, found.features, strict=True):
        pixels = read_image(path, colour=True).pixels
        want = network.run(views_of(pixels, lookout.preprocessing, VIEWS), FEATURES)
        np.testing.assert_allclose(features, want, rtol=1e-3, atol=1e-4)


def test_the_next_run_looks_at_none_and_has_the_same(lookout, paths, tmp_path):
    first = again(paths, lookout, tmp_path / "cache")
    for path in paths:  # what is not read may be anything, of the same size and date
        facts = os.stat(path)
        with open(path, "r+b") as file:
            file.write(b"none")
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    steps: list[tuple[str, int, int]] = []
    second = again(paths[::-1], lookout, tmp_path / "cache", progress=lambda *s: steps.append(s))
    assert second.known == 6
    np.testing.assert_array_equal(second.features, first.features[::-1])
    assert steps == [("looking at pictures", n, 6) for n in range(1, 7)]


def test_a_picture_that_changed_is_looked_at_again(lookout, paths, tmp_path):
    first = again(paths, lookout, tmp_path / "cache")
    write_picture(tmp_path / "2.png", 0.9, 77)
    os.utime(paths[2], ns=(1, 1))
    second = again(paths, lookout, tmp_path / "cache")
    assert second.known == 5
    changed = np.any(first.features != second.features, axis=(1, 2))
    assert np.flatnonzero(changed).tolist() == [2]


@pytest.mark.parametrize("what", ["views", "preprocessing"])
def test_other_views_are_other_features(lookout, paths, tmp_path, what):
    again(paths, lookout, tmp_path / "cache")
    others = {"views": (0.6, 1.0), "preprocessing": replace(lookout.preprocessing, colour="bgr")}
    found = again(paths, replace(lookout, **{what: others[what]}), tmp_path / "cache")
    assert found.known == 0
    assert again(paths, lookout, tmp_path / "cache").known == 6


def test_rejects_are_told_and_the_others_go_on_the_same_with_any_number_of_jobs(
    lookout, paths, tmp_path
):
    for name in ("bad.png", "worse.png"):
        (tmp_path / name).write_bytes(b"none")
    mixed = [paths[0], str(tmp_path / "bad.png"), *paths[1:], str(tmp_path / "worse.png")]
    told: list[str] = []
    found = again(mixed, lookout, tmp_path / "cache", on_reject=lambda r: told.append(r.path))
    assert found.rows == [0, 2, 3, 4, 5, 6]
    assert told == [reject.path for reject in found.rejects] == [mixed[1], mixed[7]]
    assert {reject.code for reject in found.rejects} == {"not_an_image"}
    spread = again(mixed, lookout, tmp_path / "other", n_jobs=2)
    assert (spread.rows, spread.rejects) == (found.rows, found.rejects)
    np.testing.assert_array_equal(spread.features, found.features)
    assert again(mixed, lookout, tmp_path / "cache").known == 6


def test_nothing_at_all_gives_well_formed_nothing(lookout, tmp_path):
    found = again([], lookout, tmp_path / "cache")
    assert (found.features.shape, found.rows) == ((0, 2, CHANNELS), [])
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"none")
    assert again([str(bad)], lookout, tmp_path / "cache").features.shape == (0, 2, CHANNELS)


def test_a_wrong_folder_is_noticed_early(lookout, tmp_path):
    paths = [str(tmp_path / f"none{n}.png") for n in range(1100)]
    seen: list[str] = []
    with pytest.raises(WrongFolder, match="1000 of the first 1000 files were rejected"):
        again(paths, lookout, tmp_path / "cache", on_reject=lambda r: seen.append(r.path))
    assert len(seen) == 1000


def test_a_cache_that_is_something_else_is_named(lookout, paths, tmp_path):
    (tmp_path / "cache").write_text("a letter, no cache of features, and a long one at that" * 30)
    with pytest.raises(KpsearchError, match="cache: is not what an earlier run left"):
        again(paths, lookout, tmp_path / "cache")


def test_a_backbone_that_is_gone_is_named(lookout, paths, tmp_path):
    gone = replace(lookout, model=str(tmp_path / "gone.onnx"))
    with pytest.raises(UnusableModel, match=r"gone\.onnx: cannot be read"):
        again(paths, gone, tmp_path / "cache")
