"""Finding faces in one picture, by YuNet where its model file is, else by OpenCV's Haar cascade."""

import hashlib
import http.client
import os
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from cv2.data import haarcascades

from emotionscope.errors import UserError
from emotionscope.io import atomic, storage
from emotionscope.video.shrinking import shrink
from emotionscope.video.yunet import YuNet

YUNET_NAME = "face_detection_yunet_2023mar.onnx"
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
YUNET_URL = f"https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/{YUNET_NAME}"
YUNET_VARIABLE = "EMOTIONSCOPE_YUNET"
YUNET_CACHE = f"~/.cache/emotionscope/{YUNET_NAME}"
DOWNLOAD_TIMEOUT = 20  # seconds

AREA = 480 * 270  # pixels a picture is shrunk to before detection; a smaller one stays as it is

# Chosen by eye on sitcom frames: clocks and pots reach 0.83, and faces seen from behind spread the eyes by 0.2.
YUNET_LOWEST, YUNET_SURE = 0.7, 0.85
PROFILE, YUNET_TURNED, FRONTAL = 0.15, 0.22, 0.4  # distance of the eyes in widths of the face
HAAR_LOWEST, HAAR_SURE, HAAR_BEST = 3.5, 5.0, 10.0  # the last stage's weight; most false faces stay below 3


@dataclass(frozen=True)
class DetectorSpec:
    """What a worker needs to build a `Detector`; small, and pickled with a task. ``model`` is YuNet's ONNX file."""

    kind: Literal["yunet", "haar"]
    model: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Detection:
    """One face: its box from forehead to chin in pixels of the picture, and how good a view it is.

    ``confidence`` and ``frontal`` lie in [0, 1]; a Haar cascade finds frontal faces only. A detection that is not
    ``sure`` may be something else, or a face turned away.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    frontal: float
    sure: bool


def load_spec(choice: str = "auto", path: str | None = None) -> DetectorSpec:
    """The detector a user chose: ``auto``, ``yunet`` or ``haar``.

    YuNet's file is the one at `path`, else the one the variable EMOTIONSCOPE_YUNET names, else the one in the cache
    folder. Where there is none, ``auto`` is Haar and ``yunet`` fetches it. Raises UserError where a named file
    is missing or is another file, or where fetching fails.
    """
    if choice not in ("auto", "yunet", "haar"):
        raise UserError(f"--detector {choice}: choose auto, yunet or haar")
    if choice == "haar":
        return DetectorSpec("haar")
    cache = os.path.expanduser(YUNET_CACHE)
    named = path or os.environ.get(YUNET_VARIABLE)
    if not named and not os.path.exists(cache):
        if choice == "auto":
            return DetectorSpec("haar")
        _fetch_yunet(cache)
    file = named or cache
    try:
        model = storage.read_bytes(file)
    except OSError as error:
        raise UserError(f"{file}: the YuNet model cannot be read ({type(error).__name__})") from error
    if hashlib.sha256(model).hexdigest() != YUNET_SHA256:
        raise UserError(f"{file}: not {YUNET_NAME} of OpenCV's model zoo (its sha256 differs)")
    return DetectorSpec("yunet", model)


def _fetch_yunet(file: str) -> None:
    help_ = f"download it from {YUNET_URL} and name it in {YUNET_VARIABLE}, or take --detector haar"
    try:
        with urllib.request.urlopen(YUNET_URL, timeout=DOWNLOAD_TIMEOUT) as response:
            model = response.read(2**24)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"the YuNet model cannot be fetched ({error}); {help_}") from error
    if hashlib.sha256(model).hexdigest() != YUNET_SHA256:
        raise UserError(f"the YuNet model that was fetched has another sha256 than expected; {help_}")
    atomic.write_bytes(file, model)


class Detector:
    """Finds the faces in a picture, on one core; `seconds` is what it has taken so far.

    YuNet: see `yunet`.
    Haar: Viola, Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.
    """

    def __init__(self, spec: DetectorSpec) -> None:
        # A worker has one core; OpenCV would start a thread for each of the machine's.
        cv2.setNumThreads(1)
        self._spec = spec
        self.seconds = 0.0
        if spec.kind == "yunet":
            self._yunet = YuNet(spec.model or b"", YUNET_LOWEST)
        else:
            self._haar = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml")

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces in a uint8 BGR picture [height, width, 3], none of them smaller than about 1/20 of its width."""
        began = time.perf_counter()
        height, width = image.shape[:2]
        scale = min(1.0, (AREA / (height * width)) ** 0.5)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        find = self._find_yunet if self._spec.kind == "yunet" else self._find_haar
        found = find(shrink(image, *size, cv2.INTER_LINEAR), np.array([width, height]) / size)
        self.seconds += time.perf_counter() - began
        return [
            face for face in found if 0 <= face.x + face.width / 2 < width and 0 <= face.y + face.height / 2 < height
        ]

    def _find_yunet(self, image: np.ndarray, zoom: np.ndarray) -> list[Detection]:
        detections = []
        for row in self._yunet.detect(image):
            (x, y), (width, height), confidence = row[:2] * zoom, row[2:4] * zoom, float(row[14])
            eyes = float(np.hypot(*(row[6:8] - row[4:6]))) / max(float(row[2]), 1.0)
            frontal = float(np.clip((eyes - PROFILE) / (FRONTAL - PROFILE), 0.0, 1.0))
            sure = confidence >= YUNET_SURE and eyes >= YUNET_TURNED
            detections.append(Detection(x, y, width, height, confidence, frontal, sure))
        return detections

    def _find_haar(self, image: np.ndarray, zoom: np.ndarray) -> list[Detection]:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        boxes, _, weights = self._haar.detectMultiScale3(grey, 1.1, 5, minSize=(24, 24), outputRejectLevels=True)
        detections = []
        for box, weight in zip(boxes, np.ravel(weights), strict=True):
            if weight < HAAR_LOWEST:
                continue
            # The cascade's square is wider than a face: narrow it to what YuNet would give.
            (x, y), (width, height) = box[:2] * zoom, box[2:] * zoom
            confidence, sure = float(min(weight / HAAR_BEST, 1.0)), bool(weight >= HAAR_SURE)
            detections.append(Detection(x + 0.12 * width, y, 0.78 * width, 1.05 * height, confidence, 1.0, sure))
        return detections
