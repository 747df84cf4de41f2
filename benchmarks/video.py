"""Clips to scores, beside what else one could do with the same cores.

Peers: the loop a user would write (every frame decoded by OpenCV, Haar at 640x360 on each twelfth, ResNet-18 at 224), a
pool of processes over a lean loop (this package's own stages on one clip after the other), Daft with the same lean loop
as its function; and two floors that no scoring can do without: decoding every frame, and decoding without the frames
that no other needs.
"""

import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import av
import cv2
import daft
import numpy as np
import pyarrow as pa
import torch
from cv2.data import haarcascades
from torchvision.models import resnet18

from benchmarks.clips import find
from benchmarks.rounds import OURS, Contest
from emotionscope import bundle, faces, keyframes, pipeline, scoring, shards, tables

EVERY = 12  # frames between two that the naive loop looks at
SHARD = 4  # rows; few and many are a whole number of them for each of two cores
FEW, MANY = 8, 40  # clips
BARS = {"naive loop": 4.0, "decode every frame": 0.9, "pool, lean loop": 1.0, "Daft, lean loop": 1.0}


@contextmanager
def contest(folder: str, uri: str, yunet: str | None) -> Iterator[Contest]:
    """The clips below `folder` to scores, with the bundle at `uri`; Ray must run."""
    found = [str(path) for path in find(folder)]
    clips = list(itertools.islice(itertools.cycle(found), MANY))
    cores = os.cpu_count() or 1
    models, spec = bundle.load(uri), faces.load_spec("auto", yunet)
    scorer = Lean(uri, yunet)

    def with_daft(count: int) -> None:
        table = daft.from_pydict({"clip": clips[:count]}).into_batches(1)
        table.with_column("faces", scorer(table["clip"])).collect()

    with multiprocessing.get_context("spawn").Pool(cores, _start, (uri, spec)) as pool:
        ways = {
            OURS: lambda count: _score(clips[:count], models, spec),
            "naive loop": lambda count: pool.map(naive, clips[:count], chunksize=1),
            "pool, lean loop": lambda count: pool.map(lean, clips[:count], chunksize=1),
            "Daft, lean loop": with_daft,
            "decode every frame": lambda count: pool.map(decode_all, clips[:count], chunksize=1),
            "decode, no non-reference frames": lambda count: pool.map(decode_some, clips[:count], chunksize=1),
        }
        what = f"{MANY} clips ({len(found)} different, repeated), faces by {spec.kind}, {cores} cores"
        yield Contest("Video to scores", "clip", what, ways, FEW, MANY, BARS)


@daft.cls(use_process=True, max_concurrency=os.cpu_count() or 1)
class Lean:
    """The lean loop as Daft's function, in processes of its own."""

    def __init__(self, uri: str, yunet: str | None) -> None:
        _start(uri, faces.load_spec("auto", yunet))

    def __call__(self, clip: str) -> int:
        """The number of faces."""
        return lean(clip)


def _score(clips: list[str], models: bundle.Bundle, spec: faces.DetectorSpec) -> None:
    """The plan of jobs.score over the clips."""
    keys = {"dialogue_id": ["d"] * len(clips), "utterance_id": list(range(len(clips)))}
    table = pa.table({**keys, "utterance": ["Hm."] * len(clips), "video": clips})
    with tempfile.TemporaryDirectory() as folder:
        tables.write_part(table, f"{folder}/in/part-0.parquet")
        dataset = tables.open_dataset(f"{folder}/in", "dialogues")
        output = shards.Output(f"{folder}/out", "score", {})
        pipeline.score(pipeline.Work(dataset, output, SHARD, "/"), models, None, spec, 8)


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
