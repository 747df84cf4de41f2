"""Ray clusters as ``ray start`` makes them, of processes on this machine, and jobs that are submitted to them."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from emotionscope.storage.place import Place
from tests.conftest import ROOT, free_port, shell
from tests.helpers.s3 import wait_for

BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """A shell in which Ray's commands are found and nothing points to the tests' own Ray, and more."""
    # A busy machine may take longer than Ray's 30 s to start the agents of a node.
    patient = {"RAY_agent_register_timeout_ms": "120000"}
    here = shell(PATH=f"{BIN}:{os.environ['PATH']}", RAY_USAGE_STATS_ENABLED="0", **patient, **more)
    return {name: value for name, value in here.items() if name != "RAY_ADDRESS"}


@contextmanager
def head_node(
    folder: Path, cpus: int, *flags: str, port: int | None = None, dashboard: int | None = None, **more: str
) -> Iterator[str]:
    """``ray start --head`` with ports of its own until the block ends; the address of Ray.

    With a port for its `dashboard`, which a busy machine takes long to start, it takes jobs.
    """
    port = port or free_port()
    command = [str(BIN / "ray"), "start", "--head", "--block", f"--num-cpus={cpus}", f"--port={port}"]
    command += [f"--dashboard-agent-listen-port={free_port()}", "--object-store-memory=200000000"]
    command += [f"--include-dashboard={str(bool(dashboard)).lower()}"]
    command += [f"--dashboard-port={dashboard}"] if dashboard else []
    # In a folder of its own: a submitted job joins the last cluster that Ray's usual one tells of.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as home:
        with (folder / "head.log").open("w") as sink:
            own = {"env": environment(RAY_TMPDIR=home, **more), "cwd": folder, "start_new_session": True}
            head = subprocess.Popen([*command, *flags], stdout=sink, stderr=subprocess.STDOUT, **own)
        try:
            assert has_started(head, folder / "head.log"), (folder / "head.log").read_text()
            yield f"127.0.0.1:{port}"
        finally:
            os.killpg(head.pid, signal.SIGKILL)  # which takes no time
            head.wait()


@contextmanager
def job_server(folder: Path, cpus: int) -> Iterator[str]:
    """The address of the server that takes jobs for a cluster of one node."""
    port = free_port()
    with head_node(folder, cpus, dashboard=port):
        wait_for(f"http://127.0.0.1:{port}/api/version")
        yield f"http://127.0.0.1:{port}"


def has_started(node: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Whether a node of a cluster starts: true once it has, false where it ends instead."""
    while node.poll() is None:
        if "Ray runtime started" in log.read_text():
            return True
        with suppress(subprocess.TimeoutExpired):
            node.wait(timeout=0.2)
    return False


@contextmanager
def second_node(folder: Path, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A node of one CPU that joins a cluster, until the block ends or it is killed."""
    join = [str(BIN / "ray"), "start", f"--address={address}", "--num-cpus=1", "--block"]
    join += [f"--dashboard-agent-listen-port={free_port()}", "--object-store-memory=200000000"]
    with (folder / "node.log").open("w") as log:
        for _ in range(3):  # a node gives up after 30 seconds, which a busy machine may take to start it
            node = subprocess.Popen(
                join, env=environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            if has_started(node, folder / "node.log"):
                break
        else:
            pytest.fail("the node did not join")
    try:
        yield node
    finally:
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def submit(address: str, entrypoint: list[str]) -> subprocess.CompletedProcess[str]:
    """``ray job submit`` from the project's folder, to its end."""
    command = [str(BIN / "ray"), "job", "submit", "--address", address, "--working-dir", ".", "--", *entrypoint]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)


def when_parts(job: "subprocess.Popen[str]", output: str, parts: int, act: Callable[[], object]) -> None:
    """Call `act` once a running job's output has so many parts."""
    while job.poll() is None and (len(Place(output).list(".parquet")) if Place(output).exists() else 0) < parts:
        try:
            job.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    assert job.poll() is None, "the job ended before it could be disturbed"
    act()
