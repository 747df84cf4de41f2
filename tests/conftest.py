"""What the tests share: the reference data beside the project, one Ray cluster, one S3 server."""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from filelock import FileLock

from emotionscope import __main__ as command
from emotionscope import ray_session
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.helpers.s3 import S3Server, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# One token for all clusters of the run: of several that start at once without any, each would store its own.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN", 2 * uuid.uuid4().hex)}
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
# Chromium's own calls home are refused here; they and the tuning of scripts that run for seconds only take time.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--js-flags=--no-opt --no-maglev",
)
VIOLATIONS = {"resultTypes": ["violations"]}  # what axe tells in detail; all else would double its time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first in the share that each process of the run begins with, so that none is left to the end."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if item not in slow]
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    bounds = [len(others) * n // count for n in range(count + 1)]
    items[:] = [item for n in range(count) for item in (*slow[n::count], *others[bounds[n] : bounds[n + 1]])]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data that lies beside the project; CI must have it."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the reference data (../shared) is missing in CI")
        pytest.skip("needs the reference data in ../shared")
    return SHARED


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ray_session.Cluster]:
    """One Ray for all tests that need one; jobs called in this process run on it."""
    os.environ["RAY_ADDRESS"] = "local"  # not a cluster that happens to run on this machine
    # On a busy machine, workers that yield to everything else and threads that wait by spinning never get done.
    os.environ |= {"RAY_worker_niceness": "0", "OMP_WAIT_POLICY": "PASSIVE"}
    with ray_session.connect() as cluster:
        yield cluster


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server (Ceph's gateway) where it is installed, else moto's."""
    with running_server(tmp_path_factory, SHARED / "s3", free_port()) as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a new, empty bucket, with the variables set that reach it."""
    import boto3

    for name, value in s3_server.variables.items():
        monkeypatch.setenv(name, value)
    name = f"test-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests of the pages."""
    from playwright.sync_api import expect, sync_playwright

    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not chromium:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing in CI")
        pytest.skip("needs Chromium")
    expect.set_options(timeout=90_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the archive that the pages show."""
    from tests.helpers import pages

    folder = tmp_path_factory.mktemp("pages")
    pages.make_archive(folder)
    return folder


@pytest.fixture(scope="session")
def site(browser: "Browser", pages_archive: Path) -> Iterator[str]:
    """The address of the pages on `pages_archive`."""
    from tests.helpers import pages

    with pages.serving(pages_archive) as address:
        yield address


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A window of a visitor of its own."""
    size = {"width": 1400, "height": 1600}
    context = browser.new_context(viewport=size, accept_downloads=True, reduced_motion="reduce")
    context.set_default_timeout(90_000)
    yield context.new_page()
    context.close()


def copy_in(folder: Path, uri: str) -> None:
    """Upload a folder's files below a URI."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            Place(Place(uri) / (str(path.relative_to(folder)))).write_bytes(path.read_bytes())


def shell(**more: str) -> dict[str, str]:
    """The variables of a shell, without those that this process has set for its own Ray, and more."""
    told = {*ray_session.SETTINGS, "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"}
    return {name: value for name, value in os.environ.items() if name not in told} | more


def run_job(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m jobs.NAME …`` as a user does, from the project's folder."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=shell(**environment))


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Parquet file of labelled faces in three splits, of which three are no images."""
    from tests.helpers.drawn_faces import write_faces

    splits = {"train": 140, "validation": 71, "test": 70}
    return str(write_faces(tmp_path_factory.mktemp("faces") / "faces.parquet", splits, broken=3))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills; made once for all processes of the test run."""
    root = factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    with FileLock(f"{folder}.lock"):
        if not folder.with_suffix(".done").exists():
            make(folder)
            folder.with_suffix(".done").touch()
    return folder


@pytest.fixture(scope="session")
def trained(faces: str, tmp_path_factory: pytest.TempPathFactory, ray_cluster: ray_session.Cluster) -> str:
    """A bundle with a vision model that two workers have learnt from `faces`."""
    from emotionscope.commands import train_vision
    from tests.helpers.drawn_faces import TRAINING

    def make(folder: Path) -> None:
        train_vision.run(train_vision.TrainVision(keyframes=faces, bundle=str(folder / "bundle"), **TRAINING))

    return str(made_once(tmp_path_factory, "trained", make) / "bundle")


@pytest.fixture(scope="session")
def obvious(trained: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `keyframes` of obvious emotions and a whole `bundle` that the training jobs made."""
    from emotionscope.commands import fit_fusion, train_text
    from tests.helpers.obvious import keyframes

    def make(folder: Path) -> None:
        table, models = str(folder / "keyframes"), str(folder / "bundle")
        datasets.write_part(keyframes(), f"{table}/part-0.parquet")
        copy_in(Path(trained), models)
        train_text.run(train_text.TrainText(dialogues=(table,), bundle=models))
        fit_fusion.run(fit_fusion.FitFusion(keyframes=table, bundle=models))

    return made_once(tmp_path_factory, "obvious", make)


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory, ray_cluster: ray_session.Cluster) -> Path:
    """A folder with `dialogues` without videos, and their `scores` by the models that come with EmotionScope."""
    from emotionscope.commands import score
    from tests.helpers.dialogue_tables import dialogues, write

    def make(folder: Path) -> None:
        folder.mkdir()
        source = write(folder / "dialogues", dialogues(1600))
        score.run(score.Score(dialogues=source, output=str(folder / "scores")))

    return made_once(tmp_path_factory, "talks", make)


def score_flags(folder: Path, output: Path | str) -> list[str]:
    """Flags by which `score` reads the keyframes and the bundle in a folder."""
    return ["--keyframes", f"{folder}/keyframes", "--bundle", f"{folder}/bundle", "--output", f"{output}"]


def run_here(job: str, *flags: object) -> int:
    """Run a job's command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as end:
        command.run_job(job, words=[*map(str, flags)])
    return int(end.value.code or 0)


def scores_of(uri: str) -> pa.Table:
    """All rows of a finished scores table."""
    return datasets.read(datasets.open_dataset(uri, "scores"))


@pytest.fixture(scope="session")
def scored(obvious: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The scores of `obvious`'s keyframes, in four shards."""
    from emotionscope.commands import score

    def make(folder: Path) -> None:
        flags = {"keyframes": str(obvious / "keyframes"), "bundle": str(obvious / "bundle")}
        score.run(score.Score(**flags, output=str(folder), shard_rows=25))

    return str(made_once(tmp_path_factory, "scored", make))
