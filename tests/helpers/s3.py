"""A real S3 server for the tests: Ceph's gateway where it is installed, else moto's. It can be stopped and started."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "emotionscope", "AWS_SECRET_ACCESS_KEY": "emotionscope-secret"}


@dataclass(frozen=True)
class S3Server:
    """The variables that clients need, whether permissions count, and how the server ends and comes back."""

    variables: dict[str, str]
    real: bool
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def running_server(folders: pytest.TempPathFactory, scripts: Path, port: int) -> Iterator[S3Server]:
    """A server on a port of this machine until the block ends."""
    url = f"http://127.0.0.1:{port}"
    variables = {
        **KEYS,
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    if shutil.which("radosgw") and scripts.is_dir() and os.geteuid() == 0:
        folder = _start_radosgw(folders, scripts, port)

        def again() -> None:
            environment = {**os.environ, "CEPH_CONF": str(folder / "ceph.conf")}
            subprocess.run(["radosgw", "-n", "client.rgw"], env=environment, check=True, capture_output=True)
            wait_for(url)

        def kill() -> None:
            os.kill(int((folder / "client.rgw.pid").read_text()), signal.SIGKILL)

        yield S3Server(variables, True, kill, again)
        subprocess.run([scripts / "stop-radosgw", folder], check=True)
    else:
        command = [sys.executable, "-m", "moto.server", "-p", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(url)
        pause, go_on = (lambda sign=sign: server.send_signal(sign) for sign in (signal.SIGSTOP, signal.SIGCONT))
        yield S3Server(variables, False, pause, go_on)
        server.terminate()
        server.wait()


def _start_radosgw(folders: pytest.TempPathFactory, scripts: Path, port: int, tries: int = 12) -> Path:
    """The gateway's folder. Ceph's store sometimes asks its monitor too early, and ends: then all is started anew."""
    for _ in range(tries):
        folder = folders.mktemp("s3")
        command = [str(scripts / "start-radosgw"), str(folder), str(port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, start_new_session=True, **quiet) as start:
            end = time.monotonic() + 90
            while start.poll() is None and time.monotonic() < end and not _lost_its_store(folder):
                with suppress(subprocess.TimeoutExpired):
                    start.wait(timeout=0.2)
            if start.returncode == 0:
                return folder
            if start.returncode is None:
                os.killpg(start.pid, signal.SIGKILL)
        subprocess.run([scripts / "stop-radosgw", folder], check=True)
    pytest.fail(f"the S3 gateway did not start in {tries} tries")


def _lost_its_store(folder: Path) -> bool:
    """Whether the gateway waits for a store that has ended."""
    return (folder / "client.rgw.pid").exists() and not (folder / "osd.0.pid").exists()


def wait_for(url: str, seconds: float = 120) -> None:
    """Return once a server answers at the URL."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
