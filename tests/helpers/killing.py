"""Kills a writer of small files at one of its file operations: on disk at what Python tells its audit hooks, in S3 at
the server's answers. The writer runs in a process of its own, forked from one that has the test's modules.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from random import Random

from tests.helpers.faulty_s3 import faulty

Writer = Callable[[str], object]  # takes the place to write to; a function of a module
OPERATIONS = ("open", "os.", "shutil.", "fcntl.")  # beginnings of the names of the audit events that are operations


def seeds(rounds: int) -> range:
    """A seed for each round of kills: as many as EMOTIONSCOPE_KILLS says, else `rounds`; from its _SEED on, if told."""
    # Other processes of the same run of the tests draw the same seed.
    drawn = Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(10**6)
    first = int(os.environ.get("EMOTIONSCOPE_KILLS_SEED", drawn))
    return range(first, first + int(os.environ.get("EMOTIONSCOPE_KILLS", rounds)))


def operations(write: Writer, place: str) -> int:
    """How many operations a writer that nobody kills does."""
    return _run(write, place, 0)


def kill(write: Writer, place: str, operation: int) -> None:
    """Kill a writer at an operation, counted from 1: on disk before it is done, in S3 before its answer comes."""
    _run(write, place, operation)


def _run(write: Writer, place: str, last: int) -> int:
    """How many operations were done up to the last, which is to be the writer's last (0: none is)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([write.__module__])
    if not place.startswith("s3://"):
        counter = context.Value("i", 0)
        job = context.Process(target=_counting, args=(write, place, last, counter))
        job.start()
        _check_end(job, last)
        return int(counter.value)
    with faulty(os.environ["AWS_ENDPOINT_URL"], seed=0, share=0) as proxy:
        variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        job = context.Process(target=_elsewhere, args=(write, place, variables | {"AWS_ENDPOINT_URL": proxy.url}))
        started = threading.Event()

        def answered(number: int) -> None:
            if number == last and started.wait() and job.pid:
                os.kill(job.pid, signal.SIGKILL)

        proxy.answered = answered
        job.start()
        started.set()
        _check_end(job, last)
        return proxy.seen["requests"]


def _check_end(job: BaseProcess, last: int) -> None:
    job.join()
    assert job.exitcode == (-signal.SIGKILL if last else 0)


def _counting(write: Writer, place: str, last: int, counter: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Write, and end at the last operation of those whose path lies at the place, or whose file is open."""

    def operation(event: str, values: tuple[object, ...]) -> None:
        if event.startswith(OPERATIONS) and (not isinstance(values[0], str) or values[0].startswith(place)):
            counter.value += 1
            if counter.value == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(operation)
    write(place)


def _elsewhere(write: Writer, place: str, variables: dict[str, str]) -> None:
    os.environ |= variables
    write(place)
