"""Keyframes to scores, beside the network's forward pass alone: torchvision's ResNet-18 on faces that are tensors."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import torch
from torchvision.models import resnet18

from benchmarks.rounds import OURS, Contest
from emotionscope import bundle, pipeline, shards, tables
from emotionscope.vision import BATCH

FACES = 4  # a row
SHARD = 128  # rows
FEW, MANY = 2 * SHARD * FACES, 10 * SHARD * FACES  # faces
FLOOR = "ResNet-18, forward alone"


@contextmanager
def contest(images: Sequence[bytes], uri: str) -> Iterator[Contest]:
    """Encoded faces, repeated, to scores with the bundle at `uri`; Ray must run."""
    models = bundle.load(uri)
    assert models.vision is not None
    cores = os.cpu_count() or 1
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(cores, _start, (models.vision.image_size,)) as pool,
    ):
        for count in (FEW, MANY):
            tables.write_part(_keyframes(images, count // FACES), f"{folder}/{count}/part-0.parquet")

        def ours(count: int) -> None:
            dataset = tables.open_dataset(f"{folder}/{count}", "keyframes")
            with tempfile.TemporaryDirectory() as sink:
                output = shards.Output(f"{sink}/out", "score", {})
                pipeline.score(pipeline.Work(dataset, output, SHARD), models, None, None, 1)

        def floor(count: int) -> None:
            pool.map(forward, [BATCH] * (count // BATCH), 1)

        what = f"{MANY:,} faces of {models.vision.image_size} pixels, {FACES} an utterance, {cores} cores"
        yield Contest("Keyframes to scores", "face", what, {OURS: ours, FLOOR: floor}, FEW, MANY, {FLOOR: 0.85})


def _keyframes(images: Sequence[bytes], rows: int) -> pa.Table:
    box = {"x": 0, "y": 0, "w": 48, "h": 48}
    numbers = np.arange(rows * FACES).reshape(rows, FACES)
    about = {"box": box, "quality": 0.9}
    faces = [
        [about | {"time": k / 2, "person": k % 2, "image": images[n % len(images)]} for k, n in enumerate(row)]
        for row in numbers
    ]
    keys = {"dialogue_id": [str(row // 10) for row in range(rows)], "utterance_id": [row % 10 for row in range(rows)]}
    columns = {"utterance": [""] * rows, "faces": pa.array(faces, tables.FACES)}
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
