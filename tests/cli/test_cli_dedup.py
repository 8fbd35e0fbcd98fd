"""Deduplication as a user runs it: real pictures, real processes, a kill in between."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions
from kpsearch.synthetic import CatalogueSpec, render_item
from tests.cli.test_cli_commands import run
from tests.textures import flat

MAIN = "import sys; from kpsearch.cli import main; sys.argv[0] = 'kpsearch'; main()"
SPEC = CatalogueSpec(items=4, seed=77, side_px=320, variants_per_line=1, lines_per_brand=1)
FEATURES = FeatureOptions(max_keypoints=500)


def write(path: Path, pixels, quality: int = 92) -> Path:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    path.write_bytes(cv2.imencode(path.suffix, pixels, options)[1].tobytes())
    return path


def write_pictures(folder: Path) -> Path:
    """Four packs; copies of the first, one of them of the same bytes; a plain picture, twice."""
    folder.mkdir()
    packs = [render_item(SPEC, i) for i in range(4)]
    for number, pack in enumerate(packs):
        write(folder / f"pack{number}.jpg", pack)
    shutil.copy(folder / "pack0.jpg", folder / "same.jpg")
    first = packs[0]
    small = cv2.resize(first, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    write(folder / "resized.jpg", small, quality=60)
    write(folder / "mirrored.jpg", first[:, ::-1])
    height, width = first.shape[:2]
    write(folder / "crop.jpg", first[: int(0.75 * height), int(0.2 * width) :])
    write(folder / "plain.png", flat(200))
    write(folder / "plainer.png", flat(201))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("dedup") / "pictures")


@pytest.fixture(scope="module")
def index(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dedup") / "index"
    build_index([pictures], folder, features=FEATURES)
    return folder


@pytest.fixture(scope="module")
def report(index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dedup") / "report"
    result = run("dedup", "-i", index, "-o", folder, "-j", "1")
    assert (result.exit_code, result.stderr) == (8, "")
    return folder


def pairs(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with open(folder / "pairs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(Path(r["path_a"]).name, Path(r["path_b"]).name): r for r in rows}


def relation(folder: Path, a: str, b: str) -> str | None:
    """What a is to b."""
    found = pairs(folder)
    if (a, b) in found:
        return found[a, b]["relation"]
    turned = {"crop-of": "contains", "contains": "crop-of"}
    told = found.get((b, a), {}).get("relation")
    return turned.get(told, told) if told else None


def groups(folder: Path) -> list[list[str]]:
    """Names of the members, the keeper first."""
    content = json.loads((folder / "groups.json").read_text())
    return [[Path(m["path"]).name for m in group["members"]] for group in content["groups"]]


def test_each_copy_is_found_and_told_for_what_it_is(report):
    told = {
        name: relation(report, name, "pack0.jpg")
        for name in ("same.jpg", "resized.jpg", "mirrored.jpg", "crop.jpg")
    }
    assert told == {
        "same.jpg": "exact",
        "resized.jpg": "near-duplicate",
        "mirrored.jpg": "mirrored",
        "crop.jpg": "crop-of",
    }


def test_copies_are_one_group_and_packs_and_plain_pictures_are_in_none(report):
    (members,) = groups(report)
    assert set(members) == {"pack0.jpg", "same.jpg", "resized.jpg", "mirrored.jpg", "crop.jpg"}
    assert members[0] in {"pack0.jpg", "same.jpg", "mirrored.jpg"}
    plain = pairs(report).get(("plain.png", "plainer.png"))
    assert plain is not None
    assert plain["relation"] == "insufficient-evidence"


def test_the_page_needs_nothing_but_itself(report):
    page = (report / "review.html").read_text()
    addresses = re.findall(r"https?://[^\s\"']*", page)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}  # a name, which nothing is loaded from
    assert "pack0.jpg" in page


def test_what_is_printed_is_for_people_or_for_machines(index, report):
    shown = run("dedup", "-i", index, "-o", report, "-j", "1")
    assert "pictures:  10" in shown.stdout
    assert "pack0.jpg" in shown.stdout
    told = json.loads(run("dedup", "-i", index, "-o", report, "-j", "1", "--json").stdout)
    assert (told["pictures"], told["groups"], told["redundant"]) == (10, 1, 4)
    assert [Path(path).name for path in told["report"]] == [
        "pairs.csv",
        "groups.json",
        "review.html",
    ]


def test_any_number_of_jobs_gives_the_same_files(index, report, tmp_path):
    assert run("dedup", "-i", index, "-o", tmp_path, "-j", "2").exit_code == 8
    for name in ("pairs.csv", "review.html"):
        assert (tmp_path / name).read_bytes() == (report / name).read_bytes()
    assert groups(tmp_path) == groups(report)


def test_a_catalogue_without_duplicates_ends_well(pictures, tmp_path):
    packs = [pictures / f"pack{i}.jpg" for i in range(3)]
    build_index(packs, tmp_path / "index", features=FEATURES)
    result = run("dedup", "-i", tmp_path / "index", "-j", "1")
    assert result.exit_code == 0
    assert (tmp_path / "index.dedup" / "review.html").exists()
    assert groups(tmp_path / "index.dedup") == []


def hollow(path: Path) -> None:
    """Leave a file's size and time, and nothing of what is in it."""
    facts = path.stat()
    path.write_bytes(bytes(facts.st_size))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_pictures_that_are_gone_by_now_are_in_no_group(pictures, tmp_path):
    folder, index = tmp_path / "pictures", tmp_path / "index"
    shutil.copytree(pictures, folder)
    build_index([folder], index, features=FEATURES)
    run("dedup", "-i", index, "-j", "1")
    (folder / "resized.jpg").unlink()
    shutil.copy(folder / "pack2.jpg", folder / "mirrored.jpg")
    os.utime(folder / "pack0.jpg")  # of another time, and the same content
    again = run("dedup", "-i", index, "-j", "1")
    assert "2 of the pictures" in again.stderr
    (members,) = groups(tmp_path / "index.dedup")
    assert sorted(members) == ["crop.jpg", "pack0.jpg", "same.jpg"]


def test_a_file_of_both_indexes_is_left_aside(pictures, index, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    shutil.copy(pictures / "pack1.jpg", folder / "copy.jpg")
    batch = [folder, pictures / "pack1.jpg", pictures / "resized.jpg", pictures / "pack0.jpg"]
    build_index(batch, tmp_path / "batch", features=FEATURES, vocabulary=index)
    report = tmp_path / "report"
    told = run("dedup", "-i", tmp_path / "batch", "--against", index, "-o", report, "-j", "1")
    assert "left aside: 3 of the pictures" in told.stderr
    assert groups(report) == [["pack1.jpg", "copy.jpg"]]


def test_a_mind_that_was_changed_is_no_work_to_save(pictures, tmp_path):
    build_index([pictures], tmp_path / "index", features=FEATURES)
    wanted = ["dedup", "-i", tmp_path / "index", "-o", tmp_path / "report", "-j", "1"]
    run(*wanted)
    for verdict in ("different", "same"):
        decided = fill_in(tmp_path / "report", verdict, "crop.jpg", "pack0.jpg")
        assert run("dedup", "decide", decided, "-i", tmp_path / "index").exit_code == 0
        assert run(*wanted).exit_code == 8
    assert pairs(tmp_path / "report")["crop.jpg", "pack0.jpg"]["verdict"] == "same"


def test_verdicts_that_cannot_be_read_are_not_written_over(index, tmp_path):
    wanted = ["dedup", "-i", index, "-o", tmp_path, "-j", "1"]
    run(*wanted)
    path = tmp_path / "pairs.csv"
    whole = path.read_text()
    for edited in (whole.replace(",,", ",diferent,", 1), whole.replace(",", ";")):
        path.write_text(edited)
        refused = run(*wanted)
        assert refused.exit_code == 2
        assert "pairs.csv" in refused.stderr
        assert path.read_text() == edited


def test_a_mistyped_name_leaves_nothing_behind(index, tmp_path):
    decided = tmp_path / "decided.csv"
    decided.write_text(f"content_hash_a,content_hash_b,verdict\n{'0' * 32},{'1' * 32},same\n")
    for arguments in (
        ["dedup", "decide", decided, "-i", tmp_path / "no"],
        ["dedup", "-i", tmp_path / "no"],
        ["dedup", "-i", index, "--against", tmp_path / "no", "-o", tmp_path / "r"],
        ["dedup", "-i", index, "--decisions", tmp_path / "no.csv", "-o", tmp_path / "r"],
    ):
        assert run(*arguments).exit_code in (1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["decided.csv"]


def test_an_index_that_has_grown_has_only_its_new_pairs_judged(pictures, tmp_path):
    """Which shows as nobody looks into the old files; a pair is the same however it came in."""
    folder, index = tmp_path / "pictures", tmp_path / "index"
    shutil.copytree(pictures, folder)
    build_index([folder], index, features=FEATURES)
    run("dedup", "-i", index, "-o", tmp_path / "grown", "-j", "1")
    new = cv2.imdecode(np.frombuffer((folder / "pack1.jpg").read_bytes(), np.uint8), 1)
    write(folder / "new.jpg", new, quality=50)
    build_index([folder], index, features=FEATURES)
    run("dedup", "-i", index, "-o", tmp_path / "fresh", "-j", "1")
    for name in ("pack0.jpg", "resized.jpg", "crop.jpg", "mirrored.jpg"):
        hollow(folder / name)
    run("dedup", "-i", index, "-o", tmp_path / "grown", "-j", "1")
    grown, fresh = pairs(tmp_path / "grown"), pairs(tmp_path / "fresh")
    assert grown.keys() == fresh.keys()
    assert relation(tmp_path / "grown", "new.jpg", "pack1.jpg") == "near-duplicate"
    assert grown == fresh
    assert groups(tmp_path / "grown") == groups(tmp_path / "fresh")


def test_the_one_to_keep_is_chosen_as_asked(index, report):
    run("dedup", "-i", index, "-o", report, "-j", "1", "--keep", "first", "--json-lines")
    lines = (report / "groups.jsonl").read_text().splitlines()
    assert len(lines) == 1
    assert Path(json.loads(lines[0])["members"][0]["path"]).name == "crop.jpg"


def test_a_batch_is_compared_with_a_fixed_index(index, pictures, tmp_path):
    batch = tmp_path / "batch"
    batch.mkdir()
    bigger = cv2.resize(render_item(SPEC, 2), None, fx=1.3, fy=1.3)
    write(batch / "new2.jpg", bigger)
    shutil.copy(pictures / "pack3.jpg", batch / "new3.jpg")
    write(batch / "other.jpg", render_item(CatalogueSpec(items=1, seed=5, side_px=320), 0))
    build_index([batch], tmp_path / "index", features=FEATURES, vocabulary=index)
    result = run("dedup", "-i", tmp_path / "index", "--against", index, "-o", tmp_path, "-j", "1")
    assert result.exit_code == 8
    assert relation(tmp_path, "new2.jpg", "pack2.jpg") == "near-duplicate"
    assert relation(tmp_path, "new3.jpg", "pack3.jpg") == "exact"
    assert {a for a, _ in pairs(tmp_path)} <= {"new2.jpg", "new3.jpg", "other.jpg"}
    assert sorted(groups(tmp_path)) == [["pack2.jpg", "new2.jpg"], ["pack3.jpg", "new3.jpg"]]


def test_indexes_of_different_words_cannot_be_compared(index, pictures, tmp_path):
    build_index([pictures / "pack1.jpg"], tmp_path / "index", features=FEATURES)
    result = run("dedup", "-i", tmp_path / "index", "--against", index, "-o", tmp_path / "r")
    assert result.exit_code == 1
    assert "--vocabulary" in result.stderr


def fill_in(folder: Path, verdict: str, a: str, b: str) -> Path:
    """pairs.csv as somebody gives it back who has decided one pair."""
    with open(folder / "pairs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if {Path(row["path_a"]).name, Path(row["path_b"]).name} == {a, b}:
            row["verdict"] = verdict
    path = folder / "decided.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_decision_outlives_a_new_index_of_pictures_that_moved(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "old")
    index = tmp_path / "index"
    build_index([tmp_path / "old"], index, features=FEATURES)
    run("dedup", "-i", index, "-o", tmp_path / "report", "-j", "1")
    decided = fill_in(tmp_path / "report", "different", "crop.jpg", "pack0.jpg")
    told = run("dedup", "decide", decided, "-i", index)
    assert told.exit_code == 0
    assert "1 new, 0 changed, 0 known already" in told.stdout
    again = run("dedup", "decide", decided, "-i", index, "--json")
    assert json.loads(again.stdout)["known"] == 1
    shutil.rmtree(index)
    (tmp_path / "old").rename(tmp_path / "new")
    build_index([tmp_path / "new"], index, features=FEATURES)
    # A sure pair that is wrong makes the others less sure: fewer would do at a precision of 0.99.
    wanted = ["-i", index, "-o", tmp_path / "second", "--precision", "0.9", "-j", "1"]
    assert run("dedup", *wanted).exit_code == 8
    (members,) = groups(tmp_path / "second")
    assert "crop.jpg" not in members
    assert {"pack0.jpg", "same.jpg", "resized.jpg"} <= set(members)
    row = pairs(tmp_path / "second")["crop.jpg", "pack0.jpg"]
    assert (row["verdict"], row["accepted"]) == ("different", "no")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n", "verdict"),
        ("content_hash_a,content_hash_b,verdict\nxyz,abc,same\n", "decided.csv:2"),
        (f"content_hash_a,content_hash_b,verdict\n{'0' * 32},{'1' * 32},perhaps\n", "perhaps"),
    ],
)
def test_what_is_no_decision_is_named_and_nothing_is_recorded(content, told, index, tmp_path):
    path = tmp_path / "decided.csv"
    path.write_text(content)
    kept = tmp_path / "kept.csv"
    result = run("dedup", "decide", path, "-i", index, "--decisions", kept)
    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert told in result.stderr
    assert not kept.exists()


def test_a_picture_that_vanished_or_changed_is_named_and_never_merged(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "p")
    build_index([tmp_path / "p"], tmp_path / "index", features=FEATURES)
    (tmp_path / "p" / "resized.jpg").unlink()
    write(tmp_path / "p" / "crop.jpg", np.full((200, 200, 3), 90, np.uint8))
    assert run("dedup", "-i", tmp_path / "index", "-o", tmp_path / "r", "-j", "1").exit_code == 8
    found = pairs(tmp_path / "r")
    gone = found["pack0.jpg", "resized.jpg"]
    changed = found["crop.jpg", "pack0.jpg"]
    assert gone["relation"] == changed["relation"] == "insufficient-evidence"
    assert "resized.jpg" in gone["note"]
    assert "chang" in changed["note"]
    assert all("resized.jpg" not in g and "crop.jpg" not in g for g in groups(tmp_path / "r"))
    shutil.copy(pictures / "resized.jpg", tmp_path / "p")
    run("dedup", "-i", tmp_path / "index", "-o", tmp_path / "r", "-j", "1")
    assert pairs(tmp_path / "r")["pack0.jpg", "resized.jpg"]["relation"] == "near-duplicate"


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(index, report, tmp_path):
    arguments = ["dedup", "-i", os.fspath(index), "-o", os.fspath(tmp_path), "-j", "1"]
    process = subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stdout=subprocess.DEVNULL)
    journal = tmp_path / "job" / "journal.sqlite"
    deadline = time.monotonic() + 60
    while not journal.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run(*arguments).exit_code == 8
    assert (tmp_path / "pairs.csv").read_bytes() == (report / "pairs.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--precision", "1.5"], 2, "1.5"),
        (["--keep", "best"], 2, "best"),
        (["-i", "no-index"], 1, "no-index"),
        (["--decisions", "."], 2, "."),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, code, told, index, tmp_path):
    result = run("dedup", "-i", index, "-o", tmp_path / "r", *arguments)
    assert result.exit_code == code
    assert told in result.stderr
    assert not (tmp_path / "r" / "pairs.csv").exists()
