"""The grey crops of a face that LR-ASD reads.

The published weights were trained on crops of 112 pixels. The network is convolutional up to a maximum over the whole
map, so it takes any size, and crops of 56 pixels take a quarter of the time. Around the face alone, and a little below
its middle, they told speakers apart on film as well as the published crop of 1.4 times the face at 112 pixels.
"""

import cv2
import numpy as np

RATE = 25  # crops a second
SIDE = 56  # pixels
BELOW = 0.2  # of the box's longer side: how far the crop's middle lies below the box's
OUTSIDE = 110  # grey beyond the picture's edge, as in training
FULL_RANGE = ((np.arange(256) - 16) * 255 / 219).clip(0, 255).round().astype(np.uint8)  # from video's 16..235


def crop(luma: np.ndarray, box: tuple[float, float, float, float], *, limited: bool = True) -> np.ndarray:
    """The crop uint8 [56, 56] of the face in `box` (left, top, width, height) in pixels of the picture.

    `luma` is the picture's brightness, uint8 [height, width]: the Y plane of a decoded frame. With `limited` its black
    is 16 and its white is 235, as in nearly all videos, and comes out as 0 and 255. Boxes from every fifth frame,
    interpolated in between, need no smoothing. Raises ValueError for a box without an area.
    """
    left, top, width, height = box
    side = max(width, height)
    if not (side > 0 and np.isfinite((left, top, side)).all()):
        raise ValueError(f"box {box}: it needs a finite place and a positive size")
    # At twice the size, then halved: a large face would otherwise lose the pixels between those that are sampled.
    scale = 2 * SIDE / side
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2 + BELOW * side
    place = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    large = cv2.warpAffine(luma, place, (2 * SIDE, 2 * SIDE), borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE)
    small = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.LUT(small, FULL_RANGE) if limited else small)
