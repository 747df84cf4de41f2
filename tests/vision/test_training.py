"""Vision training on Ray: it learns, survives a killed worker and a killed driver, and never waits for ever."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import ray
import torch

from emotionscope.bundle import store as bundle_store
from emotionscope.commands.train_vision import TrainVision, called, run
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.vision import labelled_faces, trainer
from emotionscope.vision import model as vision_model
from emotionscope.vision.augmentation import augment
from emotionscope.vision.recipe import Recipe
from tests.conftest import ROOT, shell
from tests.helpers.drawn_faces import TRAINING, drawn_face, training_flags


def published(uri: str) -> tuple[vision_model.VisionModel, dict[str, Any]]:
    """The vision model of a bundle, and what is recorded of it."""
    entry = bundle_store.read_manifest(uri)["parts"]["vision"]
    return vision_model.VisionModel.from_bytes((Place(uri) / (entry["file"])).read_bytes()), entry


def test_two_workers_learn_every_emotion_by_its_name(trained: str, faces: str) -> None:
    model, entry = published(trained)
    told = model.probabilities([drawn_face(k, seed=900 + k) for k in range(7)]).argmax(axis=1)
    assert [EMOTIONS[k] for k in told] == list(EMOTIONS)
    assert entry["dev"]["n"] == 71  # whole, though two workers share it
    assert entry["test"]["n"] == 70
    assert entry["test"]["weighted_f1"] > 0.9
    assert entry["left_out"] == {"image unreadable": 3}
    assert len(entry["epochs"]) == 3
    assert entry["epochs"][entry["best_epoch"] - 1]["dev_f1"] == max(epoch["dev_f1"] for epoch in entry["epochs"])
    assert entry["epochs"][entry["best_epoch"] - 1]["dev_f1"] == pytest.approx(entry["dev"]["weighted_f1"])
    assert not Place(f"{trained}-training").exists()
    with pytest.raises(UserError, match="--replace"):
        run(TrainVision(keyframes=faces, bundle=trained, **TRAINING))


@pytest.mark.slow
def test_a_training_whose_driver_and_then_a_worker_are_killed_ends_as_if_they_had_not_been(
    trained: str, faces: str, tmp_path: Path
) -> None:
    uri = str(tmp_path / "bundle")
    with started(faces, uri) as job:
        until(job, "epoch   1")
        job.kill()
    with pytest.raises(UserError, match="other settings"):
        run(TrainVision(keyframes=faces, bundle=uri, **{**TRAINING, "epochs": 5}))
    with started(faces, uri) as job:
        lines = until(job, "epoch   2")
        os.kill(training_workers()[-1], signal.SIGKILL)
        lines += until(job, "published")
    assert not any(line.startswith("epoch   1") for line in lines)
    assert any("failed" in line for line in lines)
    (model, entry), (expected, before) = published(uri), published(trained)
    assert [epoch["dev_f1"] for epoch in entry["epochs"]] == [epoch["dev_f1"] for epoch in before["epochs"]]
    labels = [drawn_face(k) for k in range(7)]
    np.testing.assert_allclose(model.probabilities(labels), expected.probabilities(labels), atol=1e-3)


def started(faces: str, bundle: str) -> "subprocess.Popen[str]":
    """The job as a user starts it, on the Ray of the tests."""
    command = [sys.executable, "-m", "jobs.train_vision", "--keyframes", faces, "--bundle", bundle]
    command += training_flags()
    environment = shell(RAY_ADDRESS=ray.get_runtime_context().gcs_address)
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def until(job: "subprocess.Popen[str]", beginning: str) -> list[str]:
    """The lines that a job prints up to the first that begins so."""
    lines: list[str] = []
    for line in job.stdout or ():
        lines.append(line)
        if line.startswith(beginning):
            return lines
    raise AssertionError(lines)


def training_workers() -> list[int]:
    # The public way to list actors needs the dashboard.
    return [
        actor["Pid"]
        for actor in ray._private.state.actors().values()
        if actor["ActorClassName"] == "RayTrainWorker" and actor["State"] == "ALIVE"
    ]


@pytest.mark.slow
def test_one_worker_reaches_what_two_reach_also_where_the_store_is_too_small(
    trained: str, faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "OBJECT_STORE_SHARE", 0)
    recipe = Recipe(**{name: TRAINING[name] for name in ("epochs", "batch_size", "learning_rate", "augmentation")})
    start = vision_model.create(TRAINING["image_size"])
    alone = trainer.train(labelled_faces.scan(faces), start, recipe, workers=1, gpu=False, run=str(tmp_path / "run"))
    one, two = alone.figures["test"]["accuracy"], published(trained)[1]["test"]["accuracy"]
    assert one == pytest.approx(two, abs=0.05)
    assert one > 0.9


def test_the_model_answers_for_the_prior_that_is_recorded(
    trained: str, faces: str, tmp_path: Path, ray_cluster: object
) -> None:
    table = pq.read_table(faces)
    rare = pc.and_(pc.equal(table["split"], "train"), pc.equal(table["emotion"], "Anger"))
    few = [i for i, one in enumerate(rare.to_pylist()) if one][5:]
    uneven = str(tmp_path / "uneven.parquet")
    pq.write_table(table.take(np.setdiff1d(np.arange(len(table)), few)), uneven)
    answers, priors = [], []
    for power in (0.0, 1.0):
        uri = str(tmp_path / f"power-{power:g}")
        settings = {**TRAINING, "epochs": 0, "init": trained, "prior_power": power}
        run(TrainVision(keyframes=uneven, bundle=uri, **settings))
        model, entry = published(uri)
        answers.append(model.network.fc.bias.detach().numpy())
        priors.append(np.log([entry["prior"][emotion] for emotion in EMOTIONS]))
    moved, wanted = answers[1] - answers[0], priors[1] - priors[0]
    assert np.ptp(wanted) > 1
    np.testing.assert_allclose(moved - moved[0], wanted - wanted[0], atol=0.001)


def test_more_workers_than_cpus_are_refused(faces: str, tmp_path: Path, ray_cluster: object) -> None:
    with pytest.raises(UserError, match="take fewer"):
        run(TrainVision(keyframes=faces, bundle=str(tmp_path), **{**TRAINING, "workers": 64, "batch_size": 512}))


@pytest.mark.parametrize(
    ("nodes", "workers", "spare", "claim"),
    [
        ([1], 1, 0, 1),
        ([2], 2, 0, 1),
        ([2], 1, 0, 2),
        ([2], 1, 1, 1),
        ([4], 2, 1, 1),
        ([8, 8], 2, 0, 8),
        ([4, 4, 4], 2, 1, 4),
    ],
)
def test_workers_claim_what_leaves_room_for_the_data(nodes: list[float], workers: int, spare: int, claim: int) -> None:
    assert trainer.worker_cpus(nodes, workers, spare) == claim


@pytest.mark.parametrize(("nodes", "workers", "spare"), [([1], 2, 0), ([2], 2, 1), ([1], 1, 1), ([2, 0.5], 3, 0)])
def test_workers_that_would_wait_for_ever_are_refused(nodes: list[float], workers: int, spare: int) -> None:
    with pytest.raises(UserError, match="--workers"):
        trainer.worker_cpus(nodes, workers, spare)


def test_checkpoints_never_mix_with_other_files(tmp_path: Path, ray_cluster: object) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        trainer.acquire_run_dir(str(tmp_path), {})
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_weights_that_are_nowhere_are_refused_before_anything_is_written(faces: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: not a bundle"):
        run(TrainVision(keyframes=faces, bundle=str(tmp_path / "bundle"), init="nowhere", **TRAINING))
    assert not os.listdir(tmp_path)


def test_the_record_of_a_start_tells_no_path(tmp_path: Path) -> None:
    version = bundle_store.read_manifest(bundle_store.SHIPPED)["version"]
    assert called(bundle_store.SHIPPED) == f"{bundle_store.SHIPPED.name}@{version}"
    (tmp_path / "weights.safetensors").touch()
    assert called(f"{tmp_path}/weights.safetensors") == "weights.safetensors"
    assert called("none") == "none"


def test_augmentation_differs_by_face_and_repeats_with_its_seed() -> None:
    faces = torch.full((64, 1, 32, 32), 0.5)
    faces[:, :, 8:24, 4:16] = 0.9
    first, again = (augment(faces, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == faces.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert len({face.numpy().tobytes() for face in first}) == 64
    assert augment(faces, torch.Generator(), 1.0, 24).shape == (64, 1, 24, 24)
    bright = first.flatten(1).argmax(1) % 32
    assert 0.2 < float((bright >= 16).float().mean()) < 0.8  # about half are mirrored
