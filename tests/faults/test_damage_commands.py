"""What the commands say of a damaged index, and with which code they exit."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kpsearch.cli import main
from kpsearch.index import Snapshot
from kpsearch.index import manifest as manifests


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [os.fspath(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def index(catalogue_index, tmp_path) -> Path:
    return Path(shutil.copytree(catalogue_index, tmp_path / "index"))


@pytest.fixture
def photo(catalogue) -> Path:
    return next((catalogue / "photos").iterdir())


def file_of(index: Path, kind: str) -> Path:
    """The first file of a kind."""
    return sorted(index.glob(f"{kind}*"))[0]


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


KINDS = ["segment", "vocabulary", "manifest.json", "manifest.prev.json"]


@pytest.mark.parametrize("kind", KINDS)
def test_verify_names_a_damaged_file_and_exits_7(index, kind):
    damaged = file_of(index, kind)
    flip(damaged)
    found = run("verify", index)
    assert found.exit_code == 7
    assert f"damaged {damaged.name}: " in found.stdout
    assert "kpsearch recover" in found.stderr
    machine = run("verify", index, "--json")
    assert (machine.exit_code, machine.stderr) == (7, "")
    assert [item["file"] for item in json.loads(machine.stdout)["damage"]] == [damaged.name]


def test_verify_of_a_whole_index_exits_0(index):
    found = run("verify", index)
    assert (found.exit_code, found.stderr) == (0, "")
    assert "nothing is damaged" in found.stdout


def test_verify_and_recover_of_no_index_exit_1(tmp_path):
    for command in ("verify", "recover"):
        found = run(command, tmp_path / "nowhere")
        assert (found.exit_code, found.stdout) == (1, "")
        assert "no index here" in found.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["segment", "vocabulary", "manifest.json"])
def test_what_needs_a_damaged_file_exits_7_and_names_it(index, catalogue, photo, kind):
    damaged = file_of(index, kind)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    before = {path: path.read_bytes() for path in index.iterdir() if path.suffix != ".lock"}
    for command in (
        ["query", "-i", index, photo],
        ["index", "-i", index, catalogue / "catalogue"],
        ["info", index],
        ["compact", index],
    ):
        found = run(*command)
        assert (found.exit_code, found.stdout) == (7, ""), command
        assert damaged.name in found.stderr
    for path, content in before.items():
        assert path.name.startswith(".lock") or path.read_bytes() == content


def test_a_recovered_index_takes_its_pictures_in_again(index, catalogue, photo):
    expected = json.loads(run("query", "-i", index, "--json", photo).stdout)["hits"]
    damaged = file_of(index, "segment")
    flip(damaged)
    done = run("recover", index)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "9 images are lost: index their folders again" in done.stdout
    assert f"set aside {damaged.name}.damaged" in done.stdout
    assert run("verify", index).exit_code == 0
    assert Snapshot.open(index).images == 0
    assert run("index", "-i", index, catalogue / "catalogue").exit_code == 0
    found = json.loads(run("query", "-i", index, "--json", photo).stdout)["hits"]
    assert [(hit["image"], hit["score"]) for hit in found] == [
        (hit["image"], hit["score"]) for hit in expected
    ]


def test_recover_with_json_tells_the_same(index):
    damaged = file_of(index, "segment")
    flip(damaged)
    facts = json.loads(run("recover", index, "--json").stdout)
    assert facts["index"] == str(index)
    assert (facts["images"], facts["lost_images"], facts["changed"]) == (0, 9, True)
    assert facts["set_aside"] == [f"{damaged.name}.damaged"]


def test_recover_leaves_a_whole_index_as_it_is(index):
    before = {path: path.read_bytes() for path in index.iterdir() if path.is_file()}
    done = run("recover", index)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "nothing is damaged" in done.stdout
    for path, content in before.items():
        assert path.name.startswith(".lock") or path.read_bytes() == content


def test_a_lost_vocabulary_is_refused_with_advice(index):
    lost = file_of(index, "vocabulary")
    lost.unlink()
    before = set(os.listdir(index))
    done = run("recover", index)
    assert (done.exit_code, done.stdout) == (7, "")
    assert "restore the file from a copy, or index the pictures again" in done.stderr
    assert set(os.listdir(index)) | {".lock", ".lock-owner"} == before | {".lock", ".lock-owner"}


def test_recover_goes_back_by_a_generation_and_there_again(index):
    run("remove", "-i", index, "0", "1")
    generation = Snapshot.open(index).generation
    for images in (9, 7, 9):
        done = run("recover", index, "--to-previous")
        generation += 1
        assert (done.exit_code, done.stderr) == (0, "")
        assert f"as generation {generation}, {images} images" in done.stdout
        assert Snapshot.open(index).images == images
        assert run("verify", index).exit_code == 0


def test_a_lost_manifest_is_replaced_by_the_one_before(index):
    run("remove", "-i", index, "0")
    flip(index / manifests.NAME)
    done = run("recover", index)
    assert (done.exit_code, done.stderr) == (0, "")
    assert Snapshot.open(index).images == 9
    assert (index / "manifest.json.damaged").exists()
    assert run("verify", index).exit_code == 0
