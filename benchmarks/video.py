"""From clips to scores, side by side with what else one could do, in turn and on the same cores.

Peers: the loop a user would write (every frame decoded by OpenCV, Haar at 640x360 on each twelfth, ResNet-18 at 224), a
pool of processes over a lean loop (few frames decoded, the same detector and network as here), and two floors that no
scoring can do without: decoding every frame, and decoding without the frames that no other needs. Start-up (Ray, pools,
models) is done before the clock runs.
"""

import itertools
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import torch
from cv2.data import haarcascades
from rich import box
from rich.console import Console
from rich.table import Table
from torchvision.models import resnet18

from benchmarks.clips import find
from emotionscope import bundle, cli, faces, keyframes, pipeline, runtime, scoring, shards, tables

EVERY = 12  # frames between two that the naive loop looks at
SHARD = 8  # rows


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Video:
    """Settings of the measure."""

    clips: str
    """Folder of clips (*.mp4, at any depth)."""
    bundle: str
    """Bundle with a text and a vision model."""
    yunet: str | None = None
    """Path of face_detection_yunet_2023mar.onnx; without it Haar finds the faces, which takes longer."""
    repeats: int = 4
    """Times each clip is scored in a round, to fill it."""
    rounds: int = 5
    """Rounds, the first of which only warms up."""
    markdown: str | None = None
    """File for the table in Markdown."""


def run(settings: Video) -> None:
    """Measure all in turn and print medians, spreads and ratios."""
    found = [str(path) for path in find(settings.clips)]
    clips = found * settings.repeats
    cores = os.cpu_count() or 1
    models = bundle.load(settings.bundle)
    spec = faces.load_spec("auto", settings.yunet)
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores, _start, (settings.bundle, spec)) as pool, runtime.ray_session():
        ways: dict[str, Callable[[], object]] = {
            "naive loop": lambda: pool.map(naive, clips, chunksize=1),
            "pool, lean loop": lambda: pool.map(lean, clips, chunksize=1),
            "decode every frame": lambda: pool.map(decode_all, clips, chunksize=1),
            "decode, no non-reference frames": lambda: pool.map(decode_some, clips, chunksize=1),
            "EmotionScope": lambda: _score(clips, models, spec),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn, (name, way) in itertools.product(range(settings.rounds), ways.items()):
            began = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    rows = _rows(seconds, len(clips))
    _show(
        rows,
        f"{len(clips)} clips ({len(found)} different), {cores} cores, {spec.kind}, {settings.rounds - 1} rounds",
    )
    if settings.markdown:
        lines = [
            "| | s a clip | spread | times the naive loop | share of decoding every frame |",
            "|---|---:|---:|---:|---:|",
        ]
        Path(settings.markdown).write_text("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n")


def _rows(seconds: dict[str, list[float]], clips: int) -> list[list[str]]:
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        [
            name,
            f"{median[name] / clips:.3f}",
            f"{(max(values) - min(values)) / median[name]:.0%}",
            f"{median['naive loop'] / median[name]:.2f}",
            f"{median['decode every frame'] / median[name]:.2f}",
        ]
        for name, values in seconds.items()
    ]


def _show(rows: Iterable[list[str]], title: str) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("s a clip", "spread", "times naive", "of decoding all"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "EmotionScope" else None)
    Console(highlight=False).print(table)


def _score(clips: list[str], models: bundle.Bundle, spec: faces.DetectorSpec) -> None:
    """The plan of jobs.score over the clips."""
    keys = {"dialogue_id": ["d"] * len(clips), "utterance_id": list(range(len(clips)))}
    table = pa.table({**keys, "utterance": ["Hm."] * len(clips), "video": clips})
    with tempfile.TemporaryDirectory() as folder:
        tables.write_part(table, f"{folder}/in/part-0.parquet")
        dataset = tables.open_dataset(f"{folder}/in", "dialogues")
        output = shards.Output(f"{folder}/out", "score", {})
        pipeline.score(pipeline.Work(dataset, output, SHARD, "/"), models, 0, spec, 8)


_models: bundle.Bundle
_detector: faces.Detector


def _start(uri: str, spec: faces.DetectorSpec) -> None:
    global _models, _detector
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _models, _detector = bundle.load(uri), faces.Detector(spec)


@lru_cache
def _plain() -> tuple[cv2.CascadeClassifier, torch.nn.Module]:
    return cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml"), resnet18(num_classes=7).eval()


@torch.inference_mode()
def naive(clip: str) -> int:
    """The loop a user would write."""
    cascade, network = _plain()
    video, number, seen = cv2.VideoCapture(clip), 0, 0
    while True:
        good, frame = video.read()
        if not good:
            return seen
        if number % EVERY == 0:
            small = cv2.resize(frame, (640, 360))
            for x, y, w, h in cascade.detectMultiScale(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 1.1, 5):
                face = cv2.resize(small[y : y + h, x : x + w], (224, 224)).astype(np.float32) / 255
                network(torch.from_numpy(face).permute(2, 0, 1)[None])
                seen += 1
        number += 1


def lean(clip: str) -> int:
    """This package's own stages on one clip, without Ray and without batches across clips."""
    found = keyframes.faces_in(clip, "/", None, None, _detector, 8)
    rows = pa.table({"utterance": ["Hm."], "faces": pa.array([found], tables.FACES)})
    scoring.probabilities(rows, _models)
    return len(found)


def decode_all(clip: str) -> int:
    """Every frame, by PyAV."""
    with av.open(clip) as video:
        return sum(1 for _ in video.decode(video=0))


def decode_some(clip: str) -> int:
    """Every frame that another may need, by PyAV."""
    with av.open(clip) as video:
        video.streams.video[0].codec_context.skip_frame = "NONREF"
        return sum(1 for _ in video.decode(video=0))


if __name__ == "__main__":
    cli.main(run)
