import hashlib
import pickle

import cv2
import numpy as np
import pytest

from emotionscope.errors import UserError
from emotionscope.video import detection
from emotionscope.video.detection import Detection, Detector, DetectorSpec, load_spec
from emotionscope.video.yunet import YuNet
from tests.videos import BLOND, BROWN, GREEN, RED, ROOM, picture


@pytest.fixture
def yunet(shared):
    return load_spec("yunet", str(shared / "models" / detection.YUNET_NAME))


@pytest.fixture
def no_yunet(tmp_path, monkeypatch):
    """Neither the variable nor the cache names a YuNet file."""
    monkeypatch.delenv(detection.YUNET_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".cache" / "emotionscope" / detection.YUNET_NAME


def centres(found: list[Detection]) -> np.ndarray:
    """x and y of each, from left to right."""
    return np.array(sorted((face.x + face.width / 2, face.y + face.height / 2) for face in found))


def test_yunet_finds_each_face_where_it_is(yunet):
    found = Detector(yunet).detect(picture((180, 130, 110, BROWN, GREEN), (450, 140, 90, BLOND, RED, 1)))
    assert centres(found) == pytest.approx(np.array([(180, 133), (450, 143)]), abs=15)
    assert all(face.sure and face.frontal > 0.8 for face in found)


@pytest.mark.parametrize("size", [(480, 270), (333, 201), (40, 64)])
def test_yunet_finds_what_opencv_finds_with_it(size, yunet):
    image = cv2.resize(picture((180, 130, 110, BROWN, GREEN), (450, 140, 90, BLOND, RED, 1)), size)
    peer = cv2.FaceDetectorYN.create("onnx", np.frombuffer(yunet.model, np.uint8), np.empty(0, np.uint8), size, 0.7)
    expected = peer.detect(image)[1]
    assert YuNet(yunet.model, 0.7).detect(image) == pytest.approx(
        np.empty((0, 15)) if expected is None else expected, abs=1e-3
    )


def test_haar_finds_a_face_where_it_is():
    (found,) = Detector(DetectorSpec("haar")).detect(picture((180, 130, 110, BROWN, GREEN)))
    assert centres([found]) == pytest.approx(np.array([(180, 133)]), abs=15)
    assert found.height == pytest.approx(115, abs=25)


@pytest.mark.parametrize("kind", ["yunet", "haar"])
@pytest.mark.parametrize("shape", [(360, 640), (1, 1), (7, 300), (1081, 1919), (1280, 720)])
def test_a_wall_has_no_face_whatever_its_size(kind, shape, yunet):
    image = np.full((*shape, 3), ROOM, np.uint8)
    assert Detector(yunet if kind == "yunet" else DetectorSpec("haar")).detect(image) == []


@pytest.mark.parametrize("shape", [(3, 3), (20, 20), (7, 300), (32, 32)])
def test_in_a_tiny_picture_every_worker_sees_the_same(shape, yunet):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert all(Detector(yunet).detect(image) == [] for _ in range(150))


def test_boxes_are_in_pixels_of_the_picture_given(yunet):
    image = picture((180, 130, 110, BROWN, GREEN))
    (small,), (large,) = (Detector(yunet).detect(cv2.resize(image, None, fx=zoom, fy=zoom)) for zoom in (1, 3))
    assert centres([large]) == pytest.approx(3 * centres([small]), abs=15)


def test_a_worker_builds_the_same_detector_from_the_spec(yunet):
    image = picture((180, 130, 110, BROWN, GREEN))
    assert Detector(pickle.loads(pickle.dumps(yunet))).detect(image) == Detector(yunet).detect(image)


def test_auto_takes_yunet_where_its_file_is_and_haar_elsewhere(shared, no_yunet, monkeypatch):
    file = shared / "models" / detection.YUNET_NAME
    assert load_spec("auto").kind == "haar"
    assert load_spec("auto", str(file)).kind == "yunet"
    monkeypatch.setenv(detection.YUNET_VARIABLE, str(file))
    assert load_spec("auto").kind == "yunet"
    assert load_spec("haar") == DetectorSpec("haar")
    monkeypatch.delenv(detection.YUNET_VARIABLE)
    no_yunet.parent.mkdir(parents=True)
    no_yunet.write_bytes(file.read_bytes())
    assert load_spec("auto").kind == "yunet"
    assert load_spec("yunet").model == file.read_bytes()


def test_the_checksum_is_that_of_the_model(shared):
    model = (shared / "models" / detection.YUNET_NAME).read_bytes()
    assert hashlib.sha256(model).hexdigest() == detection.YUNET_SHA256


@pytest.mark.usefixtures("no_yunet")
def test_mistakes_are_named(tmp_path, monkeypatch):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"not the model")
    with pytest.raises(UserError, match="auto, yunet or haar"):
        load_spec("retina")
    with pytest.raises(UserError, match=r"other\.onnx: not .* sha256"):
        load_spec("auto", str(other))
    with pytest.raises(UserError, match=r"missing\.onnx.*cannot be read"):
        load_spec("auto", str(tmp_path / "missing.onnx"))
    monkeypatch.setattr(detection, "YUNET_URL", "http://127.0.0.1:9/model.onnx")  # nothing listens there
    with pytest.raises(UserError, match=r"cannot be fetched.*EMOTIONSCOPE_YUNET, or take --detector haar"):
        load_spec("yunet")


def test_a_fetched_file_is_checked_before_it_is_kept(tmp_path, no_yunet, monkeypatch):
    (tmp_path / "served.onnx").write_bytes(b"something else")
    monkeypatch.setattr(detection, "YUNET_URL", (tmp_path / "served.onnx").as_uri())
    with pytest.raises(UserError, match="another sha256"):
        load_spec("yunet")
    assert not no_yunet.exists()


def test_a_fetched_file_is_kept(shared, no_yunet, monkeypatch):
    monkeypatch.setattr(detection, "YUNET_URL", (shared / "models" / detection.YUNET_NAME).as_uri())
    assert load_spec("yunet").kind == "yunet"
    assert no_yunet.exists()
