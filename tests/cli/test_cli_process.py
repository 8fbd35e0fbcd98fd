"""What only a process of its own can show: pipes, imports, names that are no text, the lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from kpsearch.index import IndexWriter
from tests.comparisons import small_truth
from tests.textures import textured

HEAVY = ["numpy", "cv2", "h5py", "sklearn", "PIL", "joblib", "xxhash", "tqdm"]
MAIN = "import sys; from kpsearch.cli import main; sys.argv[0] = 'kpsearch'; main()"


def kpsearch(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", MAIN, *(os.fsencode(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


@pytest.fixture
def odd_folder(tmp_path):
    """Pictures in a folder that is no text, under names that are no better."""
    folder = os.path.join(os.fsencode(tmp_path), b"\xffolder")
    os.mkdir(folder)
    names = [b"-x.png", b"\xfe.png", b"new\nline.png", b"\x1b[31m.png", b"q\"u'o te.png"]
    for seed, name in enumerate(names):
        content = cv2.imencode(".png", textured(seed, 140, 100))[1].tobytes()
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    with open(os.path.join(folder, b"bad\xfd\n.jpg"), "wb") as file:
        file.write(b"text")
    return folder, names


def test_names_that_are_no_text_pass_through_unharmed(odd_folder, catalogue_index, tmp_path):
    folder, names = odd_folder
    index = os.path.join(os.fsencode(tmp_path), b"\xfeindex")
    made = kpsearch("index", folder, "-i", index, "-j", "1", "--vocabulary", catalogue_index)
    assert made.returncode == 0, made.stderr
    assert b"5 added, 1 rejected" in made.stdout
    assert b"\\xfeindex" in made.stdout
    assert made.stderr.count(b"\n") == 1
    assert b"\\xffolder/bad\\xfd\\n.jpg: not_an_image" in made.stderr

    asked = [os.path.join(folder, name) for name in names]
    found = kpsearch("query", "-i", index, "--json", "--", *asked)
    assert (found.returncode, found.stderr) == (0, b"")
    lines = found.stdout.splitlines()
    assert len(lines) == len(names)
    for line, path in zip(lines, asked, strict=True):
        answer = json.loads(line)
        assert os.fsencode(answer["query"]) == path
        assert os.fsencode(answer["hits"][0]["image"]) == path

    shown = kpsearch("query", "-i", index, "-n", "1", "--", *asked)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"\x1b" not in shown.stdout
    facts = kpsearch("info", index, "--rejects")
    assert (facts.returncode, facts.stderr) == (0, b"")


def test_a_name_that_starts_with_a_dash_is_taken_from_its_folder(odd_folder, catalogue_index):
    folder, _ = odd_folder
    found = kpsearch("query", "-i", catalogue_index, "--json", "--", "-x.png", cwd=folder)
    assert (found.returncode, found.stderr) == (0, b"")
    assert json.loads(found.stdout)["query"] == "-x.png"


def test_a_pipe_gets_results_and_nothing_else(catalogue, catalogue_index, tmp_path):
    reuse = ["--vocabulary", catalogue_index, "-j", "2"]
    made = kpsearch("index", catalogue / "catalogue", "-i", tmp_path / "index", "--json", *reuse)
    assert (made.returncode, made.stderr) == (0, b"")
    assert json.loads(made.stdout)["added"] == 9


def test_a_reader_that_has_seen_enough_is_no_error(catalogue, catalogue_index):
    photos = [str(path) for path in sorted((catalogue / "photos").iterdir())]
    command = [sys.executable, "-c", MAIN, "query", "-i", catalogue_index, "--json", *photos * 2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_locked_index_names_its_writer_and_exits_6(catalogue, catalogue_index, tmp_path):
    index = Path(shutil.copytree(catalogue_index, tmp_path / "index"))
    with IndexWriter(index):
        refused = kpsearch("index", catalogue / "catalogue", "-i", index)
        assert (refused.returncode, refused.stdout) == (6, b"")
        assert f"locked by process {os.getpid()} on ".encode() in refused.stderr
        assert kpsearch("info", index).returncode == 0


def test_a_default_index_is_looked_for_where_the_user_is(catalogue, tmp_path):
    photo = next((catalogue / "photos").iterdir())
    plain = {name: value for name, value in os.environ.items() if name != "KPSEARCH_INDEX"}
    found = kpsearch("query", photo, cwd=tmp_path, env=plain)
    assert (found.returncode, found.stdout) == (1, b"")
    assert b"indexes/default: no index here" in found.stderr


@pytest.mark.parametrize(
    "program",
    [
        "import kpsearch",
        "import kpsearch.errors, kpsearch.types, kpsearch.options, kpsearch.registry",
        "from kpsearch.cli import main; main(['--help'], standalone_mode=False)",
        "from kpsearch.cli import main; main(['index', '--help'], standalone_mode=False)",
        "from kpsearch.cli import main; main(['query', '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program):
    check = f"import sys\n{program}\nprint(sorted(set({HEAVY}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True)
    assert found.stdout.splitlines()[-1] == b"[]"


def test_an_interrupted_comparison_speaks_of_no_index(tmp_path):
    """It reads a pipe, so that it is known where it is."""
    manifest, run = small_truth(tmp_path), tmp_path / "run.trec"
    os.mkfifo(run)
    command = [sys.executable, "-c", MAIN, "compare", run, "--truth", manifest]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        with run.open("wb"):  # once the other end is open
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"kpsearch: interrupted\n"
