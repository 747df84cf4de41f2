"""Finding faces in one picture, by YuNet, which comes with the package, or by OpenCV's Haar cascade."""

import time
from dataclasses import dataclass
from importlib import resources

import cv2
import numpy as np
from cv2.data import haarcascades

from emotionscope.video.faces import DetectorName
from emotionscope.video.shrinking import shrink
from emotionscope.video.yunet import YuNet

YUNET_NAME = "face_detection_yunet_2023mar.onnx"  # Wu et al. 2023, from OpenCV's model zoo; MIT
AREA = 480 * 270  # pixels a picture is shrunk to before detection; a smaller one stays as it is

# Chosen by eye on sitcom frames: clocks and pots reach 0.83, and faces seen from behind spread the eyes by 0.2.
YUNET_LOWEST, YUNET_SURE = 0.7, 0.85
PROFILE, YUNET_TURNED, FRONTAL = 0.15, 0.22, 0.4  # distance of the eyes in widths of the face
HAAR_LOWEST, HAAR_SURE, HAAR_BEST = 3.5, 5.0, 10.0  # the last stage's weight; most false faces stay below 3


@dataclass(frozen=True)
class Detection:
    """One face: its box from forehead to chin in pixels of the picture, and how good a view it is.

    ``confidence`` and ``frontal`` lie in [0, 1]; a Haar cascade finds frontal faces only. A detection that is not
    ``sure`` may be something else, or a face turned away. ``points`` are the right eye, the left eye, the tip of the
    nose and the right and left corner of the mouth, (x, y) each; a Haar cascade finds none.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    frontal: float
    sure: bool
    points: tuple[tuple[float, float], ...] | None = None


class Detector:
    """Finds the faces in a picture, on one core; `seconds` is what it has taken so far.

    YuNet: see `yunet`.
    Haar: Viola, Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.
    """

    def __init__(self, name: DetectorName = "yunet") -> None:
        # A worker has one core; OpenCV would start a thread for each of the machine's.
        cv2.setNumThreads(1)
        self.name = name
        self.seconds = 0.0
        if name == "yunet":
            model = resources.files("emotionscope") / "models" / "yunet" / YUNET_NAME
            self._yunet = YuNet(model.read_bytes(), YUNET_LOWEST)
        else:
            self._haar = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml")

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces in a uint8 BGR picture [height, width, 3], none of them smaller than about 1/20 of its width."""
        began = time.perf_counter()
        height, width = image.shape[:2]
        scale = min(1.0, (AREA / (height * width)) ** 0.5)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        find = self._find_yunet if self.name == "yunet" else self._find_haar
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
            points = tuple((float(across), float(down)) for across, down in row[4:14].reshape(5, 2) * zoom)
            detections.append(Detection(x, y, width, height, confidence, frontal, sure, points))
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
