"""Keyframes to scores, beside the network's forward pass alone: torchvision's ResNet-18 on faces that are tensors.

Where there are GPUs both run there, the floor on one of them with the batch that is quickest.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import torch
from torchvision.models import resnet18

from benchmarks.rounds import OURS, Contest
from emotionscope.batch import pipeline
from emotionscope.batch.gpu_pool import Gpus
from emotionscope.bundle import store as bundle_store
from emotionscope.io import contracts, shards, tables
from emotionscope.vision.model import BATCH, mixed_precision

FACES = 4  # a row
SHARD = 128  # rows
FEW, MANY = 2 * SHARD * FACES, 10 * SHARD * FACES  # faces
ON_GPUS = 20  # times as many faces there
BATCHES = (256, 512, 1024, 2048, 4096)  # faces a forward pass on a GPU
FLOOR = "ResNet-18, forward alone"


@contextmanager
def contest(images: Sequence[bytes], uri: str, on: Gpus | None) -> Iterator[Contest]:
    """Encoded faces, repeated, to scores with the bundle at `uri`, `on` GPUs if given; Ray must run."""
    models = bundle_store.load(uri)
    assert models.vision is not None
    size, cores = models.vision.image_size, os.cpu_count() or 1
    few, many = (count * (ON_GPUS if on else 1) for count in (FEW, MANY))
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(cores, _start, (size,)) as pool,
    ):
        for count in (few, many):
            tables.write_part(_keyframes(images, count // FACES), f"{folder}/{count}/part-0.parquet")

        def ours(count: int) -> None:
            dataset = tables.open_dataset(f"{folder}/{count}", "keyframes")
            with tempfile.TemporaryDirectory() as sink:
                output = shards.Output(f"{sink}/out", "score", {})
                pipeline.score(pipeline.Work(dataset, output, SHARD), models, on, None, 1)

        def on_cpus(count: int) -> None:
            pool.map(forward, [BATCH] * (count // BATCH), 1)

        where = f"{on.count} GPU{'s'[: on.count > 1]}, bare forward on one" if on else f"{cores} cores"
        what = f"{many:,} faces of {size} pixels, {FACES} an utterance, {where}"
        floor = _OnGpu(size, on.device) if on else on_cpus
        yield Contest("Keyframes to scores", "face", what, {OURS: ours, FLOOR: floor}, few, many, {FLOOR: 0.85})


class _OnGpu:
    """The forward pass on a GPU, in the precision and the batch that are quickest there."""

    def __init__(self, size: int, device: str) -> None:
        self.size, self.device = size, torch.device(device)
        self.network = resnet18(num_classes=7).eval().to(self.device, memory_format=torch.channels_last)
        self.batch = min(BATCHES, key=self._seconds)

    def __call__(self, faces: int) -> None:
        self._forward(self.batch, faces // self.batch)

    def _seconds(self, batch: int) -> float:
        self._forward(batch, 1)
        began = time.perf_counter()
        self._forward(batch, 4 * max(BATCHES) // batch)
        return time.perf_counter() - began

    @torch.inference_mode()
    def _forward(self, batch: int, times: int) -> None:
        pixels = torch.zeros(batch, 3, self.size, self.size, device=self.device)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            for _ in range(times):
                result = self.network(pixels)
        result.cpu()  # waits for the GPU


def _keyframes(images: Sequence[bytes], rows: int) -> pa.Table:
    box = {"x": 0, "y": 0, "w": 48, "h": 48}
    numbers = np.arange(rows * FACES).reshape(rows, FACES)
    about = {"box": box, "quality": 0.9}
    faces = [
        [about | {"time": k / 2, "person": k % 2, "image": images[n % len(images)]} for k, n in enumerate(row)]
        for row in numbers
    ]
    keys = {"dialogue_id": [str(row // 10) for row in range(rows)], "utterance_id": [row % 10 for row in range(rows)]}
    columns = {"utterance": [""] * rows, "faces": pa.array(faces, contracts.FACES)}
    return pa.table({**keys, **columns, "video_error": pa.nulls(rows, pa.string())})


_network: torch.nn.Module
_size: int


def _start(size: int) -> None:
    global _network, _size
    torch.set_num_threads(1)
    _network, _size = resnet18(num_classes=7).eval().to(memory_format=torch.channels_last), size


@torch.inference_mode()
def forward(batch: int) -> float:
    """One forward pass of torchvision's network over a batch of faces."""
    pixels = torch.from_numpy(np.zeros((batch, 3, _size, _size), np.float32))
    return float(_network(pixels.contiguous(memory_format=torch.channels_last)).sum())
