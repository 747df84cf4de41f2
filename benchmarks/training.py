"""Training, beside a plain PyTorch loop: the same faces, random changes, batch, precision and optimizer.

Ours is the whole job for one epoch: Ray Data decodes, Ray Train's worker learns, dev is measured and a bundle is
written. The loop has all faces in memory and does none of that.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import torch
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from benchmarks.measure import OURS, Benchmark
from emotionscope.commands import train_vision
from emotionscope.commands.settings import TrainVision
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets
from emotionscope.vision import model as vision_model
from emotionscope.vision.augmentation import augment

SIZE, BATCH = 64, 128
DEV = 70  # faces
FEW, MANY = 4 * BATCH, 28 * BATCH  # faces; so many that a job's start, a second longer or shorter, counts little
PEER = "plain PyTorch loop"


@contextmanager
def benchmark(images: Sequence[bytes], gpus: int) -> Iterator[Benchmark]:
    """One epoch over encoded faces; their labels are made up, which costs no time. Ray must run."""
    device = torch.device("cuda" if gpus else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            datasets.write_part(_labelled(images, count), f"{folder}/{count}/part-0.parquet")
        model = vision_model.create(SIZE)
        pixels = np.stack([model.decode(images[number % len(images)]) for number in range(MANY)])

        def ours(count: int) -> None:
            with tempfile.TemporaryDirectory() as output, contextlib.redirect_stdout(io.StringIO()):
                places = {"keyframes": f"{folder}/{count}", "bundle": f"{output}/bundle"}
                sizes = {"epochs": 1, "batch_size": BATCH, "image_size": SIZE, "workers": 1}
                train_vision.run(TrainVision(**places, **sizes))  # type: ignore[arg-type]

        variants = {OURS: ours, PEER: lambda count: _loop(pixels[:count], device)}
        what = f"one epoch of {MANY:,} faces of {SIZE} pixels, batch {BATCH}"
        yield Benchmark("Training", "face", what, variants, FEW, MANY, {PEER: 0.9})


def _labelled(images: Sequence[bytes], count: int) -> pa.Table:
    numbers = range(count + DEV)
    columns = {
        "image": [images[n % len(images)] for n in numbers],
        "emotion": [EMOTIONS[n % len(EMOTIONS)] for n in numbers],
    }
    return pa.table({**columns, "split": ["train"] * count + ["dev"] * DEV})


def _loop(faces: np.ndarray, device: torch.device) -> None:
    """What one writes after reading PyTorch's tutorial and its page on speed."""
    network = resnet18(num_classes=len(EMOTIONS)).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(faces), generator=generator)
    labels = (order % len(EMOTIONS)).to(device)
    for start in range(0, len(faces), BATCH):
        chosen = order[start : start + BATCH]
        pixels = augment(torch.from_numpy(faces[chosen.numpy()])[:, None].float() / 255, generator)
        normal = ((pixels.to(device) - 0.5) / 0.25).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with vision_model.mixed_precision(device):
            loss = cross_entropy(network(normal), labels[start : start + BATCH])
        loss.backward()
        optimizer.step()
