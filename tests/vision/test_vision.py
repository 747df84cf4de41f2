"""The vision model as the jobs use it: any image in, seven probabilities out, and labels by name."""

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from emotionscope.errors import RowError, UserError
from emotionscope.labels import EMOTIONS
from emotionscope.tables import contracts, datasets
from emotionscope.vision import labelled_faces, preprocessing
from emotionscope.vision import model as vision_model
from emotionscope.vision.saliency import activation_map
from emotionscope.vision.votes import target, vote_columns
from tests.helpers.drawn_faces import drawn_face, write_faces
from tests.helpers.videos import BROWN, GREEN, picture


@pytest.fixture(scope="module")
def model() -> vision_model.VisionModel:
    return vision_model.create(32, seed=1)


def encoded(array: np.ndarray, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, array)[1].tobytes()


def pillow(tmp_path: Path, mode: str, kind: str) -> bytes:
    path = tmp_path / f"image.{kind}"
    Image.linear_gradient("L").convert(mode).save(path)
    return path.read_bytes()


def test_images_of_every_mode_give_probabilities(model: vision_model.VisionModel, tmp_path: Path) -> None:
    grey = np.tile(np.arange(60, dtype=np.uint8), (40, 1))
    images = [
        encoded(grey),
        encoded(grey.astype(np.uint16) * 256),
        encoded(np.dstack([grey] * 3), ".jpg"),
        encoded(np.dstack([grey] * 4)),
        encoded(np.zeros((1, 1), np.uint8)),
        encoded(np.zeros((1, 3000), np.uint8)),
        pillow(tmp_path, "CMYK", "jpg"),
        pillow(tmp_path, "P", "png"),
        pillow(tmp_path, "1", "png"),
        pillow(tmp_path, "LA", "png"),
    ]
    result = model.probabilities(images)
    assert result.shape == (len(images), 7)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)


def test_a_grey_and_a_16_bit_copy_of_a_picture_look_the_same(model: vision_model.VisionModel) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    same = [encoded(grey), encoded(grey.astype(np.uint16) * 257), encoded(np.dstack([grey] * 3))]
    np.testing.assert_allclose(np.ptp(model.probabilities(same), axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("image", [b"", b"no image", drawn_face(0)[:40]])
def test_what_is_no_image_is_named(model: vision_model.VisionModel, image: bytes) -> None:
    with pytest.raises(RowError, match=r"picture unreadable: .*image 1"):
        model.probabilities([drawn_face(0), image])


def test_no_images_give_no_rows(model: vision_model.VisionModel) -> None:
    assert model.probabilities([]).shape == (0, 7)


def test_a_face_scores_the_same_whatever_its_neighbours(model: vision_model.VisionModel) -> None:
    images = [drawn_face(i % 7, seed=i) for i in range(vision_model.BATCH + 3)]
    together = model.probabilities(images)
    np.testing.assert_allclose(model.probabilities(images[-2:]), together[-2:], atol=1e-5)
    np.testing.assert_array_equal(model.probabilities(images), together)


def test_with_mirror_a_face_and_its_mirror_image_score_alike() -> None:
    model = vision_model.create(32, seed=1)
    face = model.decode(drawn_face(2))
    both = np.stack([face, face[:, ::-1]])
    assert np.ptp(model.predict(both), axis=0).max() > 1e-4
    model.mirror = True
    np.testing.assert_allclose(np.ptp(model.predict(both), axis=0), 0, atol=1e-6)


def test_a_stored_model_predicts_as_before(model: vision_model.VisionModel) -> None:
    images = [drawn_face(i) for i in range(7)]
    loaded = vision_model.VisionModel.from_bytes(model.to_bytes())
    np.testing.assert_array_equal(loaded.probabilities(images), model.probabilities(images))
    assert loaded.to_bytes() == model.to_bytes()


@pytest.mark.parametrize("stem", vision_model.STEMS)
def test_half_precision_takes_half_the_space_for_nearly_the_same_answers(stem: str) -> None:
    model = vision_model.create(32, seed=1, stem=stem)
    whole, half = model.to_bytes(), model.to_bytes(torch.float16)
    assert len(half) < 0.51 * len(whole)
    faces = [drawn_face(i) for i in range(7)]
    np.testing.assert_allclose(
        vision_model.VisionModel.from_bytes(half).probabilities(faces), model.probabilities(faces), atol=0.01
    )


def rewritten(payload: bytes, change: dict[str, object], weights: dict[str, torch.Tensor] | None = None) -> bytes:
    """The payload with entries of its description replaced, and weights."""
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    description = json.loads(header["__metadata__"]["model"]) | change
    return save(load(payload) | (weights or {}), {"model": json.dumps(description)})


def test_outputs_in_another_order_are_put_right_by_name(model: vision_model.VisionModel) -> None:
    order = [3, 0, 6, 1, 5, 2, 4]
    names = [{"joy": "Happy", "anger": "ANGRY"}.get(EMOTIONS[k], EMOTIONS[k]) for k in order]
    weights = load(model.to_bytes())
    moved = {name: weights[name][order] for name in ("fc.weight", "fc.bias")}
    loaded = vision_model.VisionModel.from_bytes(rewritten(model.to_bytes(), {"labels": names}, moved))
    images = [drawn_face(i) for i in range(7)]
    np.testing.assert_allclose(loaded.probabilities(images), model.probabilities(images), atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": [*EMOTIONS[:6], "contempt"]},
        {"labels": [*EMOTIONS[:6], "joy"]},
        {"labels": [*EMOTIONS, "joy"]},
        {"format": "other"},
        {"architecture": "resnet50"},
        {"image_size": 0},
        {"image_size": "wide"},
        {"mean": None},
    ],
)
def test_a_file_with_another_description_is_refused(model: vision_model.VisionModel, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a vision model"):
        vision_model.VisionModel.from_bytes(rewritten(model.to_bytes(), change))


def test_a_damaged_file_is_refused(model: vision_model.VisionModel) -> None:
    payload = model.to_bytes()
    infinite = rewritten(payload, {}, {"fc.bias": torch.full((7,), torch.nan)})
    narrow = rewritten(payload, {}, {"conv1.weight": torch.zeros(64, 1, 7, 7)})
    for junk in (b"", b"PK\x03\x04" * 10, payload[:1000], payload[:-4], infinite, narrow, save({"a": torch.zeros(1)})):
        with pytest.raises(ValueError, match="not a vision model"):
            vision_model.VisionModel.from_bytes(junk)


def test_a_map_of_a_face_has_its_size_and_peaks_at_one(model: vision_model.VisionModel) -> None:
    face = model.decode(drawn_face(3))
    map_ = activation_map(model, face, "joy")
    assert map_.shape == face.shape
    assert map_.min() >= 0
    assert map_.max() == pytest.approx(1)
    assert not np.array_equal(map_, activation_map(model, face, "anger"))


def test_a_scan_counts_what_can_be_trained_on(tmp_path: Path) -> None:
    path = write_faces(tmp_path / "faces.parquet", {"train": 14, "Validation": 7, "test": 7, "holdout": 2})
    table = pq.read_table(path)
    pq.write_table(table.append_column("duplicate", pa.array([i < 3 for i in range(30)])), path)
    faces = labelled_faces.scan(str(path))
    assert faces.faces == {"train": 11, "dev": 7, "test": 7}
    assert faces.left_out == {"duplicate": 3, "split 'holdout'": 2}
    assert dict(zip(EMOTIONS, faces.classes["dev"], strict=True)) == dict.fromkeys(EMOTIONS, 1)


def test_faces_are_read_with_their_labels_and_bad_ones_left_out(tmp_path: Path) -> None:
    path = write_faces(tmp_path / "faces.parquet", {"train": 7, "dev": 7}, broken=2)
    group = labelled_faces.scan(str(path)).row_groups["train"][0]
    (batch,) = labelled_faces.read(group, "train", 32)
    assert batch["face"].shape == (5, 32, 32)
    assert batch["target"].argmax(axis=1).tolist() == [2, 3, 4, 5, 6]


def test_of_faces_in_pictures_each_is_aligned(tmp_path: Path) -> None:
    image = picture((300, 180, 110, BROWN, GREEN))
    rows = [("train", encoded(image)), ("dev", encoded(image[60:260, 200:400]))]
    columns = {name: list(values) for name, values in zip(("split", "image"), zip(*rows, strict=True), strict=True)}
    table = pa.table(columns | {"emotion": ["joy"] * 2})
    pq.write_table(table, tmp_path / "faces.parquet")
    groups = labelled_faces.scan(str(tmp_path / "faces.parquet")).row_groups
    far, near = (next(labelled_faces.read(groups[split][0], split, 48))["face"][0] for split in ("train", "dev"))
    plain = [preprocessing.decode(data, 48) for _, data in rows]
    assert alike(far, near) > 0.8 > alike(*plain) + 0.2  # the same face in the same place, however it was cut


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_an_utterances_faces_share_its_weight(tmp_path: Path) -> None:
    face = {"time": 0.0, "box": dict.fromkeys("xywh", 1), "quality": 0.5, "kept": True, "image": drawn_face(3)}
    rows = [
        {
            "dialogue_id": "d",
            "utterance_id": number,
            "utterance": "Hi",
            "emotion": "Joy",
            "split": split,
            "faces": [face | {"person": person, "kept": number < 4} for number, person in enumerate(people)],
            "video_error": None,
        }
        for number, (split, people) in enumerate([("train", [0, 0, 0, 1, 0]), ("train", []), ("dev", [0])])
    ]
    schema = pa.schema([("faces", contracts.FACES), ("emotion", pa.string()), ("split", pa.string())])
    table = pa.Table.from_pylist(rows, schema)
    datasets.write_part(table, str(tmp_path / "part-0.parquet"))
    faces = labelled_faces.scan(str(tmp_path))
    assert faces.faces["train"] == 4
    assert faces.left_out == {"no face": 1}
    (batch,) = labelled_faces.read(faces.row_groups["train"][0], "train", 32)
    assert batch["weight"].sum() == pytest.approx(1)
    assert batch["weight"][3] < batch["weight"][0]  # the listener counts less


VOTES = dict.fromkeys(EMOTIONS, 0) | {"contempt": 0, "unknown": 0, "NF": 0}


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({"joy": 10}, {"joy": 1.0}),
        ({"joy": 0.75, "neutral": 0.25}, {"joy": 0.75, "neutral": 0.25}),
        ({"joy": 4, "neutral": 4, "unknown": 2}, {"joy": 0.5, "neutral": 0.5}),
        ({"joy": 5, "contempt": 5}, None),
        ({"joy": 3, "sadness": 3, "NF": 4}, None),
        ({"joy": -1, "sadness": 5}, None),
        ({"joy": float("nan"), "sadness": 5}, None),
        ({}, {"anger": 1.0}),  # nobody voted: the row's one label
    ],
)
def test_votes_become_a_distribution(votes: dict[str, float], expected: dict[str, float] | None) -> None:
    row = VOTES | votes | {"emotion": "angry"}
    found, reason = target(row, vote_columns(row))
    if expected is None:
        assert found is None
        assert reason
    else:
        np.testing.assert_allclose(found, [expected.get(name, 0.0) for name in EMOTIONS])


def test_votes_go_by_the_names_of_their_columns_and_need_all_seven() -> None:
    named = vote_columns(["image", "Happiness", "neutral", "Sad", "anger", "disgust", "fear", "surprise", "contempt"])
    assert named["Happiness"] == "joy"
    assert named["contempt"] == ""
    assert "image" not in named
    assert vote_columns(["joy", "neutral", "contempt"]) == {}


def test_faces_are_read_with_their_votes(tmp_path: Path) -> None:
    rows = [
        VOTES | {"joy": 6, "neutral": 4, "image": drawn_face(3), "split": split} for split in ("train", "validation")
    ] + [VOTES | {"NF": 10, "image": drawn_face(3), "split": "train"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "faces.parquet")
    faces = labelled_faces.scan(str(tmp_path))
    assert faces.votes
    assert faces.left_out == {"none of the seven emotions": 1}
    (batch,) = labelled_faces.read(faces.row_groups["train"][0], "train", 32)
    assert batch["target"][0, EMOTIONS.index("joy")] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"image": [b""], "split": ["train"]}, "no column 'emotion', and no columns of votes"),
        ({"emotion": ["joy"], "split": ["dev"], "image": [b""]}, "no labelled face of split 'train'"),
        ({"emotion": ["joy"], "split": ["train"], "image": [b""]}, "no labelled face of split 'dev'"),
        ({"emotion": ["glee"], "split": ["train"], "image": [b""]}, "rows left out: 1 emotion 'glee'"),
        ({"emotion": ["joy"], "split": ["train"]}, "no column 'faces'"),
        ({"emotion": ["joy"], "image": [b""]}, "lacks the column split"),
    ],
)
def test_a_dataset_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, columns: dict[str, list], complaint: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "faces.parquet")
    with pytest.raises(UserError, match=complaint):
        labelled_faces.scan(str(tmp_path))
