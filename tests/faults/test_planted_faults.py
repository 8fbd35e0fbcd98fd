"""Pictures that do the worst to whoever decodes them, among good ones: only they are rejected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from kpsearch.images import content_hash, read_changed_image
from kpsearch.index import Snapshot
from kpsearch.indexing import build_index
from kpsearch.options import VocabularyOptions
from tests.textures import textured

ROOT = Path(__file__).parents[2]
MAIN = "from kpsearch.cli import main; main()"

DECODER_WITH_BUGS = """
import cv2

decode = cv2.imdecode


def imdecode(data, flags):
    from tests.faults.mishaps import befall

    mark = bytes(data[:64]).partition(b"<")[2].partition(b">")[0].decode()
    if mark == "unfit":
        return cv2.merge([decode(data, flags)] * 5)
    befall(mark)
    return decode(data, flags)


cv2.imdecode = imdecode
"""

CODES = {
    "segfault": "decoder_crashed",
    "spin": "timeout",
    "eat memory": "out_of_memory",
    "exit": "decoder_crashed",
    "unfit": "extraction_failed",
}


def jpeg(seed: int, comment: str) -> bytes:
    """A small picture, with what is to befall its decoder in a comment."""
    coded = cv2.imencode(".jpg", textured(seed, 64, 64))[1].tobytes()
    note = f"<{comment}>".encode()
    return coded[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + coded[2:]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """One of few words, to spare its training."""
    folder = tmp_path_factory.mktemp("vocabulary")
    for seed in range(4):
        (folder / f"{seed}.jpg").write_bytes(jpeg(seed, "good"))
    build_index([folder], folder / "index", vocabulary=VocabularyOptions(words=8))
    return next((folder / "index").glob("vocabulary-*.h5"))


@pytest.fixture
def index_with_bugs(vocabulary, tmp_path):
    """A run of the command with a decoder that has bugs; what it reports."""
    (tmp_path / "bugs").mkdir()
    (tmp_path / "bugs" / "sitecustomize.py").write_text(DECODER_WITH_BUGS)
    path = os.pathsep.join([str(tmp_path / "bugs"), str(ROOT)])

    def run(folder: Path, *options: str) -> dict[str, object]:
        command = [sys.executable, "-c", MAIN, "index", folder, "-i", tmp_path / "index", "--json"]
        command += ["--vocabulary", vocabulary, *options]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert done.stderr.count(b"\n") == done.stderr.count(b"rejected ") == len(report["rejects"])
        return report

    return run


def test_two_thousand_pictures_lose_just_the_twenty_that_kill(index_with_bugs, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    kinds = ["segfault", "spin", "eat memory", "exit"]
    expected = {}
    for number in range(2000):
        kind = kinds[number // 100 % 4] if number % 100 == 37 else "good"
        path = folder / f"{number:04}.jpg"
        path.write_bytes(jpeg(number % 50, kind))
        if kind != "good":
            expected[str(path)] = CODES[kind]
    assert len(expected) == 20
    report = index_with_bugs(folder, "--timeout", "3", "--memory-limit", "512", "--jobs", "2")
    assert {row["image"]: row["code"] for row in report["rejects"]} == expected
    assert report["added"] == 1980
    kept = Snapshot.open(tmp_path / "index")
    assert {reject.path: reject.code for reject in kept.rejects.values()} == expected
    assert all(reject.size_bytes and reject.mtime_ns for reject in kept.rejects.values())
    good = sorted(str(path) for path in folder.iterdir() if str(path) not in expected)
    assert [record.path for record in kept.records()] == good


@pytest.mark.parametrize("kind", CODES)
def test_one_job_alone_survives_a_bad_picture_as_well(index_with_bugs, tmp_path, kind):
    for number, mark in enumerate(["good", kind, "good"]):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number, mark))
    report = index_with_bugs(tmp_path, "--timeout", "3", "--memory-limit", "512", "--jobs", "1")
    assert [row["code"] for row in report["rejects"]] == [CODES[kind]]
    assert report["added"] == 2


def test_content_that_is_known_is_not_decoded(tmp_path):
    known = b"no picture at all"
    (tmp_path / "touched").write_bytes(known)
    assert read_changed_image(tmp_path / "touched", content_hash(known)) is None
