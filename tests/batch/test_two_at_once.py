"""Jobs that start at once on one machine, each with a Ray of its own, also where the machine is busy.

EMOTIONSCOPE_LOAD is the number of processes that keep the machine busy meanwhile, none unless told.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, scores_of, shell
from tests.helpers.dialogue_tables import dialogues, write

LOAD = int(os.environ.get("EMOTIONSCOPE_LOAD", "0"))
ROWS = 20


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute until the block ends."""
    loops = [subprocess.Popen(["nice", "-n", "10", sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.slow
def test_two_jobs_that_start_at_once_do_not_join_each_others_ray(tmp_path: Path) -> None:
    source = write(tmp_path / "in", dialogues(ROWS))
    environment = {name: value for name, value in shell().items() if name != "RAY_ADDRESS"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    outputs = [tmp_path / "a", tmp_path / "b"]
    with busy(LOAD):
        commands = [[sys.executable, "-m", "jobs.score", "--dialogues", source, "--output", to] for to in outputs]
        jobs = [subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) for command in commands]
        ends = [job.communicate(timeout=500) for job in jobs]
    for job, (told, error), output in zip(jobs, ends, outputs, strict=True):
        if LOAD and job.returncode == 1:
            assert error.strip().count("\n") == 0 and "rerun the same command" in error, error
            continue
        assert job.returncode == 0, error
        assert "Ray on this machine" in told  # and not "Ray cluster of 1 node", which it would have joined
        assert scores_of(str(output)).num_rows == ROWS
