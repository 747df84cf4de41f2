"""How a job meets Ray: attach or start, stay quiet, show progress, and clear up."""

import logging
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from emotionscope import cli
from emotionscope.errors import RESUME, JobError, UserError, first_line
from emotionscope.io import uris

MOST_NODES = 1000  # of one kind that are counted on
_KINDS = ("CPU", "GPU")
LINE_EVERY = 10.0  # seconds between progress lines where there is no terminal


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
    Raises UserError where ``RAY_ADDRESS`` names a cluster that does not answer.
    """
    # Ray reads these when it is imported or started: no usage reports, no notes about coming defaults.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")  # it takes SIGTERM for a crash
    import ray

    if ray.is_initialized():  # a caller's session, such as the demo's: shared by the jobs it runs
        with _plain_errors():
            yield _cluster(started_here=True)
        return
    level = logging.INFO if verbose else logging.ERROR
    options: dict[str, Any] = {"log_to_driver": verbose, "logging_level": level, "configure_logging": True}
    with warnings.catch_warnings():
        warnings.simplefilter("default" if verbose else "ignore")
        with cli.working("starting Ray"):
            started_here = not _attach(options)
            if started_here:
                ray.init(address="local", include_dashboard=False, **options)
            _quiet(verbose)
    over = threading.Event()
    if started_here:
        threading.Thread(target=_exit_with_ray, args=(over,), daemon=True).start()
    try:
        with _plain_errors():
            yield _cluster(started_here)
    finally:
        over.set()
        ray.shutdown()


def _exit_with_ray(over: threading.Event) -> None:
    """Exit with 1 and one line when the raylet or the head that this process started dies before it is `over`.

    Ray itself would end the process by an abort, some seconds and some hundred lines later.
    """
    from ray._private import worker

    node: Any = worker._global_node
    started = node.all_processes
    processes = {name: info.process for name in ("raylet", "gcs_server") for info in started.get(name, ())}
    while not over.wait(0.2):
        for name, process in processes.items():
            if process.poll() is not None and not over.is_set():
                print(f"error: Ray's {name} has died; {RESUME}", file=sys.stderr, flush=True)
                os._exit(1)


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


def _attach(options: dict[str, Any]) -> bool:
    """Join the cluster of RAY_ADDRESS or of the latest ``ray start``; whether there is one."""
    import ray
    from ray._private.services import find_bootstrap_address

    # ray.init(address="auto") would also join the private Ray of another job, and end with it.
    named = os.environ.get("RAY_ADDRESS")
    address = named or find_bootstrap_address(None)
    if not address or address == "local":
        return False
    try:
        host, _, port = address.rpartition(":")
        if "://" not in address and port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        ray.init(address=address, **options)
    except OSError as error:
        if named:
            raise UserError(f"RAY_ADDRESS={named}: no Ray cluster answers there") from error
        return False  # left behind by a cluster that has died
    return True


def _cluster(started_here: bool) -> Cluster:
    import ray

    resources = ray.cluster_resources()
    nodes = sum(node["Alive"] for node in ray.nodes())
    gpus = sum(machine.get("GPU", 0) for machine in machines())
    return Cluster(int(resources.get("CPU", 0)), int(gpus), nodes, started_here)


def machines() -> list[dict[str, float]]:
    """The resources of each node of the cluster, or, where it may grow beyond them, of each that it may have."""
    import ray
    from ray._private.state import state

    here = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    config = state.get_cluster_config()  # written by an autoscaler; Ray Data reads it there too
    groups = config.node_group_configs if config else ()
    grown = [dict(group.resources) for group in groups for _ in range(min(group.max_count, MOST_NODES))]
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
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def output_uri(uri: str) -> str:
    """The absolute URI of a job's output.

    Raises UserError for a relative path in a submitted job, whose working folder is a copy that vanishes.
    """
    if submitted() and not uris.is_s3(uri) and not os.path.isabs(uri.removeprefix("file://")):
        raise UserError(
            f"{uri}: a submitted job runs in a temporary copy of its folder, so a relative output would be lost; "
            "give an absolute path on storage all nodes share, or s3://"
        )
    return uris.absolute(uri)


class ProgressBar:
    """Progress of a job in rows: a bar on a terminal, a plain line every ten seconds elsewhere."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done, self.errors = title, total, done, 0
        self.started = self.printed = time.monotonic()
        self.first = done
        self.live: Progress | None = None
        if sys.stdout.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            more = (TextColumn("[dim]{task.fields[note]}"), TimeRemainingColumn())
            self.live = Progress(*columns, *more, console=Console(), transient=True)

    def __enter__(self) -> "ProgressBar":
        if self.live:
            self.live.start()
            self.task = self.live.add_task(self.title, total=self.total, completed=self.done, note="")
        return self

    def advance(self, rows: int, errors: int = 0) -> None:
        """Count rows that came out, and how many of them carry an error."""
        self.done += rows
        self.errors += errors
        now = time.monotonic()
        rate = (self.done - self.first) / max(now - self.started, 1e-6)
        note = f"{rate:,.1f} rows/s" + (f", {self.errors} failed" if self.errors else "")
        if self.live:
            self.live.update(self.task, completed=self.done, note=note)
        elif now - self.printed >= LINE_EVERY:
            self.printed = now
            left = (self.total - self.done) / rate if rate else 0
            print(f"{self.title}: {self.done:,} of {self.total:,} rows, {note}, {left:,.0f} s left", flush=True)

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.stop()
