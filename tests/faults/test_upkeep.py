"""Rejects, vanished pictures and removals, by the command line: what is kept, dropped, refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kpsearch.index import Snapshot
from tests.faults.commands import done, kpsearch, require_undamaged, save_pictures


@pytest.fixture
def pictures(tmp_path):
    """Five good pictures in two folders, and two bad ones."""
    folder = tmp_path / "pictures"
    save_pictures(folder / "tea", [f"tea-{n}.png" for n in range(3)])
    save_pictures(folder / "jam", [f"jam-{n}.png" for n in range(2)])
    (folder / "jam" / "text.jpg").write_bytes(b"text")
    cut = (folder / "tea" / "tea-0.png").read_bytes()[:200]
    (folder / "tea" / "cut.png").write_bytes(cut)
    return folder


@pytest.fixture
def index(pictures, vocabulary, tmp_path):
    folder = tmp_path / "index"
    done("index", pictures, "-i", folder, "-j", "1", "--vocabulary", vocabulary)
    return folder


def _update(index: Path, *arguments: object) -> tuple[str, list[str]]:
    """The counts of a run of indexing, and the paths it rejected."""
    finished = kpsearch("index", *arguments, "-i", index, "-j", "1")
    assert finished.returncode == 0, finished.stderr
    lines = finished.stderr.splitlines()
    assert all(line.startswith("rejected ") for line in lines), finished.stderr
    return finished.stdout.split(";")[0], [line.split(" ")[1].rstrip(":") for line in lines]


def _rejects(index: Path) -> dict[str, str]:
    listed = json.loads(done("info", index, "--rejects", "--json"))["reject_list"]
    return {reject["image"]: reject["code"] for reject in listed}


def _paths(index: Path) -> set[str]:
    return {record.path for record in Snapshot.open(index).records()}


def test_rejects_are_listed_and_read_again_only_when_asked_or_changed(pictures, index):
    text, cut = str(pictures / "jam" / "text.jpg"), str(pictures / "tea" / "cut.png")
    listed = _rejects(index)
    assert set(listed) == {text, cut}
    shown = done("info", index, "--rejects")
    assert all(path in shown and listed[path] in shown for path in (text, cut))
    assert _update(index, pictures) == ("0 added, 5 unchanged, 2 rejected before", [])
    counts, rejected = _update(index, pictures, "--retry-rejects")
    assert (counts, set(rejected)) == ("0 added, 5 unchanged, 2 rejected", {text, cut})
    Path(cut).write_bytes(b"other text")
    counts, rejected = _update(index, pictures)
    assert (counts, rejected) == ("0 added, 5 unchanged, 1 rejected, 1 rejected before", [cut])
    assert _rejects(index) == {text: "not_an_image", cut: "not_an_image"}


def test_a_reject_that_has_become_a_picture_is_taken_in(pictures, index):
    text, cut = pictures / "jam" / "text.jpg", pictures / "tea" / "cut.png"
    save_pictures(cut.parent, [cut.name])
    assert _update(index, pictures) == ("1 added, 5 unchanged, 1 rejected before", [])
    assert set(_rejects(index)) == {str(text)}
    assert str(cut) in _paths(index)


def test_pruning_drops_what_has_vanished_and_only_under_the_folders_given(pictures, index):
    for name in ("jam/jam-0.png", "jam/text.jpg", "tea/tea-1.png"):
        (pictures / name).unlink()
    assert _update(index, pictures) == ("0 added, 3 unchanged, 1 rejected before", [])
    assert len(_paths(index)) == 5
    assert _update(index, pictures / "jam", "--prune") == ("0 added, 1 dropped, 1 unchanged", [])
    assert len(_paths(index)) == 4
    assert set(_rejects(index)) == {str(pictures / "tea" / "cut.png")}
    counts, _ = _update(index, pictures, "--prune")
    assert counts == "0 added, 1 dropped, 3 unchanged, 1 rejected before"
    gone = {str(pictures / "jam" / "jam-0.png"), str(pictures / "tea" / "tea-1.png")}
    assert len(_paths(index)) == 3
    assert not gone & _paths(index)
    require_undamaged(index)


def test_pruning_refuses_a_folder_that_is_empty_now(pictures, index):
    manifest = (index / "manifest.json").read_bytes()
    shutil.move(pictures / "tea", pictures.parent / "elsewhere")
    (pictures / "tea").mkdir()
    refused = kpsearch("index", pictures / "tea", pictures / "jam", "-i", index, "--prune")
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert f"{pictures / 'tea'}: 3 pictures of it are in the index and none is there now" in line
    assert (index / "manifest.json").read_bytes() == manifest


def test_images_are_removed_by_id_by_path_and_by_folder(pictures, index):
    by_id = Snapshot.open(index).record(0).path
    assert f"removed {by_id}\n" in done("remove", "0", "-i", index)
    by_path = min(_paths(index))
    assert f"removed {by_path}\n" in done("remove", by_path, "-i", index)
    assert len(_paths(index)) == 3
    told = done("remove", pictures / "tea", "-i", index).splitlines()
    rest = {path for path in _paths(index) if Path(path).parent.name == "tea"}
    assert not rest
    assert f"forgot the reject {pictures / 'tea' / 'cut.png'}" in told
    assert told[-1] == f"committed generation {Snapshot.open(index).generation} of {index}"
    assert len(list(pictures.rglob("*.*"))) == 7, "the files are never touched"
    require_undamaged(index)


@pytest.mark.parametrize("unknown", ["99", "no/such.png"])
def test_if_one_of_several_is_not_in_the_index_none_is_removed(pictures, index, unknown):
    manifest = (index / "manifest.json").read_bytes()
    known = pictures / "jam" / "jam-0.png"
    refused = kpsearch("remove", known, "1", unknown, pictures / "tea", "-i", index)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert f"not in the index: {unknown}; nothing was removed" in line
    assert (index / "manifest.json").read_bytes() == manifest
    assert len(_paths(index)) == 5


@pytest.mark.parametrize("command", [["remove"], ["index"], ["index", "--prune"]])
def test_an_empty_path_is_refused_and_changes_nothing(index, command):
    before = Snapshot.open(index).generation
    refused = kpsearch(*command, "", "-i", index)
    assert refused.returncode == 2
    assert "an empty path" in refused.stderr
    assert Snapshot.open(index).generation == before
