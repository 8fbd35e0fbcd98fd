"""Indexing that is interrupted by SIGINT or SIGTERM keeps what it has extracted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpsearch.index import Snapshot
from tests.faults.commands import (
    COMMAND,
    ENDS_BY_ITSELF_SECONDS,
    ENVIRONMENT,
    done,
    require_undamaged,
    save_pictures,
)

PICTURES = 160
MARK = 24
"""So many pictures come before a bad one: its line on stderr says that the work is under way."""
INTERRUPTED = "kpsearch: interrupted; run it again and it goes on\n"
EXIT_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    save_pictures(folder, [f"{number:03}.png" for number in range(PICTURES)], side_px=160)
    (folder / f"{MARK:03}-bad.png").write_bytes(b"text")
    return folder


@contextlib.contextmanager
def _under_way(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command in a process group of its own, that has rejected the bad picture just now."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert "not_an_image" in process.stderr.readline()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _require_interrupted(process: subprocess.Popen[str], status: int) -> None:
    output, errors = process.communicate(timeout=ENDS_BY_ITSELF_SECONDS)
    assert errors == INTERRUPTED
    assert (process.returncode, output) == (status, "")


def _require_goes_on(index: Path, command: list[object], *, at_least: int) -> None:
    """Some of the pictures are in the index; the same command adds the others and no more."""
    kept = Snapshot.open(index).images
    assert at_least <= kept < PICTURES
    require_undamaged(index)
    assert f"{PICTURES - kept} added, {kept} unchanged" in done(*command)
    assert Snapshot.open(index).images == PICTURES
    require_undamaged(index)


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_a_signal_ends_the_work_and_what_was_done_is_kept(
    pictures, vocabulary, tmp_path, number, jobs
):
    index = tmp_path / "index"
    command = ["index", pictures, "-i", index, "-j", jobs, "--vocabulary", vocabulary]
    with _under_way(*command) as process:
        process.send_signal(number)
        _require_interrupted(process, EXIT_STATUS[number])
    _require_goes_on(index, command, at_least=MARK)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", EXIT_STATUS)
def test_a_signal_to_the_whole_group_as_from_a_terminal_does_the_same(
    pictures, vocabulary, tmp_path, number, jobs
):
    index = tmp_path / "index"
    command = ["index", pictures, "-i", index, "-j", jobs, "--vocabulary", vocabulary]
    with _under_way(*command) as process:
        os.killpg(process.pid, number)
        _require_interrupted(process, EXIT_STATUS[number])
    _require_goes_on(index, command, at_least=MARK)


@pytest.mark.parametrize("pause_s", [0, 0.01, 0.05])
def test_two_signals_in_quick_succession_lose_nothing_acknowledged(
    pictures, vocabulary, tmp_path, pause_s
):
    index = tmp_path / "index"
    command = ["index", pictures, "-i", index, "-j", "1", "--vocabulary", vocabulary]
    with _under_way(*command) as process:
        acknowledged = Snapshot.open(index).generation
        process.send_signal(signal.SIGINT)
        threading.Event().wait(pause_s)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=ENDS_BY_ITSELF_SECONDS)
    assert errors == INTERRUPTED
    assert output == ""
    assert process.returncode in EXIT_STATUS.values()
    assert Snapshot.open(index).generation >= acknowledged
    require_undamaged(index)


def test_a_signal_to_a_command_that_is_ending_does_not_change_how_it_ends(
    pictures, vocabulary, tmp_path
):
    command = ["index", pictures, "-i", tmp_path / "index", "-j", "1", "--vocabulary", vocabulary]
    with _under_way(*command) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == INTERRUPTED
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=ENDS_BY_ITSELF_SECONDS) == ("", "")
        assert process.returncode == 130
    require_undamaged(tmp_path / "index")
