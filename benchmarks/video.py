"""Clips to scores, beside what else one could do with the same cores.

Peers, all in a pool of processes unless said otherwise: a naive loop; a lean loop, which is also run by Daft; our own
stages without Ray, one clip at a time; and decoding alone, which nobody who reads every frame can beat.
"""

import itertools
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Literal

import av
import cv2
import numpy as np
import pyarrow as pa
import torch
from cv2.data import haarcascades
from torchvision.models import resnet18

from benchmarks.clips import cut_to_lengths, find_clips
from benchmarks.measure import OURS, Benchmark, Variant, score_quietly
from benchmarks.scoring import CORES, dialogues
from emotionscope.batch import stages
from emotionscope.bundle import store as bundle_store
from emotionscope.tables import contracts, datasets
from emotionscope.video.detection import Detector
from emotionscope.video.faces import FaceSettings
from emotionscope.video.video_faces import VideoFaces, faces_of
from emotionscope.vision.model import mixed_precision

CLIPS = 48, 96  # few and many
ALIKE = 24  # clips of which each lot in turn has about as many frames
EVERY, NAIVE_SIZE = 12, 224  # frames from one look of the naive loop to the next; pixels of its faces
LEAN_SIZE = 112  # pixels of a face in the lean loop
NAIVE, LEAN = (
    "naive loop: OpenCV, Haar, ResNet-18 at 224",
    "lean loop: no non-reference frames, YuNet, ResNet-18 at 112",
)
DAFT, STAGES = "the lean loop in Daft", "our stages in a pool, a clip at a time"
DECODING, SKIPPING = "decoding every frame", "decoding without non-reference frames"
SPEAKERS = "ours, and who speaks"
TARGETS = {NAIVE: 4.0, LEAN: 1.0, DAFT: 1.0, STAGES: 1.0, DECODING: 0.9}


@contextmanager
def benchmark(folder: str, lengths: Sequence[int], bundle: str) -> Iterator[Benchmark]:
    """The clips below `folder`, cut or repeated to `lengths` if given, to scores with the bundle. Ray must run."""
    import daft  # here, because the processes of the pool import this module and need no Daft

    found = find_clips(folder)
    daft.set_runner_native()
    in_daft = daft.cls(LeanLoop, use_process=True, max_concurrency=CORES)()
    with (
        tempfile.TemporaryDirectory() as made,
        multiprocessing.get_context("spawn").Pool(CORES, _use_one_thread) as pool,
    ):
        clips = [str(path) for path in itertools.islice(itertools.cycle(found), CLIPS[1])]
        if lengths:
            clips = cut_to_lengths(lengths, found, made, CLIPS[1], ALIKE)
        for count in CLIPS:  # a shard for each core, as long as may be: MELD's have 215 clips
            table = dialogues(["Hm."] * count).append_column("video", pa.array(clips[:count]))
            rows = -(-count // CORES)
            for start in range(0, count, rows):
                datasets.write_part(table.slice(start, rows), f"{made}/{count}/part-{start:03d}.parquet")

        def with_daft(count: int) -> None:
            table = daft.from_pydict({"clip": clips[:count]}).into_batches(1)
            table.with_column("faces", in_daft(table["clip"])).collect()

        def in_pool(loop: Callable[[str], int], count: int) -> None:
            pool.map(loop, clips[:count], 1)

        loops: dict[str, Callable[[str], int]] = {
            NAIVE: naive_loop,
            LEAN: lean_loop,
            STAGES: partial(own_stages, bundle),
            DECODING: partial(decode, "DEFAULT"),
            SKIPPING: partial(decode, "NONREF"),
        }

        def ours(speakers: Literal["auto", "never"], count: int) -> None:
            score_quietly(bundle, CLIPS[1], dialogues=f"{made}/{count}", videos="/", speakers=speakers)

        variants: dict[str, Variant] = {
            OURS: partial(ours, "never"),
            SPEAKERS: partial(ours, "auto"),
            DAFT: with_daft,
            **{name: partial(in_pool, loop) for name, loop in loops.items()},
        }
        what = f"{CLIPS[1]} clips from {len(found)} different ones, {CORES} cores"
        yield Benchmark("Video to scores", "clip", what, variants, *CLIPS, TARGETS, {NAIVE: 3})


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@lru_cache
def _naive_models() -> tuple[cv2.CascadeClassifier, torch.nn.Module]:
    return cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml"), resnet18(num_classes=7).eval()


@torch.inference_mode()
def naive_loop(clip: str) -> int:
    """All frames by OpenCV, Haar at 640x360 on each twelfth, ResNet-18 at 224 in float32. The number of faces."""
    cascade, network = _naive_models()
    video, number, faces = cv2.VideoCapture(clip), 0, 0
    while True:
        good, frame = video.read()
        if not good:
            return faces
        if number % EVERY == 0:
            small = cv2.resize(frame, (640, 360))
            for x, y, w, h in cascade.detectMultiScale(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 1.1, 5):
                face = cv2.resize(small[y : y + h, x : x + w], (NAIVE_SIZE, NAIVE_SIZE)).astype(np.float32) / 255
                network(torch.from_numpy(face).permute(2, 0, 1)[None])
                faces += 1
        number += 1


class LeanLoop:
    """Reference frames only, two a second, ResNet-18 at 112 over a clip's faces as one batch, in bf16 if that helps."""

    def __init__(self) -> None:
        _use_one_thread()
        self.detector = Detector()
        self.network = resnet18(num_classes=7).eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, clip: str) -> int:
        """The number of faces."""
        faces, next_ = [], 0.0
        for frame in _frames(clip, "NONREF"):
            if (frame.time or 0.0) < next_:
                continue
            next_ = (frame.time or 0.0) + 0.5
            image = frame.to_ndarray(format="bgr24")
            for found in self.detector.detect(image):
                top, left = max(int(found.y), 0), max(int(found.x), 0)
                face = image[top : int(found.y + found.height) + 1, left : int(found.x + found.width) + 1]
                faces.append(cv2.resize(face, (LEAN_SIZE, LEAN_SIZE)))
        if faces:
            pixels = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() / 255
            with mixed_precision(pixels.device):
                self.network(pixels).softmax(1)
        return len(faces)


_lean, _faces, _bundle = lru_cache(LeanLoop), lru_cache(VideoFaces), lru_cache(bundle_store.load)


def lean_loop(clip: str) -> int:
    """The lean loop, with models that stay loaded. The number of faces."""
    return _lean()(clip)


def own_stages(bundle: str, clip: str) -> int:
    """Our own stages on one clip, without Ray and without batches across clips. The number of faces."""
    with open(clip, "rb") as stream:
        found = faces_of(stream, _faces(FaceSettings(speakers="never")))
    table = pa.table({"utterance": ["Hm."], "faces": pa.array([found], contracts.FACES)})
    stages.probabilities(table, _bundle(bundle))
    return len(found)


def decode(skip: Literal["DEFAULT", "NONREF"], clip: str) -> int:
    """Decode a clip by PyAV and do nothing else. The number of frames."""
    return sum(1 for _ in _frames(clip, skip))


def _frames(clip: str, skip: Literal["DEFAULT", "NONREF"]) -> Iterator[av.VideoFrame]:
    with av.open(clip) as video:
        video.streams.video[0].codec_context.skip_frame = skip
        yield from video.decode(video=0)
