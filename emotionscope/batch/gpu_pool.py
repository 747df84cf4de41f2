"""Pools of actors that run the networks on GPUs, each on a share of one."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import ray
from ray.data import Dataset

from emotionscope import ray_private
from emotionscope.batch import counters
from emotionscope.errors import JobError, first_line

if TYPE_CHECKING:
    from emotionscope.vision.model import VisionModel


@dataclass(frozen=True)
class Gpus:
    """How many GPUs, the share of one that an actor takes, whether it compiles the network, torch's name for them.

    `pools` are the pools that share them.
    """

    count: int
    share: float = 0.5
    compile: bool = False
    device: str = "cuda"
    pools: int = 1


def predict_faces(data: Dataset, network: "ray.ObjectRef[VisionModel]", gpus: Gpus) -> Dataset:
    """`stages.predict_faces` over blocks of `stages.read_faces`, a block a time."""
    return _map(data, _FacePredictor, (network, gpus), gpus)


def measure_speakers(data: Dataset, gpus: Gpus) -> Dataset:
    """`speakers.measure` over blocks of `keyframes.extract`, a block a time."""
    return _map(data, _SpeakerFinder, (gpus,), gpus)


def _map(data: Dataset, actor: type, arguments: tuple[object, ...], gpus: Gpus) -> Dataset:
    return ray_private.map_blocks(data, actor, arguments, int(gpus.count / gpus.share / gpus.pools), gpus.share)


def shared_by_two(gpus: Gpus) -> Gpus:
    """The GPUs as each of two pools may use them; else one could take what the other waits for, for ever."""
    return replace(gpus, share=gpus.share / 2, pools=2)


def check(gpus: Gpus) -> None:
    """Raise JobError where torch cannot use a GPU that Ray gives it; a pool's actors would be started for ever."""
    reason = ray.get(_failure.options(num_gpus=gpus.share).remote(gpus.device))
    if reason:
        raise JobError(f"Ray has a GPU that torch cannot use ({reason}); repair it, or use --no-use-gpu")


@ray.remote(num_cpus=0, max_retries=0)
def _failure(device: str) -> str | None:
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return None


class _FacePredictor:
    """Holds the network for as long as its actor lives."""

    def __init__(self, network: "ray.ObjectRef[VisionModel]", gpus: Gpus) -> None:
        from emotionscope.batch import stages

        self.predict = stages.predict_faces
        self.model = ray.get(network).to(gpus.device)
        if gpus.compile:
            self.model.compile()

    def __call__(self, block: pa.Table) -> pa.Table:
        with counters.timed("network"):
            return self.predict(block, self.model)


class _SpeakerFinder:
    """Holds the network that measures who speaks for as long as its actor lives."""

    def __init__(self, gpus: Gpus) -> None:
        from emotionscope.batch import speakers
        from emotionscope.speaking.network import SpeakerNetwork

        self.measure = speakers.measure
        self.network = SpeakerNetwork.load().to(gpus.device)

    def __call__(self, block: pa.Table) -> pa.Table:
        with counters.timed("speakers"):
            return self.measure(block, self.network)
