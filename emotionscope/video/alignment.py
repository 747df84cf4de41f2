"""One geometry for every face: a square in which eyes, nose and mouth lie where they lie in FER2013's pictures.

The vision model learns from faces cut this way and is asked about faces cut this way.
"""

import cv2
import numpy as np

from emotionscope.video.detection import Detection
from emotionscope.video.shrinking import shrink

# Right eye, left eye, tip of the nose, right and left corner of the mouth, as shares of the square's side: the medians
# over FER2013 of where YuNet finds them, made symmetric.
TEMPLATE = np.array([(0.31, 0.387), (0.69, 0.387), (0.5, 0.594), (0.348, 0.755), (0.652, 0.755)])
FACE_HEIGHT = 1.04  # of a face's box, in sides of the square
BOX_CENTRE = 0.5  # of the square, down and across
TURNED = 0.2  # share by which the points may make the square smaller or larger than the box's height does


def square(face: Detection) -> np.ndarray:
    """Where a face's square lies: float64 [2, 3], which takes shares of the side to pixels of the picture.

    The similarity (turn, scale, shift) that brings `TEMPLATE` closest to the face's five points by least squares
    (Umeyama 1991). In a profile the points lie close together, so the scale stays near that of the box. A face without
    points gets an upright square about its box.
    """
    side = face.height / FACE_HEIGHT
    if face.points is None:
        centre = np.array([face.x + face.width / 2, face.y + face.height / 2])
        return np.column_stack([side * np.eye(2), centre - side * BOX_CENTRE])
    template, points = (xy[:, 0] + 1j * xy[:, 1] for xy in (TEMPLATE, np.asarray(face.points)))
    offsets = template - template.mean()
    turn = np.vdot(offsets, points) / np.vdot(offsets, offsets)
    turn *= np.clip(abs(turn), (1 - TURNED) * side, (1 + TURNED) * side) / max(abs(turn), 1e-9)
    shift = points.mean() - turn * template.mean()
    return np.array([(turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)])


def cut(image: np.ndarray, face: Detection, most: int) -> np.ndarray:
    """The face's square, uint8 [side, side, 3], of at most `most` pixels a side.

    `image` is uint8 BGR [height, width, 3]; outside of it, its border repeats.
    """
    placed = square(face)
    pixels = float(np.hypot(*placed[:, 0]))
    side = int(np.clip(round(pixels), 8, most))
    if pixels >= 2 * side:  # a warp looks at four pixels for each of its own, and would skip the others
        placed, image = _shrink_around(image, placed, side / pixels)
    # Pixels are points at their centres.
    across = np.array([(1 / side, 0, 0.5 / side), (0, 1 / side, 0.5 / side), (0, 0, 1)])
    matrix = placed @ across - [[0, 0, 0.5], [0, 0, 0.5]]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _shrink_around(image: np.ndarray, placed: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A smaller copy of the part of a picture that holds a square, and where the square lies in it."""
    corners = placed @ np.array([(0, 1, 0, 1), (0, 0, 1, 1), (1, 1, 1, 1)])
    most = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(1)).astype(int), 0, most - 1)
    high = np.clip(np.ceil(corners.max(1)).astype(int), low + 1, most)
    part = image[low[1] : high[1], low[0] : high[0]]
    size = np.maximum(np.rint((high - low) * scale).astype(int), 1)
    placed = np.column_stack([placed[:, :2], placed[:, 2] - low]) * (size / (high - low))[:, None]
    return placed, shrink(part, int(size[0]), int(size[1]))
