"""Training, beside a plain PyTorch loop: the same faces, random changes, batch, precision and optimizer.

Ours is the whole of `trainer.train` for one epoch: Ray Data decodes, Ray Train's worker learns, dev is measured and a
checkpoint written. The loop has all faces in memory and does none of that.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from benchmarks.rounds import OURS, Contest
from emotionscope.io import tables
from emotionscope.labels import EMOTIONS
from emotionscope.vision import labelled_faces, trainer
from emotionscope.vision import model as vision_model
from emotionscope.vision.augmentation import augment
from emotionscope.vision.model import mixed_precision
from emotionscope.vision.train_loop import Recipe

SIZE, BATCH = 64, 128
DEV = 70  # faces
FEW, MANY = 4 * BATCH, 20 * BATCH  # faces
PEER = "plain PyTorch loop"


@contextmanager
def contest(images: Sequence[bytes], gpu: bool) -> Iterator[Contest]:
    """One epoch over encoded faces, on a `gpu` or not; their labels are made up, which costs no time. Ray must run."""
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            tables.write_part(_faces(images, count), f"{folder}/{count}/part-0.parquet")
        start = vision_model.create(SIZE)
        pixels = np.stack([start.decode(images[number % len(images)]) for number in range(MANY)])

        def ours(count: int) -> None:
            with tempfile.TemporaryDirectory() as run:
                recipe = Recipe(epochs=1, batch_size=BATCH, learning_rate=1e-3)
                faces = labelled_faces.survey(f"{folder}/{count}")
                checkpoints = str(Path(run, "run"))
                trainer.claim(checkpoints, {})
                trainer.train(faces, start, recipe, workers=1, gpu=gpu, run=checkpoints, say=_silent)

        what = f"one epoch of {MANY:,} faces of {SIZE} pixels, batch {BATCH}"
        device = torch.device("cuda" if gpu else "cpu")
        ways = {OURS: ours, PEER: lambda count: _loop(pixels[:count], device)}
        yield Contest("Training", "face", what, ways, FEW, MANY, {PEER: 0.9})


def _silent(line: str) -> None:
    pass


def _faces(images: Sequence[bytes], count: int) -> pa.Table:
    rows = count + DEV
    return pa.table(
        {
            "image": [images[number % len(images)] for number in range(rows)],
            "emotion": [EMOTIONS[number % len(EMOTIONS)] for number in range(rows)],
            "split": ["train"] * count + ["dev"] * DEV,
        }
    )


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
        with mixed_precision(device):
            loss = cross_entropy(network(normal), labels[start : start + BATCH])
        loss.backward()
        optimizer.step()
