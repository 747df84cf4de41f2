"""One command, three ways to run: Ray started by the job, a cluster joined, a job submitted to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port, run_job, scores_of
from tests.s3 import wait_for

BIN = Path(sys.executable).parent
TOKEN = {"RAY_AUTH_MODE": "token"}  # a cluster that ray start made asks for its token


def environment() -> dict[str, str]:
    """What a shell would have in which nothing points to the tests' own Ray."""
    here = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return {**here, "PATH": f"{BIN}:{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def head_node(folder: Path, cpus: int, *flags: str, port: int | None = None, **more: str) -> Iterator[dict[str, str]]:
    """``ray start --head`` with its own ports until the block ends; the addresses of Ray and of its job server."""
    port, pages = port or free_port(), free_port()
    command = [str(BIN / "ray"), "start", "--head", "--block", f"--num-cpus={cpus}", f"--port={port}"]
    command += [
        f"--dashboard-agent-listen-port={free_port()}",
        "--include-dashboard=true",
        f"--dashboard-port={pages}",
        "--object-store-memory=200000000",
    ]
    with (folder / "head.log").open("w") as sink:
        head = subprocess.Popen(
            [*command, *flags], env=environment() | more, cwd=folder, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{pages}/api/version")
        yield {"ray": f"127.0.0.1:{port}", "jobs": f"http://127.0.0.1:{pages}"}
    finally:
        head.terminate()
        head.wait(timeout=60)


def flags(obvious: Path, output: Path) -> list[str]:
    return ["--keyframes", f"{obvious}/keyframes", "--bundle", f"{obvious}/bundle", "--output", f"{output}"]


def test_alone_a_job_starts_ray_and_says_only_what_matters(obvious: Path, scored: str, tmp_path: Path) -> None:
    done = run_job("jobs.score", *flags(obvious, tmp_path / "scores"), RAY_ADDRESS="local")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all(line.startswith(("score: ", "  ")) for line in done.stdout.splitlines())
    assert scores_of(str(tmp_path / "scores")).equals(scores_of(scored))


@pytest.mark.parametrize("cpus", [1, 4])
def test_attached_to_a_cluster_of_any_size(cpus: int, obvious: Path, scored: str, tmp_path: Path) -> None:
    with head_node(tmp_path, cpus) as address:
        done = run_job("jobs.score", *flags(obvious, tmp_path / "scores"), RAY_ADDRESS=address["ray"])
        assert done.returncode == 0, done.stderr
        assert f"{cpus} CPUs" in done.stdout
        assert scores_of(str(tmp_path / "scores")).equals(scores_of(scored))
        if cpus == 4:
            _submit(address["jobs"], obvious, scored, tmp_path / "submitted")


def submit(address: str, entrypoint: list[str]) -> subprocess.CompletedProcess[str]:
    """``ray job submit`` from the project's folder, to its end."""
    command = [str(BIN / "ray"), "job", "submit", "--address", address, "--working-dir", ".", "--", *entrypoint]
    return subprocess.run(
        command, cwd=ROOT, env={**environment(), **TOKEN}, capture_output=True, text=True, timeout=300
    )


def _submit(address: str, obvious: Path, scored: str, output: Path) -> None:
    job = ["python", "-m", "jobs.score"]
    done = submit(address, [*job, *flags(obvious, output)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert scores_of(str(output)).equals(scores_of(scored))
    refused = submit(address, [*job, *flags(obvious, Path("scores"))])
    assert refused.returncode != 0
    assert "relative output" in refused.stdout


def test_a_cluster_that_does_not_answer_is_one_line(obvious: Path, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    done = run_job("jobs.score", *flags(obvious, tmp_path / "scores"), RAY_ADDRESS=address)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == f"error: RAY_ADDRESS={address}: no Ray cluster answers there"
