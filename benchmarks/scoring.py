"""Texts and keyframes to scores, beside what nobody who uses the same models can do without.

Texts: scikit-learn alone, the same fitted pipeline in as many processes as there are cores. Keyframes: the forward pass
of torchvision's ResNet-18 alone, on faces that are tensors already; where there are GPUs, on one of them with the batch
that is fastest.
"""

import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from statistics import median

import pyarrow as pa
import torch
from sklearn.pipeline import Pipeline
from torchvision.models import resnet18

from benchmarks.measure import OURS, Benchmark, Figure, score_quietly
from emotionscope.bundle import store as bundle_store
from emotionscope.tables import contracts, datasets
from emotionscope.text import encoder
from emotionscope.text.pipeline import to_pipeline
from emotionscope.text.reading import read
from emotionscope.vision.model import BATCH, mixed_precision

CORES = os.cpu_count() or 1
ENCODED = 1024  # texts that the sentence encoder reads
CHUNK, TEXTS = 2**15, (2 * 2**15, 8 * 2**15)  # texts in a shard; few and many texts
SHARD, FACES = 128, (1024, 5120)  # utterances in a shard; few and many faces
EACH = 4  # faces of an utterance
ON_GPUS, ON_GPUS_SHARD = 20, 2048  # times as many faces there; utterances in a shard, as in a large archive
BATCHES = (256, 512, 1024, 2048, 4096)  # faces in a forward pass on a GPU


def dialogues(texts: Sequence[str], first: int = 0) -> pa.Table:
    """A dialogues table of the texts, ten to a dialogue, with keys that are numbered from `first`."""
    numbers = range(first, first + len(texts))
    keys = {"dialogue_id": [str(n // 10) for n in numbers], "utterance_id": [n % 10 for n in numbers]}
    return pa.table({**keys, "utterance": pa.array(texts, pa.string())})


def encoded(texts: Sequence[str], rounds: int) -> Figure:
    """What the sentence encoder takes: the time of all cores that it uses, added up."""
    lines, found = [read(text) for text in itertools.islice(itertools.cycle(texts), ENCODED)], []
    for _ in range(rounds + 1):
        began = time.process_time()
        encoder.vectors(lines)
        found.append((time.process_time() - began) / ENCODED * 1000)
    return Figure("milliseconds of a core for a text with the sentence encoder", median(found[1:]), most=6.0)


@contextmanager
def text(texts: Sequence[str], bundle: str) -> Iterator[Benchmark]:
    """Texts, repeated, to scores, from and to Parquet for ours. Ray must run."""
    spoken = list(itertools.islice(itertools.cycle(texts), TEXTS[1]))
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(CORES) as pool:
        for count in TEXTS:
            datasets.write_part(dialogues(spoken[:count]), f"{folder}/{count}/part-0.parquet")

        def theirs(count: int) -> None:
            pool.map(partial(predict, bundle), [spoken[n : min(n + CHUNK, count)] for n in range(0, count, CHUNK)], 1)

        peer = "scikit-learn, a process for each core"
        variants = {OURS: lambda count: score_quietly(bundle, CHUNK, dialogues=f"{folder}/{count}"), peer: theirs}
        what = f"{TEXTS[1]:,} texts, {len(set(texts)):,} different ones, {CORES} cores"
        yield Benchmark("Text to scores", "text", what, variants, *TEXTS, {peer: 5})


@lru_cache
def _pipeline(bundle: str) -> Pipeline:
    return to_pipeline(bundle_store.load(bundle, faces=False).text)


def predict(bundle: str, texts: list[str]) -> int:
    """scikit-learn's part alone."""
    return len(_pipeline(bundle).predict_proba([read(text) for text in texts]))


@contextmanager
def keyframes(images: Sequence[bytes], bundle: str, size: int, gpus: int) -> Iterator[Benchmark]:
    """Encoded faces, repeated, to scores with a vision model that reads `size` pixels. Ray must run."""
    few, many = (count * (ON_GPUS if gpus else 1) for count in FACES)
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(CORES) as pool:
        for count in (few, many):
            datasets.write_part(_table(images, count // EACH), f"{folder}/{count}/part-0.parquet")

        def theirs(count: int) -> None:
            if gpus:
                forward(size, batch, "cuda", count // batch)
            else:
                pool.map(partial(forward, size), [BATCH] * (count // BATCH), 1)

        batch = min(BATCHES, key=partial(_gpu_seconds, size)) if gpus else BATCH
        peer = "ResNet-18, forward pass alone"
        variants = {
            OURS: lambda count: score_quietly(bundle, ON_GPUS_SHARD if gpus else SHARD, keyframes=f"{folder}/{count}"),
            peer: theirs,
        }
        where = f"{gpus} GPUs, the forward pass on one" if gpus else f"{CORES} cores"
        what = f"{many:,} faces of {size} pixels, {EACH} in each utterance, {where}"
        yield Benchmark("Keyframes to scores", "face", what, variants, few, many, {peer: 0.85})


def _table(images: Sequence[bytes], rows: int) -> pa.Table:
    about = {"box": {"x": 0, "y": 0, "w": 48, "h": 48}, "quality": 0.9}
    faces = [about | {"time": n / 2, "person": n % 2, "image": images[n % len(images)]} for n in range(rows * EACH)]
    grouped = pa.array([faces[first : first + EACH] for first in range(0, len(faces), EACH)], contracts.FACES)
    table = dialogues([""] * rows).append_column("faces", grouped)
    return table.append_column("video_error", pa.nulls(rows, pa.string()))


@lru_cache
def _network(device: str) -> torch.nn.Module:
    if device == "cpu":
        torch.set_num_threads(1)  # in each process of the pool
    network: torch.nn.Module = resnet18(num_classes=7).eval().to(device, memory_format=torch.channels_last)
    return network


@torch.inference_mode()
def forward(size: int, batch: int, device: str = "cpu", times: int = 1) -> float:
    """The network's forward pass over a batch of faces."""
    pixels = torch.zeros(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    with mixed_precision(torch.device(device)):
        for _ in range(times):
            result = _network(device)(pixels)
    return float(result.sum())  # waits for a GPU


def _gpu_seconds(size: int, batch: int) -> float:
    forward(size, batch, "cuda")
    began = time.perf_counter()
    forward(size, batch, "cuda", 4 * max(BATCHES) // batch)
    return time.perf_counter() - began
