"""What a job of deduplication has done stays done."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from kpsearch.dedup.journal import Journal, in_chunks, joined
from kpsearch.errors import IndexLocked, KpsearchError

KILLED = """
import os, signal, sys
import numpy as np
from kpsearch.dedup.journal import Journal, in_chunks

def square(number):
    if number == 150:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": np.array([number**2])}

with Journal(sys.argv[1]) as journal:
    journal.claim("job")
    for _ in in_chunks(journal, "squares", square, range(200), n_jobs=1, progress=print):
        pass
"""


def square(number: int) -> dict[str, np.ndarray]:
    return {"square": np.array([number**2])}


def fail(number: int) -> dict[str, np.ndarray]:
    raise ValueError(number)


def squares(journal, work=square, count=200, n_jobs=1, told=None):
    told = [] if told is None else told
    parts = in_chunks(
        journal, "squares", work, range(count), n_jobs=n_jobs, progress=lambda *t: told.append(t)
    )
    return joined(parts, {"square": np.empty(0, np.int64)})["square"].tolist()


def test_a_killed_job_goes_on_where_it_was(tmp_path):
    path = tmp_path / "journal.sqlite"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, path], capture_output=True, env=os.environ, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    with Journal(path) as journal:
        journal.claim("job")
        done = journal.done("squares")
        assert set(range(100)) <= done <= set(range(150))
        assert squares(journal) == [n**2 for n in range(200)]
        assert journal.done("squares") == set(range(200))


def test_what_is_done_is_not_done_again_and_any_number_of_jobs_gives_the_same(tmp_path):
    with Journal(tmp_path / "one") as journal:
        first = squares(journal)
        assert squares(journal, work=fail) == first
    with Journal(tmp_path / "two") as journal:
        told = []
        assert squares(journal, n_jobs=2, told=told) == first
        assert told[0] == (0, 200)
        assert told[-1] == (200, 200)


def named(journal, names, work=square):
    numbers = [int(name, 36) for name in names]
    parts = in_chunks(
        journal, "named", work, numbers, names=names, n_jobs=1, progress=lambda *_: None
    )
    return joined(parts, {"square": np.empty(0, np.int64)})["square"].tolist()


def test_results_that_have_names_outlive_the_job_until_nothing_asks_for_them(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.claim("one")
        first = named(journal, ["a", "b", "c"])
    with Journal(tmp_path / "journal") as journal:
        journal.claim("two")
        assert named(journal, ["c", "a"], work=fail) == [first[2], first[0]]
        journal.forget_all_but("named", ["c", "d"])
        assert journal.done("named") == {"c"}


def test_results_of_another_job_are_forgotten(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.claim("one")
        squares(journal, count=3)
    with Journal(tmp_path / "journal") as journal:
        journal.claim("one")
        assert journal.done("squares") == {0, 1, 2}
        journal.claim("two")
        assert journal.done("squares") == set()


def test_an_error_in_the_work_comes_through_and_what_was_done_before_is_kept(tmp_path):
    def third(number):
        return fail(number) if number == 3 else square(number)

    with Journal(tmp_path / "journal") as journal, pytest.raises(ValueError, match="3"):
        squares(journal, work=third)
    with Journal(tmp_path / "journal") as journal:
        assert journal.done("squares") == {0, 1, 2}


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    with (
        Journal(tmp_path / "journal"),
        pytest.raises(IndexLocked, match="another run is at work"),
        Journal(tmp_path / "journal"),
    ):
        pass


def test_a_damaged_result_is_named_and_not_believed(tmp_path):
    path = tmp_path / "journal"
    with Journal(path) as journal:
        squares(journal, count=2)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE results SET content = x'00' WHERE part = 1")
    connection.commit()
    connection.close()
    with Journal(path) as journal, pytest.raises(KpsearchError, match="is damaged"):
        squares(journal, count=2)
    path.write_bytes(b"something else, long enough to be no database" * 99)
    with pytest.raises(KpsearchError, match="is not what an earlier run left"), Journal(path):
        pass
