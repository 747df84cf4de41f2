"""Training of the vision model on a Ray cluster: Ray Data decodes the faces, Ray Train's workers learn.

A run that was stopped, in whole or by the loss of a worker, goes on from the checkpoint of its last epoch.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import pyarrow as pa
import ray
import ray.train
from ray.data import DataContext, Dataset, ExecutionOptions
from ray.train.torch import TorchTrainer
from ray.util.queue import Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from emotionscope import ray_session
from emotionscope.errors import UserError, first_line
from emotionscope.storage import s3
from emotionscope.storage.place import JsonObject, Place
from emotionscope.vision.callbacks import Lines, fit
from emotionscope.vision.labelled_faces import LabelledFaces, RowGroup, read
from emotionscope.vision.model import VisionModel
from emotionscope.vision.recipe import Outcome, Recipe, TrainLoopConfig
from emotionscope.vision.worker import train_loop_per_worker

BLOCK = 4 * 2**20  # bytes; small blocks mix well
OBJECT_STORE_SHARE = 0.4  # of the object store, which decoded faces may fill; more are decoded anew in each epoch
RETRIES = 3  # of a run whose worker fails
# glibc would give a step's tensors back to the system and fault them in again at the next: a tenth of a CPU's time.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**32), "MALLOC_MMAP_THRESHOLD_": str(2**32)}
MOST_CPUS = 16  # a training worker takes


def worker_cpus(nodes: list[float], workers: int, spare: int) -> int:
    """The CPUs each training worker may claim so that all find a place and `spare` CPUs stay free for the data.

    `nodes` holds the logical CPUs of each node. Raises UserError where there are too few: a run that waits for
    CPUs its own workers hold would never end.
    """
    free = sorted(nodes)
    free[-1] -= spare
    for claim in range(min(MOST_CPUS, int(max(free))), 0, -1):
        if sum(int(node // claim) for node in free) >= workers:
            return claim
    wanted = f"{workers} worker{'s'[: workers > 1]}" + (f" and {spare} CPU for the data" if spare else "")
    raise UserError(f"--workers: {wanted} do not fit in {sum(nodes):g} CPUs on {len(nodes)} nodes; take fewer")


def train(
    faces: LabelledFaces,
    start: VisionModel,
    recipe: Recipe,
    *,
    workers: int,
    min_workers: int | None = None,
    gpu: bool,
    run: str,
    on_line: Callable[[str], None] = print,
) -> Outcome:
    """Train `start` on the faces and return the epoch that is best on dev.

    `run` is the folder or ``s3://`` prefix of the run's checkpoints: where it holds some, the run goes on from
    the last. `on_line` gets a line for people after each epoch. A worker that dies is replaced up to `RETRIES` times;
    where its node died too, the run waits for another, or goes on with at least `min_workers`. Raises
    UserError where the workers do not fit in the cluster.
    """
    nodes = [machine.get("CPU", 0.0) for machine in ray_session.machines()]
    size = start.image_size
    store = ray.cluster_resources().get("object_store_memory", 0)
    fits_in_object_store = sum(faces.faces.values()) * size * size <= OBJECT_STORE_SHARE * store
    # What a lost node held is made again, which takes a CPU that no worker may hold.
    cpus = 1 if gpu else worker_cpus(nodes, workers, 0 if fits_in_object_store and len(nodes) == 1 else 1)
    datasets = _datasets(faces, size, recipe.seed)
    if fits_in_object_store:
        datasets = {split: dataset.materialize() for split, dataset in datasets.items()}
    rows = {split: dataset.count() for split, dataset in datasets.items()}
    for split in ("train", "dev"):
        if not rows[split]:
            raise UserError(f"{faces.dataset.uri}: none of the images of split {split!r} can be read")
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    lines = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})  # elsewhere it could die with its node
    config = _train_loop_config(faces, rows, start, recipe, cpus)
    plan = _torch_trainer(datasets, config, cpus, (min_workers, workers) if min_workers else workers, gpu, run, lines)
    outcome: Outcome = fit(plan, lines, on_line).return_value
    return outcome


def _torch_trainer(
    datasets: dict[str, Dataset],
    config: TrainLoopConfig,
    cpus: int,
    workers: int | tuple[int, int],
    gpu: bool,
    run: str,
    lines: Queue,
) -> TorchTrainer:
    """The trainer of a run; it goes on from the run's last checkpoint, if there is one."""
    filesystem, path = Place(run).arrow()
    folder, name = path.rsplit("/", 1)
    # Ray's types describe the classes of Ray Train before version 2.
    trainer, run_config, scaling_config = cast(Any, (TorchTrainer, ray.train.RunConfig, ray.train.ScalingConfig))
    return cast(
        TorchTrainer,
        trainer(
            train_loop_per_worker,
            train_loop_config={"config": config},
            scaling_config=scaling_config(
                num_workers=workers,
                use_gpu=gpu,
                resources_per_worker={"CPU": cpus} | ({"GPU": 1} if gpu else {}),
            ),
            run_config=run_config(
                name=name,
                storage_path=folder,
                storage_filesystem=filesystem,
                checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
                failure_config=ray.train.FailureConfig(max_failures=RETRIES),
                worker_runtime_env={"env_vars": KEEP_MEMORY},
                callbacks=[Lines(lines, config.recipe.epochs)],
            ),
            datasets=datasets,
            dataset_config=ray.train.DataConfig(
                datasets_to_split=["train"], execution_options=ExecutionOptions(preserve_order=True)
            ),
        ),
    )


def acquire_run_dir(run: str, purpose: JsonObject) -> None:
    """Take a folder or prefix for a run's checkpoints, or go on with one taken for the same purpose.

    Raises UserError where it holds something else, was taken for another purpose (settings, data; JSON-able), or
    is a local folder that some node of the cluster does not see.
    """
    place, purpose = Place(run), json.loads(json.dumps(purpose))
    note = place / "run.json"
    if not note.exists() and place.list():
        raise UserError(f"{run}: holds other files; choose other --checkpoints")
    try:
        is_ours = note.create_json(purpose) or note.read_json() == purpose
    except OSError as error:
        raise UserError(f"{run}: cannot be written ({first_line(error)})") from error
    if not is_ours:
        raise UserError(f"{run}: holds a run with other settings or data; remove it, or choose other --checkpoints")
    seen = ray.remote(num_cpus=0)(os.path.exists)
    here = ray.get_runtime_context().get_node_id()
    for node in ray.nodes():
        if node["Alive"] and node["NodeID"] != here and not place.is_s3:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            if not ray.get(seen.options(scheduling_strategy=there).remote(note)):
                raise UserError(f"{run}: other nodes do not see it; give --checkpoints on s3:// or a shared folder")


def delete_run_dir(run: str) -> None:
    """Remove the checkpoints of a run that is finished."""
    filesystem, path = Place(run).arrow()
    filesystem.delete_dir(path)


def _train_loop_config(
    faces: LabelledFaces, rows: dict[str, int], start: VisionModel, recipe: Recipe, threads: int
) -> TrainLoopConfig:
    classes = faces.classes["train"]
    return TrainLoopConfig(
        recipe=recipe,
        start=ray.put(start.to_bytes()),
        rows=rows,
        divided_out=(recipe.prior_power * np.log(np.maximum(classes, 1) / classes.sum())).tolist(),
        face_weight=faces.faces["train"] / classes.sum(),  # so that the weights have mean 1
        threads=threads,
    )


def _datasets(faces: LabelledFaces, size: int, seed: int) -> dict[str, Dataset]:
    """One dataset a split, of decoded faces in an order that only the seed decides."""
    context = DataContext.get_current()
    context.target_max_block_size = BLOCK
    context.execution_options.preserve_order = True
    aws = s3.environment()

    def decoder(split: str) -> Callable[[pa.Table], Iterable[dict[str, np.ndarray]]]:
        def decode(block: pa.Table) -> Iterable[dict[str, np.ndarray]]:
            s3.use_environment(aws)
            for group in block.to_pylist():
                yield from read(RowGroup(**group), split, size)

        return decode

    datasets = {}
    for split, row_groups in faces.row_groups.items():
        if not row_groups:
            continue
        mixed = np.random.default_rng(seed).permutation(len(row_groups))
        items = ray.data.from_items([asdict(row_groups[i]) for i in mixed], override_num_blocks=len(row_groups))
        datasets[split] = items.map_batches(decoder(split), batch_size=None, batch_format="pyarrow")
    return datasets
