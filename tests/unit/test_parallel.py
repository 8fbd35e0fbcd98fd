"""Bulk work: in order, bounded, and the same whatever does it."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from kpsearch.errors import KpsearchError
from kpsearch.parallel import CHUNKS_A_WINDOW, map_in_order

both = pytest.mark.parametrize("n_jobs", [1, 2])


def uneven_square(number: int) -> int:
    if number % 16 < 8:
        time.sleep(0.002)  # the first chunk of two is the slower one
    return number * number


def product(seed: int) -> bytes:
    matrix = np.random.default_rng(seed).normal(size=(40, 40)).astype(np.float32)
    return (matrix @ matrix.T).tobytes()


def refuse_seven(number: int) -> int:
    if number == 7:
        raise LookupError("seven")
    return number


def die_on_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def worker(_: int) -> int:
    time.sleep(0.01)
    return os.getpid()


@both
@pytest.mark.parametrize("count", [0, 1, 8, 50])
def test_results_come_in_the_order_of_the_items(n_jobs, count):
    found = list(map_in_order(uneven_square, range(count), n_jobs=n_jobs))
    assert found == [number * number for number in range(count)]


def test_results_do_not_depend_on_the_number_of_jobs():
    one = list(map_in_order(product, range(30), n_jobs=1))
    assert list(map_in_order(product, range(30), n_jobs=2, chunk_size=3)) == one


def test_several_jobs_run_in_processes_of_their_own():
    found = set(map_in_order(worker, range(16), n_jobs=2, chunk_size=1))
    assert len(found) == 2
    assert os.getpid() not in found


@both
def test_an_error_comes_where_its_result_would_have(n_jobs):
    results = map_in_order(refuse_seven, range(100), n_jobs=n_jobs, chunk_size=1)
    given = []
    with pytest.raises(LookupError, match="seven"):
        given.extend(results)
    assert given == list(range(7))


@pytest.mark.parametrize(("n_jobs", "ahead"), [(1, 4), (2, 4 * CHUNKS_A_WINDOW * 2)])
def test_no_more_items_are_taken_than_a_window_holds(n_jobs, ahead):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = map_in_order(refuse_seven, (n + 7 for n in endless()), n_jobs=n_jobs, chunk_size=4)
    for given in range(1, 200):
        assert next(results) == given + 7
        assert taken <= given + 2 * ahead
    results.close()


@both
def test_a_consumer_may_stop_early(n_jobs):
    results = map_in_order(uneven_square, range(500), n_jobs=n_jobs, chunk_size=1)
    assert next(results) == 0
    results.close()
    assert next(results, None) is None


def test_a_worker_that_dies_is_an_error_that_says_so():
    with pytest.raises(KpsearchError, match="a worker process died"):
        list(map_in_order(die_on_seven, range(20), n_jobs=2, chunk_size=2))
    assert list(map_in_order(str, range(4), n_jobs=2)) == ["0", "1", "2", "3"]
