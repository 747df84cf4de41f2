"""Which of an utterance's faces are kept: different people first, then other expressions of each; and how."""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from emotionscope.video.tracking import TrackedFace

SMALL_CROP = 64  # pixels to which the crops of faces that are not kept are shrunk
JPEG_QUALITY = 90


def select_faces(tracked: Sequence[TrackedFace], persons: Sequence[int], most: int) -> list[int]:
    """Positions in `tracked` of the `most` faces to keep, in order of time: different people, then other expressions.

    People take turns, the most prominent first. Each gives the best face, then the one that is best by quality
    and by difference from those given before.
    """
    queues = []
    for person in range(max(persons, default=-1) + 1):
        queues.append(_ranked([i for i in range(len(tracked)) if persons[i] == person], tracked, most))
    turns = (i for turn in itertools.zip_longest(*queues) for i in turn if i is not None)
    return sorted(itertools.islice(turns, most))


def _ranked(mine: list[int], tracked: Sequence[TrackedFace], most: int) -> list[int]:
    faces = np.array([_expression(tracked[i].crop) for i in mine])
    qualities = np.array([tracked[i].quality for i in mine])
    novelty = np.ones(len(mine))
    ranked: list[int] = []
    while len(ranked) < min(most, len(mine)):
        scores = qualities * novelty
        scores[ranked] = -1.0
        ranked.append(int(np.argmax(scores)))
        novelty = np.minimum(novelty, np.clip(1.0 - faces @ faces[ranked[-1]], 0.0, 1.0))
    return [mine[best] for best in ranked]


def _expression(crop_: np.ndarray) -> np.ndarray:
    """A face as a small grey picture, float32 [576], of mean 0 and length 1: its products are correlations."""
    grey = cv2.resize(cv2.cvtColor(crop_, cv2.COLOR_BGR2GRAY), (24, 24), interpolation=cv2.INTER_AREA)
    face = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32).ravel()
    face -= face.mean()
    return face / max(float(np.linalg.norm(face)), 1e-6)


def encode(crop_: np.ndarray, kept: bool) -> bytes:
    """The crop as JPEG; a small grey one where the face is not kept."""
    if not kept:
        crop_ = cv2.cvtColor(crop_, cv2.COLOR_BGR2GRAY)
        if len(crop_) > SMALL_CROP:
            crop_ = cv2.resize(crop_, (SMALL_CROP, SMALL_CROP), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", crop_, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
