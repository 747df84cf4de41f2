"""What is used of Ray beside its public interface is there, and stands in one file."""

import re
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
import ray
import ray.data
from ray._private.runtime_env import constants

from emotionscope import ray_private, ray_session
from tests.conftest import ROOT

PRIVATE = re.compile(r"ray(\.\w+)*\._|\bGcsClient\b|map_batches_internal|_JSON_ENV_VAR|\"raylet\"")


def test_one_file_has_all_of_it() -> None:
    files = [path for path in (ROOT / "emotionscope").rglob("*.py") if PRIVATE.search(path.read_text())]
    assert [path.name for path in files] == ["ray_private.py"]


@pytest.mark.parametrize("name", [*ray_session.SETTINGS, "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"])
def test_ray_reads_every_variable_that_is_set_for_it(name: str) -> None:
    package = Path(ray.__file__).parent
    if not name.isupper():  # a setting of its C++ core
        assert name.removeprefix("RAY_").encode() in (package / "_raylet.so").read_bytes()
        return
    folders = ("_private", "_common", "train", "util", "dashboard")
    sources = (path for folder in folders for path in (package / folder).rglob("*.py"))
    assert any(name in path.read_text() for path in sources)


def test_a_submitted_job_is_known_by_rays_variable() -> None:
    assert ray_private.JOB_CONFIG == constants.RAY_JOB_CONFIG_JSON_ENV_VAR


def test_the_latest_cluster_of_this_machine_is_an_address_or_none() -> None:
    found = ray_private.latest_address()
    assert found is None or re.fullmatch(r"\S+:\d+", found)


def test_the_head_of_a_cluster_answers_and_tells_the_nodes_that_may_come(ray_cluster: ray_session.Cluster) -> None:
    ray_private.ask_head(ray.get_runtime_context().gcs_address)
    assert ray_private.node_groups() == []  # no autoscaler


def test_rays_vital_processes_have_these_names(ray_cluster: ray_session.Cluster) -> None:
    running = {child.name() for child in psutil.Process().children(recursive=True)}
    assert running >= set(ray_private.VITAL)


class Counted:
    """Adds to each block how many rows it has."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, block: pa.Table) -> pa.Table:
        return block.append_column(self.name, pa.array([len(block)] * len(block), pa.int64()))


def test_blocks_go_through_actors_unmixed(ray_cluster: ray_session.Cluster) -> None:
    blocks = [pa.table({"n": [1] * rows}) for rows in (3, 5)]
    found = ray_private.map_blocks(ray.data.from_arrow(blocks), Counted, ("rows",), actors=1, num_gpus=0)
    assert sorted(row["rows"] for row in found.take_all()) == [3] * 3 + [5] * 5
