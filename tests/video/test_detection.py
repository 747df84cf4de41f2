from importlib import resources

import cv2
import numpy as np
import pytest

from emotionscope.video.detection import YUNET_NAME, Detection, Detector
from emotionscope.video.yunet import YuNet
from tests.helpers.videos import BLOND, BROWN, GREEN, RED, ROOM, picture


@pytest.fixture
def yunet() -> Detector:
    return Detector()


def centres(found: list[Detection]) -> np.ndarray:
    """x and y of each, from left to right."""
    return np.array(sorted((face.x + face.width / 2, face.y + face.height / 2) for face in found))


def test_yunet_finds_each_face_where_it_is(yunet):
    found = yunet.detect(picture((180, 130, 110, BROWN, GREEN), (450, 140, 90, BLOND, RED, 1)))
    assert centres(found) == pytest.approx(np.array([(180, 133), (450, 143)]), abs=15)
    assert all(face.sure and face.frontal > 0.8 for face in found)


@pytest.mark.parametrize("size", [(480, 270), (333, 201), (40, 64)])
def test_yunet_finds_what_opencv_finds_with_it(size):
    model = (resources.files("emotionscope") / "models" / "yunet" / YUNET_NAME).read_bytes()
    image = cv2.resize(picture((180, 130, 110, BROWN, GREEN), (450, 140, 90, BLOND, RED, 1)), size)
    peer = cv2.FaceDetectorYN.create("onnx", np.frombuffer(model, np.uint8), np.empty(0, np.uint8), size, 0.7)
    expected = peer.detect(image)[1]
    assert YuNet(model, 0.7).detect(image) == pytest.approx(
        np.empty((0, 15)) if expected is None else expected, abs=1e-3
    )


def test_haar_finds_a_face_where_it_is():
    (found,) = Detector("haar").detect(picture((180, 130, 110, BROWN, GREEN)))
    assert centres([found]) == pytest.approx(np.array([(180, 133)]), abs=15)
    assert found.height == pytest.approx(115, abs=25)


@pytest.mark.parametrize("kind", ["yunet", "haar"])
@pytest.mark.parametrize("shape", [(360, 640), (1, 1), (7, 300), (1081, 1919), (1280, 720)])
def test_a_wall_has_no_face_whatever_its_size(kind, shape):
    image = np.full((*shape, 3), ROOM, np.uint8)
    assert Detector(kind).detect(image) == []


@pytest.mark.parametrize("shape", [(3, 3), (20, 20), (7, 300), (32, 32)])
def test_in_a_tiny_picture_every_worker_sees_the_same(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert all(Detector().detect(image) == [] for _ in range(50))


def test_boxes_are_in_pixels_of_the_picture_given(yunet):
    image = picture((180, 130, 110, BROWN, GREEN))
    (small,), (large,) = (yunet.detect(cv2.resize(image, None, fx=zoom, fy=zoom)) for zoom in (1, 3))
    assert centres([large]) == pytest.approx(3 * centres([small]), abs=15)


def test_yunet_says_where_eyes_nose_and_mouth_are(yunet):
    (found,) = yunet.detect(picture((180, 130, 110, BROWN, GREEN)))
    right_eye, left_eye, nose, right_mouth, left_mouth = found.points
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
