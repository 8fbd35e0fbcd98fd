"""tools/convert_revisitop.py, on pickles made here: what it reads, and what it refuses."""

import json
import os
import pickle  # noqa: TID251 - the files that the script reads without it are made by it
import runpy
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "convert_revisitop.py"
TRUTH = {
    "imlist": ["all_souls_000000", "all_souls_000001", "né", "x"],
    "qimlist": ["all_souls_000013", "x_query"],
    "gnd": [
        {"bbx": [136.5, 34.1, 648.5, 955.7], "easy": [0, 3], "hard": [1], "junk": [2]},
        {"bbx": [0.0, 0.0, 10.0, 12.0], "easy": [], "hard": [], "junk": [0, 1, 2, 3]},
    ],
}


def with_arrays():
    """The same, with numpy's arrays and scalars for lists and numbers."""
    first, second = TRUTH["gnd"]
    return {
        "imlist": np.array(TRUTH["imlist"]),
        "qimlist": tuple(TRUTH["qimlist"]),
        "gnd": [
            {
                "bbx": np.array(first["bbx"]),
                "easy": np.array(first["easy"], np.uint16),
                "hard": [np.int64(1)],
                "junk": np.array(first["junk"], ">i4"),
            },
            {
                "bbx": np.array([second["bbx"]], "f4").repeat(1, axis=0)[0],
                "easy": np.array([], int),
                "hard": [],
                "junk": np.arange(4),
            },
        ],
        "unused": np.asfortranarray(np.eye(3)),
    }


def with_labels(**changes):
    """The same, with other labels, or another rectangle, for the first query."""
    first, second = TRUTH["gnd"]
    return TRUTH | {"gnd": [first | changes, second]}


def with_rectangle(corners):
    return with_labels(bbx=corners)


def without_end():
    """A list of two lists of two lists ..., sixty deep: small as long as nobody walks it."""
    item = []
    for _ in range(60):
        item = [item, item]
    return item


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def convert(tmp_path, monkeypatch, capsys):
    """Runs the script on the bytes of a pickle."""
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(SCRIPT))["main"]

    def run(data):
        (tmp_path / "gnd.pkl").write_bytes(data)
        return Result(main(["gnd.pkl"]), *capsys.readouterr())

    return run


@pytest.mark.parametrize("protocol", range(5))
def test_plain_and_numpy_s_lists_give_the_same_json(convert, tmp_path, protocol):
    for content in (TRUTH, with_arrays()):
        result = convert(pickle.dumps(content, protocol))
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == "wrote gnd.json: 2 queries, 4 images\n"
        assert json.loads((tmp_path / "gnd.json").read_text()) == TRUTH


def test_strings_and_arrays_of_python_2_are_read(convert, tmp_path):
    text = b"U\x01a"
    dtype = (
        b"cnumpy\ndtype\n(U\x02i4K\x00K\x01tR"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        b"(K\x01(K\x01t" + dtype + b"I00\nU\x04\x00\x00\x00\x00tb"
    )
    labels = b"}(U\x03bbx](K\x01K\x02K\x03K\x04eU\x04easy" + array + b"U\x04hard]U\x04junk]u"
    known = b"](" + labels + b"e"
    result = convert(
        b"\x80\x02}(U\x06imlist](" + text + b"eU\x07qimlist](" + text + b"eU\x03gnd" + known + b"u."
    )
    assert (result.returncode, result.stderr) == (0, "")
    expected = {"bbx": [1, 2, 3, 4], "easy": [0], "hard": [], "junk": []}
    assert json.loads((tmp_path / "gnd.json").read_text())["gnd"] == [expected]


class Evil:
    """Unpickled, it would make a folder."""

    def __reduce__(self):
        return os.mkdir, ("made",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(convert, tmp_path, protocol):
    result = convert(pickle.dumps(TRUTH | {"unused": Evil()}, protocol))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("convert_revisitop: gnd.pkl: ")
    assert sorted(os.listdir(tmp_path)) == ["gnd.pkl"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TRUTH | {"x": OrderedDict()}, "names collections.OrderedDict"),
        (TRUTH | {"x": np.array([None])}, "an array of 'O8'"),
        (TRUTH | {"x": {1, 2}}, "instruction EMPTY_SET"),
        (TRUTH | {"x": 1j}, "names builtins.complex"),
        (TRUTH | {"x": np.zeros}, "which is no plain data"),
        ([1, 2], "is it a gnd_"),
        ({"imlist": [], "gnd": []}, "is it a gnd_"),
        (TRUTH | {"gnd": TRUTH["gnd"][:1]}, "1 labels for 2 queries"),
        (TRUTH | {"imlist": ["a"]}, "a label names an image"),
        (TRUTH | {"gnd": [{"bbx": [1, 2, 3, 4]}] * 2}, "KeyError"),
        (TRUTH | {"imlist": 3}, "not a ground truth"),
        (
            TRUTH | {"imlist": ["a", 1, "c", "d"]},
            "entry 1 of imlist (counted from 0) is 1, no name",
        ),
        (TRUTH | {"imlist": "abcd"}, "imlist is no list"),
        (TRUTH | {"qimlist": ["q", ""]}, "entry 1 of qimlist (counted from 0) is '', no name"),
        (with_rectangle([1, 2, float("nan"), 4]), "a bbx is [1, 2, nan, 4]"),
        (with_rectangle(np.array([0, 0, np.inf, 4])), "a bbx is [0.0, 0.0, inf, 4.0]"),
        (with_rectangle([1, 2, 3]), "a bbx is [1, 2, 3], not x1 y1 x2 y2"),
        (with_rectangle([5, 1, 1, 5]), "a bbx is [5, 1, 1, 5], not x1 y1 x2 y2, x1 < x2"),
        (with_rectangle([1, 5, 5, 5]), "and y1 < y2"),
        (with_rectangle([0, 0, 10**400, 4]), "OverflowError"),
        (with_rectangle(["1", "2", "3", "4"]), "a bbx is ['1', '2', '3', '4']"),
        (with_labels(easy=[float("inf")]), "'float' object cannot be interpreted as an integer"),
        (with_labels(easy=[0.7]), "'float' object cannot be interpreted as an integer"),
        (with_labels(easy=np.array([0.0])), "'float' object cannot be interpreted as an integer"),
        (with_labels(easy=["1"]), "'str' object cannot be interpreted as an integer"),
        (with_labels(easy=[-1]), "a label names an image that is not in imlist"),
        (with_labels(easy=[0, 1]), "two labels, or one twice, for all_souls_000013"),
        (with_labels(junk=[2, 2]), "two labels, or one twice, for all_souls_000013"),
        (TRUTH | {"imlist": ["a", "b", "c", "a"]}, "entry 3 of imlist (counted from 0) is 'a', as"),
        (TRUTH | {"qimlist": ["q", "q"]}, "entry 1 of qimlist (counted from 0) is 'q', as"),
        (TRUTH | {"gnd": [TRUTH["gnd"][0], 3]}, "x_query has no bbx, easy, hard, junk"),
        (TRUTH | {"x": {1: 2}}, "a dict whose keys are no strings"),
    ],
)
def test_what_is_no_ground_truth_is_refused_with_the_reason(convert, content, words):
    result = convert(pickle.dumps(content, 4))
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_lists_that_are_shared_without_end_are_not_walked(convert, tmp_path):
    assert convert(pickle.dumps(TRUTH | {"unused": without_end()})).returncode == 0
    assert json.loads((tmp_path / "gnd.json").read_text()) == TRUTH
    for content in (
        TRUTH | {"imlist": without_end()},
        TRUTH | {"gnd": without_end()},
        with_labels(easy=without_end()),
        with_rectangle(without_end()),
    ):
        assert convert(pickle.dumps(content)).returncode == 1
    shared_key = b")" + b"q\x00h\x00\x86" * 60  # a tuple: its hash would walk it
    assert "no strings" in convert(b"\x80\x02}" + shared_key + b"Ns.").stderr


def test_labels_that_all_queries_share_are_not_written_out_without_measure(convert):
    shared = {"bbx": [0, 0, 1, 1], "easy": np.arange(5_000), "hard": [], "junk": []}
    content = {
        "imlist": [f"i{number}" for number in range(5_000)],
        "qimlist": [f"q{number}" for number in range(201)],
        "gnd": [shared] * 201,
    }
    assert "more than 1,000,000 labels" in convert(pickle.dumps(content)).stderr


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps(TRUTH, 2)[:-20],
        b"].",
        b"\x80\x02.",
        b"t.",
        b"a.",
        b"h\x00.",
        b"cnumpy\nndarray\n.",
        b"cnumpy\nndarray\n)R.",
        b"]Nb.",
        b"cnumpy\ndtype\n(U\x02i8tRNb.",
        b"(lp0\nNa(I1\ne.",
    ],
)
def test_what_is_no_whole_pickle_is_refused_without_a_traceback(convert, data):
    result = convert(data)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("convert_revisitop: gnd.pkl: ")


def test_the_script_names_a_file_that_is_not_there(tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none.pkl")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"convert_revisitop: {tmp_path}/none.pkl: ")


def test_the_script_says_how_it_is_used(capsys):
    assert runpy.run_path(str(SCRIPT))["main"]([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
    for wish in ("-h", "--help"):
        assert runpy.run_path(str(SCRIPT))["main"]([wish]) == 0
        shown = capsys.readouterr()
        assert "without unpickling it" in shown.out
        assert shown.err == ""
