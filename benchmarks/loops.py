"""Loops that a user would write to read the faces of a clip: the naive one and a lean one; and decoding alone."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import av
import cv2
import numpy as np
import torch
from cv2.data import haarcascades
from torchvision.models import resnet18

from emotionscope.video.detection import Detector, DetectorSpec
from emotionscope.vision.model import mixed_precision

EVERY = 12  # frames between two that the naive loop looks at
SIZE = 112  # pixels of a face in the lean loop


@lru_cache
def _naive() -> tuple[cv2.CascadeClassifier, torch.nn.Module]:
    return cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml"), resnet18(num_classes=7).eval()


@torch.inference_mode()
def naive(clip: str) -> int:
    """All frames by OpenCV, Haar at 640x360 on each twelfth, ResNet-18 at 224 in float32. The number of faces."""
    cascade, network = _naive()
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


class Lean:
    """Reference frames alone, two a second, faces at 480x270, ResNet-18 at 112 over a clip's faces as one batch.

    The network computes in bfloat16 where the CPU does, in channels-last order.
    """

    def __init__(self, detector: DetectorSpec) -> None:
        torch.set_num_threads(1)
        self.detector = Detector(detector)
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
                faces.append(cv2.resize(face, (SIZE, SIZE)))
        if faces:
            pixels = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() / 255
            with mixed_precision(pixels.device):
                self.network(pixels).softmax(1)
        return len(faces)


def _frames(clip: str, skip: Literal["DEFAULT", "NONREF"]) -> Iterator[av.VideoFrame]:
    with av.open(clip) as video:
        video.streams.video[0].codec_context.skip_frame = skip
        yield from video.decode(video=0)


def decode_all(clip: str) -> int:
    """Every frame, by PyAV. Their number."""
    return sum(1 for _ in _frames(clip, "DEFAULT"))


def decode_some(clip: str) -> int:
    """Every frame that another may need, by PyAV. Their number."""
    return sum(1 for _ in _frames(clip, "NONREF"))
