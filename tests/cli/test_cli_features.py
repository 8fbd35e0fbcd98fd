"""Choosing an extractor on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from kpsearch.cli import main
from kpsearch.features import EXTRACTORS, installed_extractors
from tests.textures import textured


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        png = cv2.imencode(".png", textured(seed, 200, 150))[1]
        (folder / f"{seed}.png").write_bytes(png.tobytes())
    return folder


@pytest.fixture(scope="module")
def orb_index(pictures, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("orb") / "index"
    made = run("index", pictures, "-i", folder, "--features", "orb", "--upright", "-j", 1)
    assert made.exit_code == 0
    return folder


def test_every_registered_extractor_is_listed_with_what_it_is_or_how_to_get_it():
    found = json.loads(run("extractors", "--json").stdout)
    assert [fact["name"] for fact in found] == EXTRACTORS.names()
    for fact in found:
        if fact["name"] in installed_extractors():
            assert fact["missing"] is None
            assert fact["distance"] in ("Hamming", "Euclidean")
            assert fact["bytes"] > 0
            assert fact["threshold"] > 0
        else:
            assert "OpenCV" in fact["missing"]


def test_the_list_marks_the_default_and_names_the_patents_of_surf():
    lines = run("extractors").stdout.splitlines()
    assert [line.split()[0] for line in lines if "(default)" in line] == ["sift"]
    (surf,) = [line for line in lines if line.startswith("surf ")]
    assert "patented" in surf


def test_an_index_shows_how_its_keypoints_were_found(orb_index):
    features = json.loads(run("info", orb_index, "--json").stdout)["features"]
    assert (features["extractor"], features["upright"]) == ("orb", True)
    assert features["threshold"] > 0


def test_a_query_uses_the_extractor_of_its_index(orb_index, pictures):
    answer = json.loads(run("query", pictures / "1.png", "-i", orb_index, "--json").stdout)
    assert answer["hits"][0]["image"].endswith("1.png")
    assert answer["hits"][0]["verified"]


def test_adding_to_an_index_needs_no_option_and_takes_no_other(orb_index, pictures):
    assert run("index", pictures, "-i", orb_index, "-j", 1).exit_code == 0
    for option, told in [
        (["--features", "akaze"], "made with extractor orb"),
        (["--turned"], "made with upright True, not upright False"),
        (["--threshold", "33"], "not threshold 33.0"),
    ]:
        refused = run("index", pictures, "-i", orb_index, "-j", 1, *option)
        assert refused.exit_code == 1
        assert told in refused.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--features", "brisk", "--upright"], "brisk has no upright mode"),
        (["--features", "shift"], "unknown extractor 'shift'; known: akaze"),
        (["--threshold", "0"], "0"),
        (["--threshold", "-1"], "-1"),
    ],
)
def test_what_cannot_be_extracted_is_a_usage_error_and_makes_no_index(
    pictures, tmp_path, options, told
):
    refused = run("index", pictures, "-i", tmp_path / "index", "-j", 1, *options)
    assert refused.exit_code == 2
    assert told in refused.stderr
    assert run("info", tmp_path / "index").exit_code == 1


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS.names()) - set(installed_extractors())))
def test_an_extractor_that_opencv_lacks_says_how_to_get_it(pictures, tmp_path, name):
    refused = run("index", pictures, "-i", tmp_path / "index", "--features", name)
    assert refused.exit_code == 2
    assert "OpenCV" in refused.stderr
    assert "build" in refused.stderr or "install" in refused.stderr
