"""Training configuration and result."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import JsonObject

if TYPE_CHECKING:
    import ray


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to learn: AdamW (Loshchilov & Hutter 2019), with a rise and a cosine fall of the learning rate.

    `batch_size` is that of all workers together. Of how often each emotion occurs in the faces, `prior_power` is
    divided out of the answers (logit adjustment, Menon et al. 2021): 0 keeps it, 1 answers as if all occurred alike.
    The faces are learnt from in random parts of `train_size` pixels, where that is less than the model's image size:
    less work, and no worse on whole faces (Touvron et al. 2019).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    prior_power: float = 0.5
    augmentation: float = 1.0
    train_size: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainLoopConfig:
    """The configuration of every training worker.

    `start` refers to the bytes of the model to train, `rows` counts each split's faces, `divided_out` is what is
    divided out of the seven emotions' answers, as logarithms, and `face_weight` times a face's own weight is that in
    the loss. `threads` are those of a worker.
    """

    recipe: Recipe
    start: "ray.ObjectRef[bytes]"
    rows: dict[str, int]
    divided_out: list[float]
    face_weight: float
    threads: int


@dataclass(frozen=True)
class Outcome:
    """The model of the best epoch as bytes, its figures by split, and what was reported for each epoch.

    `rows` counts each split's faces that could be read. `temperature` is what the model's scores were divided by so
    that they fit dev.
    """

    model: bytes
    rows: dict[str, int]
    figures: dict[str, JsonObject]
    epochs: list[dict[str, float]]
    best_epoch: int
    temperature: float


def prior_of_answers(counts: np.ndarray, power: float) -> dict[str, float]:
    """How often each emotion occurs in what a model answers for that has `power` of its faces' prior divided out.

    `counts` is float [7], the training faces by emotion, in `EMOTIONS` order.
    """
    shares = (np.maximum(counts, 1) / np.sum(counts)) ** (1 - power)
    return dict(zip(EMOTIONS, (shares / shares.sum()).tolist(), strict=True))
