"""Synthetic faces for the training tests: one drawn shape a class, which any network can learn."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.labels import EMOTIONS

# Settings under which two workers soon learn them all.
TRAINING: dict[str, Any] = {
    "workers": 2,
    "epochs": 3,
    "batch_size": 14,
    "learning_rate": 0.001,
    "image_size": 32,
    "augmentation": 0.0,
}


def training_flags(**changes: object) -> list[str]:
    """`TRAINING` as flags of the job, with changes."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in {**TRAINING, **changes}.items()]


def drawn_face(label: int, seed: int = 0) -> bytes:
    """A disc with a bar across at a height that tells the label, JPEG 32 by 32."""
    random = np.random.default_rng(seed)
    image = np.full((32, 32), random.integers(70, 110), np.uint8)
    cv2.circle(image, (16, 16), 14, int(random.integers(150, 200)), -1)
    cv2.line(image, (3, 4 + 4 * label), (29, 4 + 4 * label), 255 if label % 2 else 0, 3)
    return bytes(cv2.imencode(".jpg", image)[1])


def write_faces(path: Path, splits: dict[str, int], broken: int = 0) -> Path:
    """Labelled images in Parquet, as many of each split as said; the first `broken` are no images."""
    rows = [
        {"split": split, "emotion": EMOTIONS[i % 7].title(), "image": drawn_face(i % 7, seed=i)}
        for split, count in splits.items()
        for i in range(count)
    ]
    for row in rows[:broken]:
        row["image"] = b"no image"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
    return path
