"""The plan for GPUs: the same rows as on CPUs, whole shards, and one line where a GPU cannot be used.

Ray is told of a GPU that is not there; where torch then computes is told apart from it.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from emotionscope.labels import MODELS, probability_columns
from emotionscope.vision import model as vision_model
from tests.conftest import ROOT, made_once, scores_of, shell
from tests.helpers.drawn_faces import drawn_face

PLAN = """
import sys
import ray
from emotionscope import cli, ray_session
from emotionscope.batch import gpu_pool, model_loading, pipeline, runner
from emotionscope.tables import datasets
from emotionscope.runs.run import begin
from emotionscope.commands import score

keyframes, models, output = sys.argv[1:]
ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
with ray_session.connect():
    dataset = datasets.open_dataset(keyframes, "keyframes")
    gpus = gpu_pool.Gpus(1, 0.25, device="cpu")
    place = begin(output, "score", {}, dataset)
    runner.run(pipeline.scoring_job(dataset, place, 25, model_loading.load(models, True, True), gpus=gpus))
print("---", file=sys.stderr, flush=True)
cli.main(score.run, ["--keyframes", keyframes, "--bundle", models, "--output", f"{output}-on-gpu"])
"""


def probabilities(table: pa.Table) -> np.ndarray:
    columns = [column for model in MODELS for column in probability_columns(model)]
    return table.select(columns).to_pandas().to_numpy()


@pytest.fixture(scope="module")
def planned(obvious: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the `scores` that the plan for GPUs gives on CPUs, and how the job `ended` on the GPU."""

    def make(folder: Path) -> None:
        folder.mkdir()
        command = [sys.executable, "-c", PLAN, f"{obvious}/keyframes", f"{obvious}/bundle", f"{folder}/scores"]
        environment = shell(RAY_ADDRESS="local")
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        (folder / "ended").write_text(json.dumps([done.returncode, done.stderr]))

    return made_once(tmp_path_factory, "planned", make)


def test_the_plan_for_gpus_gives_every_row_once_in_order(planned: Path, scored: str) -> None:
    output = planned / "scores"
    assert (output / "_summary.json").exists(), (planned / "ended").read_text()
    ours, theirs = scores_of(str(output)), scores_of(scored)
    keys = [name for name in ours.column_names if not pa.types.is_floating(ours.schema.field(name).type)]
    assert ours.select(keys).equals(theirs.select(keys))
    np.testing.assert_allclose(probabilities(ours), probabilities(theirs), atol=1e-5)
    assert len(list(output.glob("part-*"))) == len(list(Path(scored).glob("part-*")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use the GPU of this machine")
def test_a_gpu_that_torch_cannot_use_is_one_line(planned: Path) -> None:
    code, told = json.loads((planned / "ended").read_text())
    assert code == 1
    (line,) = told.split("---\n")[1].splitlines()
    assert line.startswith("error: ")
    assert "--no-use-gpu" in line


def test_a_compiled_network_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the kernels, which a C++ compiler would build for a minute.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    model = vision_model.create(32, seed=1)
    faces = np.stack([model.decode(drawn_face(seed)) for seed in range(5)])
    plain = model.predict(faces)
    np.testing.assert_allclose(model.compile().predict(faces), plain, atol=0.01)  # bfloat16 has three digits
    assert model.predict(faces[:0]).shape == (0, 7)
