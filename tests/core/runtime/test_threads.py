"""BLAS has one thread while blocks of work run, whichever threads began and end, and afterwards as many as before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import beside, for_each_block, single_threaded_blas


def blas_threads() -> list[int]:
    return [info["num_threads"] for info in ThreadpoolController().info() if info["user_api"] == "blas"]


def in_thread(work: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def seen_by_blocks() -> list[list[int]]:
    seen: list[list[int]] = []
    for_each_block(lambda _: seen.append(blas_threads()), range(3), Control())
    return seen


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """So that one is less than there were, also on a machine of one core; set and left by this thread."""
    np.zeros((2, 2)) @ np.zeros((2, 2))
    with threadpool_limits(limits=3, user_api="blas"):
        if 3 not in blas_threads():
            pytest.skip("this BLAS cannot be told how many threads to use")
        yield


def one(threads: list[int]) -> bool:
    return set(threads) == {1}


def test_blocks_see_one_thread() -> None:
    before = blas_threads()
    assert all(map(one, seen_by_blocks()))
    assert blas_threads() == before


def test_from_another_thread_than_the_one_that_set_a_limit() -> None:
    before = blas_threads()
    seen: list[list[int]] = []
    in_thread(lambda: seen.extend(seen_by_blocks()))
    assert len(seen) == 3
    assert all(map(one, seen))
    assert blas_threads() == before


def test_threads_one_after_the_other() -> None:
    before = blas_threads()
    for _ in range(3):
        seen = seen_by_blocks()
        in_thread(lambda: seen.extend(seen_by_blocks()))  # noqa: B023 - called at once
        assert len(seen) == 6
        assert all(map(one, seen))
    assert blas_threads() == before


def test_begun_in_one_thread_and_ended_in_another() -> None:
    before = blas_threads()
    first, second = ExitStack(), ExitStack()
    first.enter_context(single_threaded_blas())
    in_thread(lambda: second.enter_context(single_threaded_blas()))
    assert one(blas_threads())
    first.close()
    assert one(blas_threads())
    in_thread(second.close)
    assert blas_threads() == before


def test_the_host_may_set_its_own_afterwards() -> None:
    in_thread(lambda: seen_by_blocks())
    with threadpool_limits(limits=2, user_api="blas"):
        assert set(blas_threads()) == {2}


def test_a_call_runs_beside_the_caller() -> None:
    goes_on, seen = threading.Semaphore(0), list[int]()

    def work(number: int) -> None:
        assert goes_on.acquire(timeout=60)
        seen.append(number)

    with beside() as start:
        for number in range(3):
            start(work, number)
            assert seen == [*range(number)]  # the calls before have ended, this one waits for us
            goes_on.release()
    assert seen == [0, 1, 2]


def _fails(number: int) -> None:
    raise ZeroDivisionError(number)


def test_an_error_beside_the_caller_is_raised_by_the_next_call() -> None:
    with beside() as start:
        start(_fails, 1)
        with pytest.raises(ZeroDivisionError, match="1"):
            start(print, "never")


def test_an_error_beside_the_caller_is_raised_at_the_end() -> None:
    with pytest.raises(ZeroDivisionError, match="2"), beside() as start:
        start(_fails, 2)
