import hashlib
import pickle

import cv2
import numpy as np
import pytest

from emotionscope.errors import UserError
from emotionscope.video import detection, tracking
from emotionscope.video.detection import Detection, Detector, DetectorSpec, load_spec
from tests.videos import draw_person

BROWN, BLACK, BLOND = (30, 40, 60), (15, 15, 15), (60, 160, 210)
GREEN, RED, BLUE = (60, 120, 40), (40, 40, 190), (170, 80, 40)
ROOM, STREET = (150, 140, 120), (70, 110, 180)


@pytest.fixture
def yunet(shared):
    return load_spec("yunet", str(shared / "models" / detection.YUNET_NAME))


@pytest.fixture
def no_yunet(tmp_path, monkeypatch):
    """Neither the variable nor the cache names a YuNet file."""
    monkeypatch.delenv(detection.YUNET_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".cache" / "emotionscope" / detection.YUNET_NAME


def picture(*persons, wall=ROOM) -> np.ndarray:
    image = np.full((360, 640, 3), wall, np.uint8)
    for person in persons:
        draw_person(image, *person)
    return cv2.GaussianBlur(image, (3, 3), 0)


def centres(found: list[Detection]) -> np.ndarray:
    """x and y of each, from left to right."""
    return np.array(sorted((face.x + face.width / 2, face.y + face.height / 2) for face in found))


def test_yunet_finds_each_face_where_it_is(yunet):
    found = Detector(yunet).detect(picture((180, 130, 110, BROWN, GREEN), (450, 140, 90, BLOND, RED, 1)))
    assert centres(found) == pytest.approx(np.array([(180, 133), (450, 143)]), abs=15)
    assert all(face.sure and face.frontal > 0.8 for face in found)


def test_haar_finds_a_face_where_it_is():
    (found,) = Detector(DetectorSpec("haar")).detect(picture((180, 130, 110, BROWN, GREEN)))
    assert centres([found]) == pytest.approx(np.array([(180, 133)]), abs=15)
    assert found.height == pytest.approx(115, abs=25)


@pytest.mark.parametrize("kind", ["yunet", "haar"])
@pytest.mark.parametrize("shape", [(360, 640), (1, 1), (7, 300), (1081, 1919), (1280, 720)])
def test_a_wall_has_no_face_whatever_its_size(kind, shape, yunet):
    image = np.full((*shape, 3), ROOM, np.uint8)
    assert Detector(yunet if kind == "yunet" else DetectorSpec("haar")).detect(image) == []


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


# Following. A face's box is given, so that these need no detector.
def seen_in(frames, sure=True):
    """Sightings of a list of (shot, wall, persons) drawn half a second apart."""
    seen = []
    for number, (shot, wall, persons) in enumerate(frames):
        image = picture(*persons, wall=wall)
        boxes = [(x - 0.38 * size, y - 0.5 * size, 0.76 * size, 1.04 * size) for x, y, size, *_ in persons]
        found = [Detection(*box, 0.9, 1.0, sure) for box in boxes]
        seen += tracking.sightings(image, 1.0, found, number, shot, number / 2)
    return seen


def who(seen) -> list[tuple[int, int, int]]:
    """The frame, left edge and person of each sighting."""
    return [(s.frame, s.box[0], person) for s, person in zip(seen, tracking.follow(seen), strict=True)]


def test_two_people_in_a_shot_stay_two_while_they_move():
    anna = [(150 + 12 * n, 130, 110, BROWN, GREEN, n / 6) for n in range(6)]
    ben = [(480 - 12 * n, 140, 90, BLOND, RED) for n in range(6)]
    persons = [
        {
            person
            for _, left, person in who(seen_in([(0, ROOM, [a, b]) for a, b in zip(anna, ben, strict=True)]))
            if test(left)
        }
        for test in (lambda left: left < 270, lambda left: left > 300)
    ]
    assert persons == [{0}, {1}]


def test_one_person_across_cuts_stays_one_and_the_other_shot_is_another():
    anna, closer = (180, 130, 110, BROWN, GREEN), (330, 150, 130, BROWN, GREEN)
    ben = (330, 150, 120, BLOND, RED)
    shots = [(0, ROOM, [anna])] * 3 + [(1, STREET, [ben])] * 2 + [(2, ROOM, [closer])] * 3
    assert [person for _, _, person in who(seen_in(shots))] == [0, 0, 0, 1, 1, 0, 0, 0]


def test_people_dressed_alike_are_two_when_in_one_picture():
    twins = [(180, 130, 100, BROWN, GREEN), (450, 130, 100, BROWN, GREEN)]
    persons = [person for _, _, person in who(seen_in([(0, ROOM, twins)] * 3))]
    assert sorted(persons) == [0, 0, 0, 1, 1, 1]


def test_the_most_prominent_person_is_the_first():
    small, large = (150, 130, 60, BLOND, RED), (420, 140, 140, BROWN, GREEN)
    assert {person for _, left, person in who(seen_in([(0, ROOM, [small, large])] * 3)) if left > 300} == {0}


def test_what_is_surely_no_face_is_left_out_unless_there_is_nothing_else():
    unsure = seen_in([(0, ROOM, [(450, 130, 100, BLACK, BLUE)])] * 2, sure=False)
    sure = seen_in([(0, ROOM, [(180, 130, 100, BROWN, GREEN)])] * 2)
    together = sorted(sure + unsure, key=lambda sighting: sighting.frame)
    assert tracking.follow(unsure) == [0, 0]
    assert tracking.follow(together) == [0, -1, 0, -1]
    assert tracking.choose(together, tracking.follow(together), 8) == [0, 2]


def test_nobody_is_nobody():
    assert tracking.follow([]) == []
    assert tracking.choose([], [], 8) == []


def test_a_cut_is_told_from_movement():
    first = tracking.layout(picture((180, 130, 110, BROWN, GREEN)))
    moved = tracking.layout(picture((230, 135, 120, BROWN, GREEN)))
    other = tracking.layout(picture((330, 150, 120, BLOND, RED), wall=STREET))
    assert not tracking.is_cut(first, moved)
    assert tracking.is_cut(first, other)


# Choosing.
def test_kept_faces_show_every_person_before_anyone_twice_and_are_in_order_of_time():
    crowd = [(90 + 150 * n, 120, 80 - 5 * n, hair, clothes) for n, (hair, clothes) in
             enumerate([(BROWN, GREEN), (BLOND, RED), (BLACK, BLUE), (BROWN, ROOM)])]  # fmt: skip
    seen = seen_in([(0, ROOM, crowd)] * 5)
    persons = tracking.follow(seen)
    for most in (1, 3, 4, 6, 50):
        kept = tracking.choose(seen, persons, most)
        assert len(kept) == min(most, 20)
        assert {persons[i] for i in kept} == set(range(min(most, 4)))
        assert [seen[i].time for i in kept] == sorted(seen[i].time for i in kept)


def test_a_sharp_large_face_is_better_than_a_blurred_or_small_one():
    def best(image, size):
        box = (320 - 0.38 * size, 150 - 0.5 * size, 0.76 * size, 1.04 * size)
        (sighting,) = tracking.sightings(image, 1.0, [Detection(*box, 0.9, 1.0, True)], 0, 0, 0.0)
        assert 0 <= sighting.quality <= 1
        return sighting.quality

    sharp = picture((320, 150, 120, BROWN, GREEN))
    assert best(sharp, 120) > 1.5 * best(cv2.GaussianBlur(sharp, (0, 0), 3), 120)
    assert best(sharp, 120) > 1.2 * best(picture((320, 150, 40, BROWN, GREEN)), 40)


def test_of_one_person_different_expressions_are_kept():
    smiles = [-1, -1, -1, -1, 1, -1, -1]
    seen = seen_in([(0, ROOM, [(320, 150, 120, BROWN, GREEN, smile)]) for smile in smiles])
    assert 4 in tracking.choose(seen, tracking.follow(seen), 2)


def test_a_crop_is_square_with_a_margin_also_at_the_border():
    image = picture((30, 30, 100, BROWN, GREEN))
    at_border = tracking.crop(image, Detection(-8, -20, 76, 104, 0.9, 1.0, True))
    assert at_border.shape == (114, 114, 3)
    assert tracking.crop(image, Detection(100, 50, 200, 300, 0.9, 1.0, True)).shape == (tracking.CROP, tracking.CROP, 3)
    decoded = cv2.imdecode(np.frombuffer(tracking.encode(at_border), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - at_border).mean() < 5
