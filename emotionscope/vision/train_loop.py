"""What each training worker runs: the epochs, their figures and their checkpoints.

Everything random is drawn from the seed, the epoch and the worker's rank, and a checkpoint holds the rest (weights and
their average, the optimizer's moments, best weights, history). So a run that was stopped ends as one that was not.
"""

import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.data
import ray.train
import torch
import torch.distributed
from ray.train.torch import prepare_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from emotionscope import metrics
from emotionscope.vision.augmentation import augment
from emotionscope.vision.model import BATCH, VisionModel, mixed_precision
from emotionscope.vision.recipe import Outcome, TrainLoopConfig

SHUFFLE = 256 * 2**20  # bytes of faces that a worker mixes at a time
WARM_UP = 0.08  # share of the steps over which the learning rate rises
AVERAGING = 0.998  # share of the averaged weights that a step keeps; less in the first steps
CHECKPOINT = "run.pt"


class _Learner:
    """One worker's share of a run: the network, the running average of its weights, and how far it has come.

    The average (Polyak & Juditsky 1992), kept over about the last two epochs, is what is measured and published.
    """

    def __init__(self, config: TrainLoopConfig) -> None:
        self.config, self.recipe = config, config.recipe
        context = ray.train.get_context()
        self.rank, self.world = context.get_world_rank(), context.get_world_size()
        # All workers together make one step of `batch_size` faces, however many are left of them.
        self.batch = max(1, min(self.recipe.batch_size, config.rows["train"]) // self.world)
        self.steps = config.rows["train"] // self.world // self.batch
        self.model = VisionModel.from_bytes(ray.get(config.start))
        network = self.model.network
        self.prepared = prepare_model(network)
        rate, decay = self.recipe.learning_rate, self.recipe.weight_decay
        # Biases and the scales of normalisation are not drawn to zero.
        weights, others = ([p for p in network.parameters() if (p.ndim > 1) is several] for several in (True, False))
        groups: list[dict[str, object]] = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, rate, weight_decay=decay)
        self.schedule = LambdaLR(self.optimizer, lambda step: _share(step / max(1, self.recipe.epochs * self.steps)))
        self.average = AveragedModel(network, multi_avg_fn=_average, use_buffers=True)
        self.best = _copy(self.average.module)
        self.epochs: list[dict[str, float]] = []
        self.best_epoch = 0

    @property
    def averaged(self) -> VisionModel:
        """The model with the averaged weights."""
        settings = {name: getattr(self.model, name) for name in ("mean", "std", "mirror")}
        return VisionModel(self.average.module, self.model.image_size, **settings)

    def load(self, folder: Path) -> None:
        """Take up a run where `save` left it."""
        state = torch.load(folder / CHECKPOINT, map_location=self.model.network.fc.weight.device, weights_only=True)
        for name in ("optimizer", "schedule", "average"):
            getattr(self, name).load_state_dict(state[name])
        self.model.network.load_state_dict(state["network"])
        self.best, self.epochs, self.best_epoch = state["best"], state["epochs"], state["best_epoch"]

    def save(self, folder: Path) -> None:
        """Write all that a stopped run needs to go on."""
        state = {name: getattr(self, name).state_dict() for name in ("optimizer", "schedule", "average")}
        state["network"] = self.model.network.state_dict()
        torch.save(
            state | {name: getattr(self, name) for name in ("best", "epochs", "best_epoch")}, folder / CHECKPOINT
        )

    def epoch(self, shard: Any) -> float:
        """Learn from every training face of this worker once. Returns the mean loss."""
        device = self.model.network.fc.weight.device
        (seed,) = np.random.SeedSequence([self.recipe.seed, len(self.epochs), self.rank]).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed))
        divided_out = torch.tensor(self.config.divided_out, dtype=torch.float32, device=device)
        total, steps = torch.zeros((), device=device), 0
        self.prepared.train()
        batches = shard.iter_torch_batches(
            batch_size=self.batch,
            drop_last=True,
            prefetch_batches=2,
            local_shuffle_buffer_size=max(self.batch, SHUFFLE // self.model.image_size**2),
            local_shuffle_seed=int(seed),
        )
        for batch in batches:
            pixels = batch["face"][:, None].float() / 255
            pixels = augment(pixels, generator, self.recipe.augmentation, self.recipe.train_size)
            with mixed_precision(device):
                scores = self.prepared(self.model.normalise(pixels))
            scores = scores.float() + divided_out
            smoothing = self.recipe.label_smoothing
            losses = cross_entropy(scores, batch["target"], reduction="none", label_smoothing=smoothing)
            loss = (losses * batch["weight"] * self.config.face_weight).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            self.average.update_parameters(self.model.network)
            total += loss.detach()
            steps += 1
        self.prepared.eval()
        if self.world > 1:
            for buffer in (*self.model.network.buffers(), *self.average.module.buffers()):
                torch.distributed.broadcast(buffer, 0)  # each worker has its own batch statistics
        return float(total) / max(steps, 1)

    def predict(self, model: VisionModel, shard: Any, *, mirror: bool) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest label int [n] and the probabilities float [n, 7] of a whole split; the workers share it."""
        truth, predicted = [], []
        for index, batch in enumerate(shard.iter_batches(batch_size=BATCH, batch_format="numpy")):
            if index % self.world == self.rank:
                truth.append(batch["target"].argmax(axis=1))
                predicted.append(model.predict(batch["face"], mirror))
        shares: list[Any] = [(truth, predicted)]
        if self.world > 1:
            shares = [None] * self.world
            torch.distributed.all_gather_object(shares, (truth, predicted))
        whole = [np.concatenate([part for share in shares for part in share[i]]) for i in (0, 1)]
        return whole[0], whole[1]


def train(config: TrainLoopConfig) -> Outcome | None:
    """Run a worker's part of a training; the first worker has the outcome."""
    torch.set_num_threads(config.threads)
    learner = _Learner(config)
    checkpoint = ray.train.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            learner.load(Path(folder))
    shards = {split: ray.train.get_dataset_shard(split) for split in config.rows}
    while len(learner.epochs) < learner.recipe.epochs:
        began = time.monotonic()
        loss = learner.epoch(shards["train"])
        seconds = time.monotonic() - began
        f1 = metrics.headline(*learner.predict(learner.averaged, shards["dev"], mirror=False))["weighted_f1"]
        number = len(learner.epochs) + 1
        if not learner.epochs or f1 > max(entry["dev_f1"] for entry in learner.epochs):
            learner.best_epoch, learner.best = number, _copy(learner.average.module)
        rate = learner.steps * learner.batch * learner.world / seconds
        report = {"epoch": number, "loss": loss, "dev_f1": f1, "rate": rate, "best_epoch": learner.best_epoch}
        learner.epochs.append(report)
        with tempfile.TemporaryDirectory() as folder:
            saved = None
            if learner.rank == 0:
                learner.save(Path(folder))
                saved = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(report, checkpoint=saved)
    return _finish(learner, {split: shard for split, shard in shards.items() if split != "train"})


def _finish(learner: _Learner, shards: Mapping[str, ray.data.DataIterator]) -> Outcome | None:
    """The best epoch's model, its scores divided by the temperature that fits dev, and its figures by split."""
    learner.average.module.load_state_dict(learner.best)
    model = learner.averaged
    # With the prior put back, as dev has it: a temperature above or below 1 would else divide out more or less of it.
    prior = np.array(learner.config.divided_out)
    truth, probabilities = learner.predict(model, shards["dev"], mirror=model.mirror)
    warmth = metrics.temperature(truth, probabilities * np.exp(prior))
    with torch.no_grad():
        weight, bias = model.network.fc.parameters()
        weight /= warmth
        bias.copy_((bias + bias.new_tensor(prior)) / warmth - bias.new_tensor(prior))
    figures = {}
    for split, shard in shards.items():
        truth, probabilities = learner.predict(model, shard, mirror=model.mirror)
        figures[split] = metrics.headline(truth, probabilities) | {
            "per_emotion": metrics.per_emotion(truth, probabilities)
        }
    if learner.rank > 0:
        return None
    return Outcome(model.to_bytes(), learner.config.rows, figures, learner.epochs, learner.best_epoch, warmth)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _average(averages: Any, current: Any, steps: Tensor | int) -> None:
    """Take another step into the running average, in place; the first steps, which are far off, are soon forgotten."""
    get_ema_multi_avg_fn(min(AVERAGING, (1 + float(steps)) / (10 + float(steps))))(averages, current, steps)


def _share(done: float) -> float:
    """The learning rate's share of its peak after a share of all steps: a linear rise, then half a cosine."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - WARM_UP) / (1 - WARM_UP))))
