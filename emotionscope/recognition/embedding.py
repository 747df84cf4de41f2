"""A face as 128 numbers whose cosine tells whether two faces are one person's.

MobileFaceNet: Chen, Liu, Gao, Han, "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
Devices", CCBR 2018. Where its weights come from, and what they learnt from, stands beside them.
"""

import time
from collections.abc import Sequence
from importlib import resources

import cv2
import numpy as np
import onnxruntime

SIDE = 112  # pixels of a crop
SIZE = 128  # numbers of an embedding
# Where ArcFace's crops have the right eye, the left eye, the tip of the nose, the right and left corner of the mouth.
TEMPLATE = np.array([(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)])
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of RGB in 0..1


class Embedder:
    """The network that comes with the package, on one core; `seconds` is what it has taken so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = resources.files("emotionscope") / "models" / "mobilefacenet" / "mobilefacenet_foamliu.onnx"
        self._session = onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])

    def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings float32 [n, 128] of length 1, of crops by `cut`."""
        began = time.perf_counter()
        made = np.empty((len(crops), SIZE), np.float32)
        for row, crop in zip(made, crops, strict=True):  # the file takes one at a time
            pixels = ((crop[..., ::-1] / 255 - MEAN) / STD).astype(np.float32)
            row[:] = self._session.run(None, {"input0": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})[0][0]
        self.seconds += time.perf_counter() - began
        return normalised(made)


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Vectors [n, 128], each by its length."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def cut(image: np.ndarray, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """The crop uint8 [112, 112, 3] in which a face's five `points` lie where `TEMPLATE` has them.

    `image` is uint8 BGR [height, width, 3]; the points are in its pixels, in the template's order. The crop is placed
    by the similarity that brings them closest by least squares (Umeyama 1991).
    """
    template, found = (xy[:, 0] + 1j * xy[:, 1] for xy in (TEMPLATE, np.asarray(points)))
    offsets = template - template.mean()
    turn = np.vdot(offsets, found) / np.vdot(offsets, offsets)
    shift = found.mean() - turn * template.mean()
    placed = np.array([(turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)])
    if abs(turn) > 2:  # a warp looks at four pixels for each of its own, and would skip the others
        image = cv2.blur(image, (round(abs(turn)),) * 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, placed, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
