"""Making a picture smaller, fast."""

import cv2
import numpy as np


def shrink(image: np.ndarray, width: int, height: int, interpolation: int = cv2.INTER_AREA) -> np.ndarray:
    """A picture, uint8 [height, width, 3], in another size; one that is larger in a direction is enlarged there.

    It is halved as long as it stays large enough, without an odd last row or column: several times as fast as any other
    shrinking. The rest is done by OpenCV's `interpolation`.
    """
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        half_height, half_width = image.shape[0] // 2, image.shape[1] // 2
        even = image[: 2 * half_height, : 2 * half_width]
        image = cv2.resize(even, (half_width, half_height), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=interpolation)
