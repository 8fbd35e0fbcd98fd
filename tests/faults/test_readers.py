"""Readers go on while a writer commits, merges, compacts and sweeps: each sees one generation."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpsearch.errors import IndexLocked
from kpsearch.index import IndexWriter, Snapshot, Storage, check_index
from kpsearch.index.snapshot import READ_ATTEMPTS
from tests.faults.history import State, after, fingerprint, fingerprint_of, read_back, step
from tests.faults.memory import folder_in_memory
from tests.indexes import random_images, write_index

ROOT = Path(__file__).resolve().parents[2]
STEPS = 150


def _start(module: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.faults.{module}", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> list[str]:
    """Tell a process to stop; what it printed, if it met no error."""
    output, errors = process.communicate("", timeout=300)
    assert (process.returncode, errors) == (0, "")
    return output.splitlines()


@contextlib.contextmanager
def _ends_with_the_test(*processes: subprocess.Popen[str]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for process in processes:
            stack.enter_context(process)
        try:
            yield
        finally:
            for process in processes:
                process.kill()


@pytest.fixture(scope="module")
def seen():
    """What a writer did, what two readers saw meanwhile, and what second writers were told."""
    refusals = []
    with folder_in_memory() as folder, _start("writing", folder, "--steps", STEPS) as writer:
        started = [writer.stdout.readline() for _ in range(3)]
        readers = [_start("reading", "index", folder) for _ in range(2)]
        with _ends_with_the_test(writer, *readers):
            for _ in range(5):
                with pytest.raises(IndexLocked) as caught, IndexWriter(folder):
                    pass
                refusals.append(str(caught.value))
            done = [line.strip() for line in started] + _ended(writer)
            return done, [_ended(reader) for reader in readers], refusals, writer.pid, folder


def _expected(done: list[str]) -> dict[int, str]:
    """The fingerprint of each generation, from what the writer said."""
    starts = [int(line.split()[1]) for line in done]
    assert len(starts) == STEPS + 1
    state, expected = State(), {}
    for number in range(STEPS):
        state = after(state, step(number, state, seed=0))
        for generation in range(starts[number] + 1, starts[number + 1] + 1):
            expected[generation] = state.fingerprint()
    return expected


def test_each_reader_sees_exactly_one_generation(seen):
    done, readers, *_ = seen
    expected = _expected(done)
    for lines in readers:
        generations = []
        for line in lines[:-1]:
            generation, fingerprint = line.split()
            assert fingerprint == expected[int(generation)], f"generation {generation}"
            generations.append(int(generation))
        assert generations == sorted(generations)
        assert len(set(generations)) > 10


def test_what_is_held_open_can_be_read_when_its_files_are_gone(seen):
    _, readers, *_ = seen
    for lines in readers:
        word, swept = lines[-1].split()
        assert word == "swept"
        assert int(swept) > 5


def test_a_second_writer_is_told_which_process_is_writing(seen):
    *_, refusals, pid, folder = seen
    expected = f"{folder}: locked by process {pid} on {socket.gethostname()}"
    assert refusals == [expected] * 5


class Overtaken(Storage):
    """A folder in which a writer commits so often while a reader opens it."""

    def __init__(self, folder: Path, *, commits: int) -> None:
        super().__init__(folder)
        self.commits = commits

    def map(self, name):
        if self.commits:
            self.commits -= 1
            with IndexWriter(self.folder) as writer:
                for seed in range(3):
                    writer.commit(random_images([5, 9], seed=self.commits * 3 + seed))
                writer.compact()
        return super().map(name)


@pytest.mark.parametrize("commits", [1, READ_ATTEMPTS - 1])
def test_a_reader_that_is_overtaken_opens_the_later_generation(commits):
    with folder_in_memory() as folder:
        before = write_index(folder, [random_images([3, 4], seed=99)])
        snapshot = Snapshot.of(Overtaken(folder, commits=commits))
    assert snapshot.generation > before.generation
    assert fingerprint_of(snapshot) == fingerprint(random_images([5, 9], seed=2), [])


@pytest.fixture
def photo(catalogue):
    """A photo, and the picture in the catalogue of what it shows."""
    rows = [line.split(",") for line in (catalogue / "manifest.csv").read_text().splitlines()[1:]]
    query, instance = next((row[0], row[1]) for row in rows if row[3] == "query")
    answer = next(path for path in (catalogue / "catalogue").iterdir() if instance in path.name)
    return catalogue / query, str(answer)


@pytest.fixture
def index(catalogue_index):
    with folder_in_memory() as folder:
        yield shutil.copytree(catalogue_index, folder / "index")


def test_an_answer_is_that_of_the_generation_it_names(photo, index):
    picture, answer = photo
    images = {image.path: (image, points) for image, points in read_back(Snapshot.open(index))}
    with (
        IndexWriter(index) as writer,
        _start("reading", "query", index, picture) as reader,
        _ends_with_the_test(reader),
    ):
        told = [reader.stdout.readline() for _ in range(2)]
        held = _come_and_go(writer, images[answer], times=39)  # and it is gone
        while _generation(told[-1]) < writer.manifest.generation:
            told.append(reader.stdout.readline())
        told += _ended(reader)
    answers = {True: set(), False: set()}
    for line in told:
        answers[held[_generation(line)]].add(line.strip().split(" ", 1)[1])
    assert [len(found) for found in answers.values()] == [1, 1]
    paths = {held: {hit[0] for hit in json.loads(*found)} for held, found in answers.items()}
    assert answer in paths[True]
    assert answer not in paths[False]


def _generation(line: str) -> int:
    """What a line of the reader names first."""
    return int(line.split(" ", 1)[0])


def _come_and_go(writer: IndexWriter, image: tuple, *, times: int) -> dict[int, bool]:
    """Remove and add an image in turn, compacting now and then; by generation if it is there."""
    held = {writer.manifest.generation: True}
    for turn in range(times):
        snapshot = writer.snapshot()
        if turn % 2:
            writer.commit([image])
        else:
            writer.commit([], removed=[snapshot.id_of(snapshot.find(image[0].path))])
        if turn % 5 == 4:
            writer.compact()
        for generation in range(max(held) + 1, writer.manifest.generation + 1):
            held[generation] = bool(turn % 2)
    return held


def test_verifying_while_a_writer_is_at_work_finds_no_damage(tmp_path):
    write_index(tmp_path, [[image] for image in random_images([40] * 6)])
    stopped = threading.Event()
    reports = []

    def verify() -> None:
        while not stopped.is_set():
            reports.append(check_index(Storage(tmp_path)))

    thread = threading.Thread(target=verify)
    thread.start()
    with IndexWriter(tmp_path) as writer:
        for number in range(60):
            writer.commit(random_images([5 + number % 7]))
    stopped.set()
    thread.join()
    assert len(reports) > 1
    assert {report.damage for report in reports} == {()}
