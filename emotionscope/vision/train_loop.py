"""What each training worker runs: the epochs, their figures and their checkpoints.

Everything random is drawn from the seed, the epoch and the worker's rank, and a checkpoint holds the rest
(weights, the optimizer's moments, best weights, history). So a run that was stopped ends as one that was not.
"""

import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.train
import torch
import torch.distributed
from ray.train.torch import prepare_model
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotionscope import metrics
from emotionscope.vision.augmentation import augment
from emotionscope.vision.model import BATCH, VisionModel, mixed_precision

SHUFFLE = 256 * 2**20  # bytes of faces that a worker mixes at a time
WARM_UP = 0.08  # share of the steps over which the learning rate rises


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to learn: AdamW (Loshchilov & Hutter 2019), with a rise and a cosine fall of the learning rate.

    `batch_size` is that of all workers together. A class counts by its frequency to the power of `-class_power`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    class_power: float = 0.5
    augmentation: float = 1.0
    seed: int = 0


@dataclass
class _State:
    """Where a run stands after an epoch: the weights are in the model and the optimizer."""

    epoch: int
    best_epoch: int
    epochs: list[dict[str, float]]


def work(config: dict[str, Any]) -> dict[str, Any]:
    """What each training worker runs."""
    recipe: Recipe = config["recipe"]
    torch.set_num_threads(config["threads"])
    rank, world = ray.train.get_context().get_world_rank(), ray.train.get_context().get_world_size()
    # All workers together make one step of `batch_size` faces, however many are left of them.
    batch = max(1, min(recipe.batch_size, config["rows"]["train"]) // world)
    config |= {"batch": batch, "steps": config["rows"]["train"] // world // batch}
    model = VisionModel.from_bytes(ray.get(config["start"]))
    network = model.network
    learner = prepare_model(network)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    state = _State(0, 0, [])
    checkpoint = ray.train.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            state = _load(Path(folder), network, optimizer, best)
    shards = {split: ray.train.get_dataset_shard(split) for split in config["rows"]}
    while state.epoch < recipe.epochs:
        began = time.monotonic()
        loss = _epoch(learner, model, optimizer, shards["train"], config, state.epoch, rank)
        seconds = time.monotonic() - began
        state.epoch += 1
        if world > 1:
            for buffer in network.buffers():  # each worker has its own batch statistics
                torch.distributed.broadcast(buffer, 0)
        f1 = _figures(model, shards["dev"], rank, world, mirror=False)["weighted_f1"]
        if not state.epochs or f1 > max(entry["dev_f1"] for entry in state.epochs):
            state.best_epoch = state.epoch
            best = {name: value.clone() for name, value in network.state_dict().items()}
        rate = config["steps"] * config["batch"] * world / seconds
        report = {"epoch": state.epoch, "loss": loss, "dev_f1": f1, "rate": rate, "best_epoch": state.best_epoch}
        state.epochs.append(report)
        with tempfile.TemporaryDirectory() as folder:
            saved = None
            if rank == 0:
                _save(Path(folder), network, optimizer, best, state)
                saved = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(report, checkpoint=saved)
    network.load_state_dict(best)
    figures = {split: _figures(model, shards[split], rank, world, model.mirror) for split in shards if split != "train"}
    result = {"figures": figures, "epochs": state.epochs, "best_epoch": state.best_epoch}
    return result | {"model": model.to_bytes()} if rank == 0 else result


def _epoch(
    learner: torch.nn.Module,
    model: VisionModel,
    optimizer: torch.optim.Optimizer,
    shard: Any,
    config: dict[str, Any],
    epoch: int,
    rank: int,
) -> float:
    """Learn from every training face of this worker once. Returns the mean loss."""
    recipe: Recipe = config["recipe"]
    device = model.network.fc.weight.device
    (seed,) = np.random.SeedSequence([recipe.seed, epoch, rank]).generate_state(1)
    generator = torch.Generator(device).manual_seed(int(seed))
    class_weights = torch.tensor(config["class_weights"], device=device)
    total, steps = torch.zeros((), device=device), 0
    learner.train()
    batches = shard.iter_torch_batches(
        batch_size=config["batch"],
        drop_last=True,
        prefetch_batches=2,
        local_shuffle_buffer_size=max(config["batch"], SHUFFLE // model.image_size**2),
        local_shuffle_seed=int(seed),
    )
    for batch in batches:
        step = epoch * config["steps"] + steps
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(step / (recipe.epochs * config["steps"]))
        pixels = augment(batch["face"][:, None].float() / 255, generator, recipe.augmentation)
        with mixed_precision(device):
            scores = learner(model.normalise(pixels))
        weights = class_weights[batch["label"]] * batch["weight"] * config["face_weight"]
        losses = cross_entropy(scores.float(), batch["label"], reduction="none", label_smoothing=recipe.label_smoothing)
        loss = (losses * weights).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
        steps += 1
    learner.eval()
    return float(total) / max(steps, 1)


def _schedule(done: float) -> float:
    """The learning rate's share of its peak after a share of all steps: a linear rise, then half a cosine."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))


def _figures(model: VisionModel, shard: Any, rank: int, world: int, mirror: bool) -> dict[str, Any]:
    """Figures over a whole split; the workers share its batches. Mirror images take twice the time."""
    truth, predicted = [], []
    for index, batch in enumerate(shard.iter_batches(batch_size=BATCH, batch_format="numpy")):
        if index % world == rank:
            truth.append(batch["label"])
            predicted.append(model.predict(batch["face"], mirror))
    shares: list[Any] = [(truth, predicted)]
    if world > 1:
        shares = [None] * world
        torch.distributed.all_gather_object(shares, (truth, predicted))
    return metrics.headline(*(np.concatenate([part for share in shares for part in share[i]]) for i in (0, 1)))


def _save(
    folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor], state: _State
) -> None:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "run.safetensors", {"state": json.dumps(asdict(state))})


def _load(folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor]) -> _State:
    """Take up a run where `_save` left it."""
    moments: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    with safe_open(folder / "run.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118 (it is no dict)
            kind, rest = name.split(".", 1)
            if kind == "network":
                weights[rest] = file.get_tensor(name)
            elif kind == "best":
                best[rest] = file.get_tensor(name)
            else:
                index, moment = rest.split(".")
                moments.setdefault(int(index), {})[moment] = file.get_tensor(name)
        state = _State(**json.loads(file.metadata()["state"]))
    network.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return state
