"""The plan for GPUs: the same rows as on CPUs, whole shards, and one line where a GPU cannot be used.

Ray is told of a GPU that is not there; where torch then computes is told apart from it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from emotionscope.labels import MODELS, probability_columns
from emotionscope.vision import model as vision_model
from tests.clusters import environment, head_node
from tests.conftest import ROOT, run_job, score_flags, scores_of
from tests.drawn_faces import drawn_face

PLAN = """
import sys
import ray
from emotionscope import ray_session
from emotionscope.batch import gpu_pool, pipeline, runner
from emotionscope.bundle import store
from emotionscope.io import tables
from emotionscope.io.output import open_output

keyframes, models, output = sys.argv[1:]
ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
with ray_session.connect():
    dataset = tables.open_dataset(keyframes, "keyframes")
    gpus = gpu_pool.Gpus(1, 0.25, device="cpu")
    place = open_output(output, "score", {}, dataset)
    runner.run(pipeline.scoring_job(dataset, place, 50, store.load(models), gpus=gpus))
"""


def probabilities(table: pa.Table) -> np.ndarray:
    columns = [column for model in MODELS for column in probability_columns(model)]
    return table.select(columns).to_pandas().to_numpy()


def test_the_plan_for_gpus_gives_every_row_once_in_order(obvious: Path, scored: str, tmp_path: Path) -> None:
    output = tmp_path / "scores"
    command = [sys.executable, "-c", PLAN, f"{obvious}/keyframes", f"{obvious}/bundle", f"{output}"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=300)
    ours, theirs = scores_of(str(output)), scores_of(scored)
    keys = [name for name in ours.column_names if not pa.types.is_floating(ours.schema.field(name).type)]
    assert ours.select(keys).equals(theirs.select(keys))
    np.testing.assert_allclose(probabilities(ours), probabilities(theirs), atol=1e-5)
    assert len(list(output.glob("part-*"))) == len(list(Path(scored).glob("part-*")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use the GPU of this machine")
def test_a_gpu_that_torch_cannot_use_is_one_line(obvious: Path, tmp_path: Path) -> None:
    with head_node(tmp_path, 2, "--num-gpus=1") as address:
        done = run_job("jobs.score", *score_flags(obvious, tmp_path / "scores"), RAY_ADDRESS=address["ray"])
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert "--no-use-gpu" in line


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_says_the_same() -> None:
    model = vision_model.create(32, seed=1)
    faces = np.stack([model.decode(drawn_face(seed)) for seed in range(5)])
    plain = model.predict(faces)
    # A CPU that computes in bfloat16 rounds to three digits, and a compiled network rounds at other places.
    np.testing.assert_allclose(model.compile().predict(faces), plain, atol=0.01)
    assert model.predict(faces[:0]).shape == (0, 7)
