import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from kpsearch.evaluation import read_run, write_run

file_names = st.binary(min_size=1, max_size=20).map(os.fsdecode)
scores = st.floats(allow_nan=False, allow_infinity=False)
rankings = st.dictionaries(file_names, scores, min_size=1, max_size=6).map(
    lambda hits: sorted(hits.items(), key=lambda hit: -hit[1])
)


def write_to(folder, runs):
    path = os.path.join(folder, "x.run")
    write_run(path, runs, tag="any tag")
    return path


@given(st.dictionaries(file_names, rankings, max_size=4))
def test_a_run_is_read_back_as_it_was_written(runs):
    with tempfile.TemporaryDirectory() as folder:
        back = read_run(write_to(folder, runs))
    assert back == runs
    assert list(back) == list(runs)


@given(st.dictionaries(file_names, rankings, max_size=4))
def test_every_line_has_six_fields_of_printable_ascii(runs):
    with tempfile.TemporaryDirectory() as folder, open(write_to(folder, runs), "rb") as file:
        lines = file.read().decode("ascii").split("\n")
    assert all(len(line.split(" ")) == 6 and line.isprintable() for line in lines[:-1])
    assert len(lines) - 1 == sum(map(len, runs.values()))
