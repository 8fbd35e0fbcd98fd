"""Hundreds of bad files and their lookalikes: each gets its outcome, and nothing dies of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests import corpus
from tests.corpus.mutants import mutant
from tests.faults.mutation import run_mutants
from tests.faults.reader import read_files
from tests.textures import textured

HANG_S = 60
"""Far more than any picture here takes, on a machine that is busy with other things."""
MAIN = "import sys; from kpsearch.cli import main; sys.argv[0] = 'kpsearch'; main()"
MUTANTS = 300
"""`tools/long_faults.py` reads 5,000."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("many")


@pytest.fixture(scope="module")
def cases(folder) -> list[corpus.Case]:
    return corpus.write_many(folder)


def test_the_corpus_has_five_hundred_different_bad_files(cases):
    bad = [case for case in cases if case.code]
    assert len({case.path for case in cases}) == len(cases)
    contents = {
        Path(case.path).read_bytes()
        for case in bad
        if os.path.isfile(case.path) and case.code != "file_too_large"
    }
    assert len(bad) >= 500
    assert len(contents) >= 500
    assert set(Counter(case.code for case in bad)) >= {
        "corrupt_data",
        "empty_file",
        "file_too_large",
        "not_a_regular_file",
        "not_an_image",
        "too_many_pixels",
        "too_small",
        "unreadable",
        "unsupported_format",
    }


def test_every_file_gets_its_outcome_and_nothing_is_said(cases):
    run = read_files([case.path for case in cases], limit_s=HANG_S)
    assert run.stderr == ""
    got, wanted = {}, {}
    for case, (_, outcome) in zip(cases, sorted(run.outcomes.items()), strict=True):
        accepted = (tuple(outcome.size), outcome.frames, bool(outcome.warnings))
        got[case.path] = outcome.code or accepted
        wanted[case.path] = case.code or (case.size, case.frames, case.warned)
    assert got == wanted


def test_an_index_of_the_whole_folder_takes_the_good_and_lists_the_bad(folder, cases, tmp_path):
    assert len(cases) < 1000, "of a thousand files half must be good, or indexing stops"
    for seed in range(4):
        picture = Image.fromarray(textured(seed, 160, 120))
        (folder / f"textured-{seed}.png").write_bytes(corpus.encode(picture, "PNG"))
    index = tmp_path / "index"
    made = kpsearch("index", folder, "-i", index, "-j", "2", "--words", "16", "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    there = [case for case in cases if os.path.lexists(case.path) and not os.path.isdir(case.path)]
    wanted = {case.path: case.code for case in there if case.code}
    good = [case for case in there if not case.code]
    assert report["added"] == len(good) + 4
    assert {row["image"]: row["code"] for row in report["rejects"]} == wanted
    warned = {row["image"] for row in report["warnings"]}
    assert warned == {case.path for case in good if case.warned}
    lines = made.stderr.decode().splitlines()
    assert len(lines) == len(wanted)
    assert Counter(line.rsplit("/", 1)[-1].split(": ")[1] for line in lines) == Counter(
        wanted.values()
    )
    told = kpsearch("info", index, "--rejects", "--json")
    assert (told.returncode, told.stderr) == (0, b"")
    facts = json.loads(told.stdout)
    assert facts["images"] == len(good) + 4
    assert {row["image"]: row["code"] for row in facts["reject_list"]} == wanted


def kpsearch(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", MAIN, *(os.fsencode(str(a)) for a in arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=10 * HANG_S)


def test_mutants_are_rejected_or_read_and_kill_nothing():
    result = run_mutants(MUTANTS, seed=0, limit_s=HANG_S)
    assert result.faults == []
    assert result.codes.total() == MUTANTS
    assert result.codes["accepted"] > 0
    assert result.codes["corrupt_data"] > 0


def test_mutants_are_the_same_every_time_and_differ_from_each_other():
    made = [mutant(0, number) for number in range(100)]
    assert made == [mutant(0, number) for number in range(100)]
    assert len({content for _, content in made}) > 90
    assert mutant(1, 5) != mutant(0, 5)


def test_a_picture_that_kills_its_reader_is_named_and_the_others_are_read(tmp_path, monkeypatch):
    good = tmp_path / "good.png"
    good.write_bytes(corpus.good_files()["png"])
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\n"
        "real = os.open\n"
        "def deadly(path, *rest, **options):\n"
        "    if os.fsencode(path).endswith(b'/deadly'):\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    if os.fsencode(path).endswith(b'/endless'):\n"
        "        while True: pass\n"
        "    return real(path, *rest, **options)\n"
        "os.open = deadly\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    paths = [str(tmp_path / name) for name in ("good.png", "deadly", "good.png", "endless")]
    run = read_files([*paths, str(good)], limit_s=3)
    codes = [outcome.code for _, outcome in sorted(run.outcomes.items())]
    assert codes == ["", "killed by SIGSEGV", "", "killed by SIGALRM", ""]
