"""Work in processes that die of it: an item is lost, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path

import pytest

from kpsearch.errors import KpsearchError, UsageError
from kpsearch.images.stderr import captured_stderr
from kpsearch.options import WorkerLimits
from kpsearch.parallel import map_in_order
from kpsearch.types import Casualty
from tests.faults import mishaps

both = pytest.mark.parametrize("n_jobs", [1, 2])

ROOT = Path(__file__).parents[2]
LIMITS = WorkerLimits(seconds=2, memory_bytes=2**28)
PATIENT = WorkerLimits()
ENOUGH_SECONDS = 60
"""For processes to end on a machine that is very busy; they take milliseconds."""

OUTCOMES = {
    "segfault": ("decoder_crashed", "killed by SIGSEGV"),
    "spin": ("timeout", "no answer within 2 s"),
    "hang in C": ("timeout", "no answer within 2 s"),
    "eat memory": ("out_of_memory", "wanted more memory than the 256 MiB allowed"),
    "abort": ("out_of_memory", "wanted more memory than the 256 MiB allowed"),
    "exit": ("decoder_crashed", "exited with status 3: line 4999; the \x1b last; straw"),
    "leave": ("decoder_crashed", "exited with status 4"),
    "leave in peace": ("decoder_crashed", "exited with status 0"),
    "kill": ("decoder_crashed", "killed by SIGKILL"),
}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(process) for process in listed}


@both
def test_each_mishap_costs_its_item_alone(n_jobs, capfd):
    items = [name for mishap in OUTCOMES for name in (mishap, f"after {mishap}")]
    found = list(map_in_order(mishaps.befall, items, n_jobs=n_jobs, isolated=LIMITS))
    for item, result in zip(items, found, strict=True):
        expected = Casualty(*OUTCOMES[item]) if item in OUTCOMES else item.upper()
        assert result == expected
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("mishap", ["hang deaf", "close its pipe"])
def test_a_process_that_plays_dead_is_given_up(mishap):
    lost, kept = map_in_order(mishaps.befall, [mishap, "next"], isolated=LIMITS)
    assert (lost.code, kept) == ("timeout", "NEXT")


def test_who_was_killed_from_outside_gets_a_second_chance(tmp_path):
    markers = [str(tmp_path / str(number)) for number in range(3)]
    found = list(map_in_order(mishaps.killed_once, markers, isolated=PATIENT))
    assert found == ["survived"] * 3


@both
def test_what_workers_print_goes_to_stderr(n_jobs, capfd):
    said = [10 * n_jobs, 10 * n_jobs + 1]  # Python gives the same warning once only
    assert list(map_in_order(mishaps.chatter, said, n_jobs=n_jobs, isolated=PATIENT)) == said
    out, err = capfd.readouterr()
    assert out == ""
    for line in (f"printed {said[0]}", f"printed {said[1]}", f"warned {said[0]}", "written"):
        assert line in err


def test_the_last_words_of_a_decoder_are_kept_and_those_of_others_are_not(capfd):
    found = list(map_in_order(mishaps.chatter_of_a_decoder, [0, 5], isolated=PATIENT))
    said = "exited with status 5: Corrupt JPEG data: bad Huffman code"
    assert found == [None, Casualty("decoder_crashed", said)]
    assert capfd.readouterr().err == ""


def test_messages_are_told_apart_in_a_file_of_memory_too():
    real, log = os.dup(2), os.memfd_create("log")
    os.dup2(log, 2)
    try:
        os.write(2, b"before\n")
        with captured_stderr() as lines:
            os.write(2, b"Corrupt JPEG data: bad Huffman code\nfrom another thread\n")
        os.write(2, b"after\n")
        assert os.pread(log, 999, 0) == b"before\nfrom another thread\nafter\n"
    finally:
        os.dup2(real, 2)
        os.close(real)
        os.close(log)
    assert lines == ["Corrupt JPEG data: bad Huffman code"]


@both
def test_an_error_comes_where_its_result_would_have(n_jobs):
    given = []
    with pytest.raises(LookupError, match="seven") as caught:
        given.extend(map_in_order(mishaps.refuse, range(100), n_jobs=n_jobs, isolated=PATIENT))
    assert given == list(range(7))
    assert "in refuse" in caught.value.__notes__[0]


def test_an_error_that_cannot_travel_is_told_in_words():
    with pytest.raises(KpsearchError, match="Unpicklable: nine"):
        list(map_in_order(mishaps.refuse, [9], isolated=PATIENT))


def test_a_function_that_cannot_be_imported_is_an_error():
    with pytest.raises((AttributeError, TypeError)):
        list(map_in_order(lambda item: item, [1], isolated=PATIENT))


@both
def test_processes_are_kept_for_the_next_call(n_jobs):
    first = set(map_in_order(mishaps.process_id, range(64), n_jobs=n_jobs, isolated=PATIENT))
    second = set(map_in_order(mishaps.process_id, range(64), n_jobs=n_jobs, isolated=LIMITS))
    assert os.getpid() not in first
    assert len(first | second) <= 2 * n_jobs
    assert first & second


def test_a_process_that_died_idle_is_replaced_silently(capfd):
    (gone,) = map_in_order(mishaps.process_id, [0], isolated=PATIENT)
    os.kill(gone, signal.SIGKILL)
    (found,) = map_in_order(mishaps.process_id, [0], isolated=PATIENT)
    assert found != gone
    assert not is_alive(gone)
    assert capfd.readouterr() == ("", "")


def test_an_idle_process_ends_by_itself():
    near, far = Pipe()
    program = (
        "from kpsearch.parallel import child\n"
        f"child.IDLE_SECONDS = 0.05\nchild.serve({far.fileno()})"
    )
    with near, far:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=ROOT, pass_fds=[far.fileno()], timeout=ENOUGH_SECONDS)
    assert done.returncode == 0


@both
def test_a_consumer_that_stops_early_ends_what_is_being_worked_on(n_jobs, tmp_path):
    before = children()
    work = [str(tmp_path)] * 40
    results = map_in_order(
        mishaps.tell_and_sleep, work, n_jobs=n_jobs, chunk_size=1, isolated=LIMITS
    )
    assert next(results).code == "timeout"
    results.close()
    assert not [int(name) for name in os.listdir(tmp_path) if is_alive(int(name))]
    assert children() <= before


def test_a_forked_process_starts_its_own():
    (ours,) = map_in_order(mishaps.process_id, [0], isolated=PATIENT)
    near, far = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            (theirs,) = map_in_order(mishaps.process_id, [0], isolated=PATIENT)
            os.write(far, str(theirs).encode())
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    theirs = int(os.read(near, 20))
    os.close(near)
    os.close(far)
    assert theirs != ours
    assert list(map_in_order(mishaps.process_id, [0], isolated=PATIENT)) == [ours]


SLEEPER = """
import sys
from kpsearch.options import WorkerLimits
from kpsearch.parallel import map_in_order
from tests.faults.mishaps import tell_and_sleep

work = [sys.argv[1]] * 40
list(map_in_order(tell_and_sleep, work, n_jobs=int(sys.argv[2]), isolated=WorkerLimits({seconds})))
"""


def start_sleeper(folder: Path, n_jobs: int, seconds: float) -> subprocess.Popen[bytes]:
    """A process whose workers are all asleep."""
    command = [sys.executable, "-c", SLEEPER.format(seconds=seconds), folder, str(n_jobs)]
    sleeper = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_until(lambda: len(os.listdir(folder)) == n_jobs)
    return sleeper


@both
def test_an_interrupt_ends_the_job_and_its_processes(n_jobs, tmp_path):
    sleeper = start_sleeper(tmp_path, n_jobs, 3000)
    sleeper.send_signal(signal.SIGINT)
    out, err = sleeper.communicate(timeout=ENOUGH_SECONDS)
    assert sleeper.returncode == -signal.SIGINT
    assert out == b""
    assert err.splitlines()[-1] == b"KeyboardInterrupt"
    assert err.count(b"Traceback") == 1
    assert len(os.listdir(tmp_path)) == n_jobs
    assert not [name for name in os.listdir(tmp_path) if is_alive(int(name))]


def test_workers_do_not_outlive_a_killed_parent_for_long(tmp_path):
    sleeper = start_sleeper(tmp_path, 2, 2)
    sleeper.kill()
    sleeper.communicate()
    workers = [int(name) for name in os.listdir(tmp_path)]
    wait_until(lambda: not any(is_alive(worker) for worker in workers))


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": 1e9}, {"memory_bytes": 0}])
def test_limits_that_leave_nothing_are_refused(wrong):
    with pytest.raises(UsageError):
        WorkerLimits(**wrong)
