"""Every face is cut the same way: eyes, nose and mouth lie in the same places, however the face is turned."""

import cv2
import numpy as np
import pytest

from emotionscope.video import alignment, best_faces, tracking
from emotionscope.video.detection import Detection
from tests.helpers.videos import BROWN, GREEN, picture


def face(points: np.ndarray, height: float) -> Detection:
    x, y = points.mean(0) - (0.4 * height, 0.55 * height)
    return Detection(x, y, 0.8 * height, height, 0.9, 1.0, True, tuple(map(tuple, points)))


def dots(points: np.ndarray) -> np.ndarray:
    """A dark picture with a bright dot at each point."""
    image = np.zeros((400, 400, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), 3, (255, 255, 255), -1)
    return image


@pytest.mark.parametrize("degrees", [-40, 0, 25])
@pytest.mark.parametrize("side", [60, 150, 320])
def test_the_points_of_a_turned_face_lie_where_those_of_the_template_do(degrees: int, side: int) -> None:
    turn = cv2.getRotationMatrix2D((0, 0), degrees, side)[:, :2]
    points = (alignment.TEMPLATE - 0.5) @ turn.T + (200, 190)
    cut = alignment.cut(dots(points), face(points, alignment.FACE_HEIGHT * side), 160)
    assert cut.shape == (min(side, 160), min(side, 160), 3)
    for x, y in alignment.TEMPLATE * len(cut):
        around = cut[round(y) - 4 : round(y) + 4, round(x) - 4 : round(x) + 4]
        assert around.max() > 150


def test_a_profile_is_no_closer_than_its_box_allows() -> None:
    points = (alignment.TEMPLATE - 0.5) * 100
    points[:, 0] *= 0.1
    turned = face(points + 200, 104)
    side = float(np.hypot(*alignment.square(turned)[:, 0]))
    assert side == pytest.approx(80, abs=1)


def test_a_face_without_points_is_cut_about_its_box_also_at_the_border() -> None:
    image = picture((30, 30, 100, BROWN, GREEN))
    at_border = alignment.cut(image, Detection(-8, -20, 76, 104, 0.9, 1.0, True), tracking.CROP)
    assert at_border.shape == (100, 100, 3)
    large = alignment.cut(image, Detection(100, 50, 200, 300, 0.9, 1.0, True), tracking.CROP)
    assert large.shape == (tracking.CROP, tracking.CROP, 3)
    decoded = cv2.imdecode(np.frombuffer(best_faces.encode(at_border, kept=True), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - at_border).mean() < 5
