"""A job's connection to Ray: attach or start, keep Ray quiet, and shut it down."""

import logging
import os
import select
import socket
import subprocess
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psutil

from emotionscope import cli, leftovers, ray_private
from emotionscope.errors import RESUME, JobError, UserError, first_line

if TYPE_CHECKING:
    from emotionscope.storage.place import Place

MOST_NODES = 1000  # of one kind that are counted on
_KINDS = ("CPU", "GPU")
LOOK = 0.2  # seconds from one look for Ray's processes to the next
ANSWER = 20.0  # seconds in which a Ray head must answer a job that joins it
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no note about a coming default
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon the end of a training is seen
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it takes SIGTERM for a crash
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # look for new log files twice a second, not ten times
    # Ray would wait for a worker to each CPU before it lets the first driver in, and for ever where one dies meanwhile.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_agent_register_timeout_ms": "120000",  # on a busy machine, Ray's 30 s are too few for its agents to start
}
for _name, _value in SETTINGS.items():  # here, and before Ray, which reads some of them when it is imported
    os.environ.setdefault(_name, _value)


@dataclass(frozen=True)
class Cluster:
    """What the job may use: logical CPUs, GPUs that are there or may come, nodes, and whether it started Ray itself."""

    cpus: int
    gpus: int
    nodes: int
    started_here: bool

    def gpus_to_use(self, requested: bool | None) -> int:
        """The GPUs a job takes: all where `requested` is true or None, none where it is false.

        Raises UserError where some are requested and there are none.
        """
        if requested and not self.gpus:
            raise UserError("--use-gpu: the cluster has no GPU")
        return self.gpus if requested is not False else 0

    def __str__(self) -> str:
        where = (
            "Ray on this machine" if self.started_here else f"Ray cluster of {self.nodes} node{'s'[: self.nodes > 1]}"
        )
        return f"{where}, {self.cpus} CPUs" + (f", {self.gpus} GPUs" if self.gpus else "")


@contextmanager
def connect(verbose: bool = False) -> Iterator[Cluster]:
    """Attach to the job's or ``RAY_ADDRESS``'s cluster, or one on this machine, or start Ray; shut down at the end.

    Unless `verbose`, Ray's and its workers' messages go to Ray's own log files only.
    Raises UserError where ``RAY_ADDRESS`` names a cluster that does not answer, and JobError where Ray cannot start.
    """
    import ray

    if ray.is_initialized():  # a caller's session, such as the demo's: shared by the jobs it runs
        with _plain_errors():
            yield _cluster(started_here=True)
        return
    level = logging.INFO if verbose else logging.ERROR
    over = threading.Event()
    watch: subprocess.Popen[bytes] | None = None
    start = partial(ray.init, log_to_driver=verbose, logging_level=level, configure_logging=True)
    with warnings.catch_warnings():
        warnings.simplefilter("default" if verbose else "ignore")
        with cli.working("starting Ray"):
            started_here = not _attach(start)
            if started_here:
                watch = _watch_leftovers()
                threading.Thread(target=_exit_with_ray, args=(over,), daemon=True).start()
                os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # this machine is not taken away
                try:
                    start(address="local", include_dashboard=False)
                except Exception as error:  # Ray has no class for it
                    over.set()
                    raise JobError(f"Ray could not start on this machine ({first_line(error)}); {RESUME}") from error
            _quiet(verbose)
    try:
        with _plain_errors():
            yield _cluster(started_here)
    finally:
        over.set()
        ray.shutdown()
        os.environ.pop(leftovers.MARK, None)
        if watch and watch.stdin:
            watch.stdin.close()
            watch.wait()


def _watch_leftovers() -> "subprocess.Popen[bytes]":
    """A process that ends what Ray leaves of itself when this process ends, however it does, or closes the pipe."""
    os.environ[leftovers.MARK] = mark = uuid.uuid4().hex
    command = [sys.executable, "-I", "-S", leftovers.__file__, mark]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)


def _exit_with_ray(over: threading.Event) -> None:
    """Exit with 1 and one line when the raylet or the head that this process starts dies before it is `over`.

    Ray itself would end the process by an abort and some hundred lines, a minute later where it has not yet started.
    """
    names: dict[int, str] = {}  # by the file that tells of a process's end
    ends = select.poll()
    while not over.is_set():
        for child in (
            psutil.Process().children() if len(names) < len(ray_private.VITAL) else ()
        ):  # Ray starts one after the other
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if child.name() in ray_private.VITAL and child.name() not in names.values():
                    names[file := os.pidfd_open(child.pid)] = child.name()
                    ends.register(file, select.POLLIN)
        # At once, or Ray's own lines come first.
        for file, _ in ends.poll(1000 * LOOK):
            if not over.is_set():
                print(f"error: Ray's {names[file]} has died; {RESUME}", file=sys.stderr, flush=True)
                os._exit(1)
    for file in names:
        os.close(file)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What is raised in a worker as it was raised there, and what Ray raises in one line; log files keep the rest."""
    import ray.data
    from ray.exceptions import RayError, RayTaskError

    ray.data.DataContext.get_current().raise_original_map_exception = True
    try:
        yield
    except RayTaskError as error:
        cause: BaseException = error
        while isinstance(cause, RayTaskError):
            cause = cause.cause
        reason = first_line(cause)  # Ray Data adds its advice below
        if isinstance(cause, UserError | JobError):
            raise type(cause)(reason) from None
        if isinstance(cause, OSError):  # a full disk, a store that stays away
            raise JobError(f"{reason}; {RESUME}") from error
        raise JobError(f"a worker failed: {type(cause).__name__}: {reason}") from error
    except RayError as error:
        raise JobError(f"Ray failed ({type(error).__name__}: {first_line(error)}); {RESUME}") from error


def _attach(start: Callable[..., object]) -> bool:
    """Join the cluster of RAY_ADDRESS or of the latest ``ray start``; whether there is one."""
    named = os.environ.get("RAY_ADDRESS")
    address = named or ray_private.latest_address()
    if not address or address == "local":
        return False
    if "://" in address or _answers(address):
        start(address=address)
        return True
    if named:
        raise UserError(f"RAY_ADDRESS={named}: no Ray cluster answers there")
    return False  # left behind by a cluster that has died


def _answers(address: str) -> bool:
    """Whether a Ray head answers at host:port. Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except OSError:
            return False
    answer: Future[bool] = Future()

    def ask() -> None:
        try:
            ray_private.ask_head(address)
            answer.set_result(True)
        except Exception:  # whatever it is, no cluster can be joined there
            answer.set_result(False)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(ANSWER)
    except TimeoutError:
        return False


def _cluster(started_here: bool) -> Cluster:
    import ray

    resources = ray.cluster_resources()
    nodes = sum(node["Alive"] for node in ray.nodes())
    gpus = sum(machine.get("GPU", 0) for machine in machines())
    return Cluster(int(resources.get("CPU", 0)), int(gpus), nodes, started_here)


def machines() -> list[dict[str, float]]:
    """The resources of each node of the cluster, or, where it may grow beyond them, of each that it may have."""
    import ray

    here = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    grown = [node for node, count in ray_private.node_groups() for _ in range(min(count, MOST_NODES))]
    more = any(sum(node.get(kind, 0) for node in grown) > sum(node.get(kind, 0) for node in here) for kind in _KINDS)
    return grown if more else here


def _quiet(verbose: bool) -> None:
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = verbose
    context.print_on_execution_start = verbose
    if not verbose:
        for name in ("ray", "ray.data", "ray.train", "ray.tune"):
            logging.getLogger(name).setLevel(logging.ERROR)
        for handler in logging.getLogger("ray.data").handlers:
            if isinstance(handler, logging.StreamHandler):  # not its log file
                handler.setLevel(logging.CRITICAL)


def submitted() -> bool:
    """Whether this process is the driver of a ``ray job submit``."""
    return ray_private.JOB_CONFIG in os.environ


def output_place(uri: str) -> "Place":
    """Where a job's output goes.

    Raises UserError for a relative path in a submitted job, whose working folder is a copy that vanishes.
    """
    from emotionscope.storage.place import Place  # Arrow, which the list of jobs need not wait for

    place = Place(uri)
    if submitted() and not place.is_s3 and not os.path.isabs(uri.removeprefix("file://")):
        raise UserError(
            f"{uri}: a submitted job runs in a temporary copy of its folder, so a relative output would be lost; "
            "give an absolute path on storage all nodes share, or s3://"
        )
    return place
