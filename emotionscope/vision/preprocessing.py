"""How a face crop becomes the vision model's input, and how much it counts among its utterance's faces.

Apart from the model, so that the tasks that only decode need not load torch.
"""

import cv2
import numpy as np

from emotionscope.errors import RowError

PERSON_POWER = 2.0


def decode(image: bytes, size: int) -> np.ndarray:
    """An encoded image of any mode and shape as a grey square, uint8 [size, size].

    Raises RowError where the bytes are not an image.
    """
    try:
        grey = cv2.imdecode(np.frombuffer(image or b"", np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        grey = None
    if grey is None:
        raise RowError(f"image unreadable: {len(image or b'')} bytes that are no JPEG, PNG or other known image")
    shrinks = min(grey.shape) > size
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def face_weights(quality: np.ndarray, person: np.ndarray) -> np.ndarray:
    """How much each face of one utterance counts, float32 [n], sum 1.

    The label is the speaker's, and who speaks is not known; but the camera favours him. So a person counts by
    his prominence, the sum of his faces' quality, to the power of `PERSON_POWER`, and a face by its quality
    within its person. `quality` is float [n], `person` int [n].
    """
    quality = np.clip(np.nan_to_num(np.asarray(quality, dtype=np.float64)), 1e-6, None)
    _, who = np.unique(person, return_inverse=True)
    prominence = np.bincount(who, weights=quality)
    weights = quality * prominence[who] ** (PERSON_POWER - 1)
    return np.asarray(weights / weights.sum(), np.float32)
