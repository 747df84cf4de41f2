"""YuNet, a small network that finds faces, run by ONNX Runtime: three times as fast as by OpenCV's `FaceDetectorYN`.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023.
"""

from functools import lru_cache

import cv2
import numpy as np
import onnxruntime

STRIDES = 8, 16, 32  # pixels from one place at which the network looks for a face to the next
OVERLAP = 0.3  # of two boxes, from which on they are one face's (intersection over union)
# How the file says that pictures have 640x640 pixels, and as long, that their height and width may be any.
FIXED_SIZE, ANY_SIZE = b"\n\3\x08\x80\5\n\3\x08\x80\5", b"\n\3\x12\1h\n\3\x12\1w"


class YuNet:
    """The network of the ONNX file `model`, on one core; faces below the confidence `lowest` are left out."""

    def __init__(self, model: bytes, lowest: float) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # it would warn of results for any size
        model = model.replace(FIXED_SIZE, ANY_SIZE)
        self._maps = [f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._lowest = lowest

    def detect(self, image: np.ndarray) -> np.ndarray:
        """The faces in a uint8 BGR picture [height, width, 3], float32 [faces, 15].

        Of each: its box (left, top, width, height), right eye, left eye, tip of the nose, right and left corner of
        the mouth (x, y), and the confidence in [0, 1].
        """
        height, width = image.shape[:2]
        below, beside = -height % max(STRIDES), -width % max(STRIDES)
        padded = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_CONSTANT)
        maps = self._session.run(self._maps, {"input": np.array(cv2.split(padded), np.float32)[None]})
        classes, objects, boxes, points = (
            np.concatenate([each[0] for each in maps[first : first + len(STRIDES)]])
            for first in range(0, len(maps), len(STRIDES))
        )
        confidences = np.sqrt(classes * objects)[:, 0]
        likely = np.flatnonzero(confidences >= self._lowest)
        corners, strides = (each[likely] for each in _places(*padded.shape[:2]))
        sizes = np.exp(boxes[likely, 2:]) * strides
        starts = (corners + boxes[likely, :2]) * strides - sizes / 2
        landmarks = (np.tile(corners, 5) + points[likely]) * strides
        found = np.column_stack([starts, sizes, landmarks, confidences[likely]])
        kept = cv2.dnn.NMSBoxes(found[:, :4].tolist(), found[:, 14].tolist(), self._lowest, OVERLAP)
        return np.asarray(found[np.asarray(kept, int)])


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the network looks for a face: columns and rows, float32 [places, 2], and strides, float32 [places, 1]."""
    grids = [np.indices((height // stride, width // stride))[::-1].reshape(2, -1).T for stride in STRIDES]
    strides = np.repeat(STRIDES, [len(grid) for grid in grids])
    return np.concatenate(grids).astype(np.float32), strides[:, None].astype(np.float32)
